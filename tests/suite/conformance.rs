//! Real packages against the recorded answers of the reference, over the built-in server and over nginx.
//!
//! Data and recordings lie outside of the repository. The small set (250 versions) is always tried, the full one (2,001
//! versions, minutes) when `EPR_CONFORMANCE` is `full`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

use crate::archives;
use crate::built::{DISTRIBUTIONS, Generation, program, run};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The folder of documents, data and recordings that the tests share with other projects.
pub(crate) fn shared() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let folder = std::env::var_os("EPR_SHARED").map_or_else(beside, PathBuf::from);
    let found = folder.join("oracle/replay.py").exists();
    assert!(found || std::env::var_os("EPR_REQUIRE_ALL").is_none(), "no recordings in {}", folder.display());
    if !found {
        println!("skipped: no recordings in {}", folder.display());
    }
    found.then_some(folder)
}

/// A server that runs until it is dropped.
struct Server {
    process: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // TERM, so that the master of nginx takes its workers along.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

/// The built-in server, on a port of its own choice.
fn serve(home: &Path, distribution: &str) -> Server {
    let mut process = program(home)
        .args(["serve", "--dist", distribution, "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit_once("http://").unwrap_or_else(|| panic!("no address in `{line}`")).1.to_owned();
    Server { process, address }
}

/// A real nginx with the generated configuration, of which only the address and the folder for its state are changed.
fn nginx(home: &Path, distribution: &str) -> Option<Server> {
    let binary = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx", "/opt/homebrew/bin/nginx"];
    let Some(binary) = binary.into_iter().find(|path| Path::new(path).exists()) else {
        assert!(std::env::var_os("EPR_REQUIRE_ALL").is_none(), "no nginx");
        println!("skipped: no nginx");
        return None;
    };
    let generation = fs::canonicalize(home.join("out").join(distribution).join("current")).unwrap();
    let prefix = generation.join("hosts/nginx-elsewhere");
    fs::create_dir_all(&prefix).unwrap();
    for entry in fs::read_dir(generation.join("hosts/nginx")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, prefix.join(path.file_name().unwrap())).unwrap();
    }
    let generated = fs::read_to_string(prefix.join("nginx.conf")).unwrap();
    let state =
        generated.lines().find_map(|line| line.strip_prefix("pid ")?.strip_suffix(".pid;")).expect("a `pid` line");
    // Between finding a port and using it another test may take it: then the next one.
    for _ in 0..5 {
        let address = format!("127.0.0.1:{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
        let changed = generated
            .replace("listen 127.0.0.1:8080;", &format!("listen {address};"))
            .replace(state, prefix.join("state").to_str().unwrap());
        assert!(changed.contains(&address), "the address is written in another way:\n{changed}");
        fs::write(prefix.join("nginx.conf"), changed).unwrap();
        // Workers of a master that runs as root would lose access to the temporary folder.
        let user = if rustix::process::getuid().is_root() { " user root;" } else { "" };
        let process = Command::new(binary)
            .args(["-e", "stderr", "-c", "nginx.conf", "-g", &format!("daemon off;{user}"), "-p"])
            .arg(&prefix)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Server { process, address };
        let start = Instant::now();
        while server.process.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(30) {
            if TcpStream::connect(&server.address).is_ok() {
                return Some(server);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    panic!("nginx does not start");
}

/// Replays all recorded requests; what differs is in the result.
fn replay(shared: &Path, server: &Server, size: &str, distribution: &str, gzip: bool) -> Result<String, String> {
    let mut command = Command::new("python3");
    command.arg(shared.join("oracle/replay.py")).arg(format!("http://{}", server.address)).args([size, distribution]);
    if gzip {
        command.arg("--gzip");
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(text) } else { Err(text) }
}

/// Unpacks the packages, builds every distribution and replays everything against every server.
fn conform(shared: &Path, size: &str, archive: &str) {
    let start = Instant::now();
    let home = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let unpack = "zstd -dc --long=31 \"$0\" | tar -x";
    let unpacked = Command::new("sh")
        .args(["-c", unpack])
        .arg(shared.join("data").join(archive))
        .current_dir(home.path())
        .status();
    assert!(unpacked.unwrap().success(), "{archive} cannot be unpacked");
    println!("{size}: unpacked after {:?}", start.elapsed());
    let built = run(program(home.path()).args(["--all-dists", "--packages"]).arg(packages_below(home.path())));
    println!("{size}: built after {:?}\n{}", start.elapsed(), built.stdout);
    assert_eq!(built.status, Some(0), "{built:#?}");
    let mut different = Vec::new();
    for distribution in DISTRIBUTIONS {
        let servers = [("serve", Some(serve(home.path(), distribution))), ("nginx", nginx(home.path(), distribution))];
        for (name, server) in &servers {
            let Some(server) = server else { continue };
            for gzip in [false, true] {
                match replay(shared, server, size, distribution, gzip) {
                    Ok(text) => println!("{name}, gzip {gzip}: {}", text.trim()),
                    Err(text) => different.push(format!("{name}, gzip {gzip}: {text}")),
                }
            }
        }
        println!("{size}: {distribution} replayed after {:?}", start.elapsed());
        let generation = Generation::open(&home.path().join("out"), distribution);
        // The largest distribution holds the archives of all others.
        if distribution == "snapshot" {
            let archives = archives::check_contents(&generation);
            let listed = archives::check_with_unzip(&generation, 50);
            println!("{size}: {archives} archives equal their folders, {listed} read by unzip, {:?}", start.elapsed());
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// The folder that holds the layers, wherever the archive puts it.
fn packages_below(home: &Path) -> PathBuf {
    let found = walkdir::WalkDir::new(home).max_depth(3).into_iter().map(Result::unwrap);
    let layer = found.map(walkdir::DirEntry::into_path).find(|path| path.ends_with("production"));
    layer.expect("a layer `production`").parent().unwrap().to_owned()
}

/// 250 versions answer as the reference does, on both servers, with and without compression.
#[test]
fn the_small_set_answers_as_the_reference() {
    let Some(shared) = shared() else { return };
    conform(&shared, "small", "package-storage-small.tar.zst");
}

/// 2,001 versions do.
#[test]
fn the_full_set_answers_as_the_reference() {
    let Some(shared) = shared() else { return };
    if std::env::var_os("EPR_CONFORMANCE").is_none_or(|wanted| wanted != "full") {
        println!("skipped: EPR_CONFORMANCE is not `full`");
        return;
    }
    conform(&shared, "full", "package-storage.tar.zst");
    // Continuous integration looks for this note, to be sure that nothing was skipped.
    fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance-full"), "").unwrap();
}
