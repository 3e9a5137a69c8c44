//! Real packages against the recorded answers of the reference, over the built-in server and over others.
//!
//! Data and recordings lie outside of the repository. The small set (250 versions) is always tried, the full one (2,001
//! versions, minutes) when `EPR_CONFORMANCE` is `full`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

use crate::built::{DISTRIBUTIONS, Generation, program, run};
use crate::routers::{apache, caddy, edge_sites, haproxy};
use crate::running::{self, Running};
use crate::selections::check_law_of_layers;
use crate::{archives, image, publish};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

/// The folder of documents, data and recordings that the tests share with other projects.
pub(crate) fn shared() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let folder = std::env::var_os("EPR_SHARED").map_or_else(beside, PathBuf::from);
    let found = folder.join("oracle/replay.py").exists();
    running::skip_unless(found, &format!("no recordings in {}", folder.display())).then_some(folder)
}

/// Starts a server for a distribution below a folder; `None` where the server is absent.
type Start = fn(&Path, &str) -> Option<Running>;

/// Every server that answers from a generation.
///
/// The first two also answer for the full data.
const SERVERS: [(&str, Start); 9] = [
    ("serve", |home, distribution| Some(serve(home, distribution))),
    ("nginx", nginx),
    ("apache", |home, distribution| apache::start_generated(&current(home, distribution))),
    ("caddy", caddy),
    ("cloudflare", |home, distribution| edge_sites::start_built("cloudflare", home, distribution)),
    ("cloudfront", |home, distribution| edge_sites::start_built("cloudfront", home, distribution)),
    ("haproxy", |home, distribution| haproxy::start_generated(&current(home, distribution))),
    ("image", image::start_generated),
    ("object store", publish::start_behind_haproxy),
];

/// The generation of a distribution.
fn current(home: &Path, distribution: &str) -> PathBuf {
    fs::canonicalize(home.join("out").join(distribution).join("current")).unwrap()
}

/// Copies the folder of a host, whose configuration is to be changed, beside it.
pub(crate) fn copy_host(generation: &Path, host: &str) -> PathBuf {
    let folder = generation.join(format!("hosts/{host}-elsewhere"));
    fs::create_dir_all(&folder).unwrap();
    for entry in fs::read_dir(generation.join("hosts").join(host)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    folder
}

/// The built-in server.
pub(crate) fn serve(home: &Path, distribution: &str) -> Running {
    running::start("serve", |address| {
        let mut command = program(home);
        command.args(["serve", "--dist", distribution, "--listen", address]).stdout(Stdio::null());
        command
    })
}

/// A real nginx with the generated configuration, of which only the address and the folder for its state are changed.
pub(crate) fn nginx(home: &Path, distribution: &str) -> Option<Running> {
    let binary = running::binary("nginx")?;
    let prefix = copy_host(&current(home, distribution), "nginx");
    let generated = fs::read_to_string(prefix.join("nginx.conf")).unwrap();
    let state =
        generated.lines().find_map(|line| line.strip_prefix("pid ")?.strip_suffix(".pid;")).expect("a `pid` line");
    Some(running::start("nginx", |address| {
        let changed = generated
            .replace("listen 127.0.0.1:8080;", &format!("listen {address};"))
            .replace(state, prefix.join("state").to_str().unwrap());
        assert!(changed.contains(address), "the address is written in another way:\n{changed}");
        fs::write(prefix.join("nginx.conf"), changed).unwrap();
        running::nginx_command(&binary, &prefix)
    }))
}

/// A real Caddy with the generated configuration, of which only the address is changed.
fn caddy(home: &Path, distribution: &str) -> Option<Running> {
    let binary = running::binary("caddy")?;
    Some(caddy::start_generated(&binary, &home.join("out").join(distribution)))
}

/// How many of the servers answer for the full data, which takes minutes each.
const FOR_ALL_DATA: usize = 2;

/// Replays all recorded requests; what differs is in the result.
fn replay(shared: &Path, server: &Running, size: &str, distribution: &str, gzip: bool) -> Result<String, String> {
    let mut command = Command::new("python3");
    command.arg(shared.join("oracle/replay.py")).arg(format!("http://{}", server.address)).args([size, distribution]);
    if gzip {
        command.arg("--gzip");
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(text) } else { Err(text) }
}

/// The packages of an archive, in a folder of their own.
pub(crate) fn unpacked(shared: &Path, archive: &str) -> TempDir {
    let home = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let unpack = "zstd -dc --long=31 \"$0\" | tar -x";
    let unpacked = Command::new("sh")
        .args(["-c", unpack])
        .arg(shared.join("data").join(archive))
        .current_dir(home.path())
        .status();
    assert!(unpacked.unwrap().success(), "{archive} cannot be unpacked");
    home
}

/// Unpacks the packages, builds every distribution and replays everything against every server. Gives the folder of the
/// layers, and what removes it.
fn conform(shared: &Path, size: &str, archive: &str, servers: &[(&str, Start)]) -> (PathBuf, TempDir) {
    let start = Instant::now();
    let home = unpacked(shared, archive);
    println!("{size}: unpacked after {:?}", start.elapsed());
    let packages = packages_below(home.path());
    let built = run(program(home.path()).args(["--all-dists", "--packages"]).arg(&packages));
    println!("{size}: built after {:?}\n{}", start.elapsed(), built.stdout);
    assert_eq!(built.status, Some(0), "{built:#?}");
    let mut different = Vec::new();
    for distribution in DISTRIBUTIONS {
        for (name, start) in servers {
            let Some(server) = start(home.path(), distribution) else { continue };
            for gzip in [false, true] {
                match replay(shared, &server, size, distribution, gzip) {
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
    (packages, home)
}

/// The folder that holds the layers, wherever the archive puts it.
pub(crate) fn packages_below(home: &Path) -> PathBuf {
    let found = walkdir::WalkDir::new(home).max_depth(3).into_iter().map(Result::unwrap);
    let layer = found.map(walkdir::DirEntry::into_path).find(|path| path.ends_with("production"));
    layer.expect("a layer `production`").parent().unwrap().to_owned()
}

/// 250 versions answer as the reference does, on all servers, with and without compression.
#[test]
fn the_small_set_answers_as_the_reference() {
    let Some(shared) = shared() else { return };
    conform(&shared, "small", "package-storage-small.tar.zst", &SERVERS);
}

/// 2,001 versions do, and selections over them keep the law; the data is unpacked once for both.
#[test]
fn the_full_set_answers_as_the_reference() {
    let Some(shared) = shared() else { return };
    if std::env::var_os("EPR_CONFORMANCE").is_none_or(|wanted| wanted != "full") {
        println!("skipped: EPR_CONFORMANCE is not `full`");
        return;
    }
    let (packages, _home) = conform(&shared, "full", "package-storage.tar.zst", &SERVERS[..FOR_ALL_DATA]);
    check_law_of_layers(&packages, 1990);
    // Continuous integration looks for this note, to be sure that nothing was skipped.
    fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance-full"), "").unwrap();
}
