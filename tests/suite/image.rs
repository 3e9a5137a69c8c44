//! Container images: the same bytes twice, accepted by other people's tools, and answering from inside.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::built::{Generation, program, run, sample_packages};
use crate::running::{self, Running};
use epr_build::carry::program::{MARKER, Program};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const DISTRIBUTION: &str = "staging";

/// A statically linked `epr-build`: the one under test if it is, else what `cargo static` made.
pub(crate) fn static_program() -> Option<PathBuf> {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/x86_64-unknown-linux-gnu/release/epr-build");
    let found =
        [PathBuf::from(env!("CARGO_BIN_EXE_epr-build")), made].into_iter().find(|path| Program::read(path).is_ok());
    running::skip_unless(found.is_some(), "no statically linked program: run `cargo static`");
    found
}

fn succeed(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// Builds the packages in `home/packages` and makes an image of them.
fn image(home: &Path, program_of_image: &Path, name: &str) -> PathBuf {
    let built = run(program(home).args(["--dist", DISTRIBUTION]));
    assert_eq!(built.status, Some(0), "{built:#?}");
    let path = home.join(name);
    let made = run(program(home)
        .args(["image", "--dist", DISTRIBUTION, "--tag", "8.5.0", "--output"])
        .arg(&path)
        .arg("--program")
        .arg(program_of_image));
    assert_eq!(made.status, Some(0), "{made:#?}");
    path
}

/// The sample packages in a folder of their own.
fn samples() -> TempDir {
    let home = TempDir::new().unwrap();
    succeed(Command::new("cp").arg("-r").arg(sample_packages()).arg(home.path().join("packages")));
    home
}

/// A file of the layout.
fn member(image: &Path, name: &str) -> Vec<u8> {
    let mut archive = tar::Archive::new(fs::File::open(image).unwrap());
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    let mut entry =
        entries.find(|entry| entry.path().unwrap() == Path::new(name)).unwrap_or_else(|| panic!("no {name}"));
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).unwrap();
    bytes
}

fn layers(image: &Path) -> Vec<String> {
    let list: Value = serde_json::from_slice(&member(image, "manifest.json")).unwrap();
    list[0]["Layers"].as_array().unwrap().iter().map(|layer| layer.as_str().unwrap().to_owned()).collect()
}

// The same input gives the same image, and a changed package moves its own layer and the answers, nothing else.
#[test]
fn an_update_moves_what_changed() {
    let Some(static_program) = static_program() else { return };
    let (first, second) = (samples(), samples());
    let before = image(first.path(), &static_program, "epr.tar");
    let again = image(second.path(), &static_program, "other.tar");
    assert!(fs::read(&before).unwrap() == fs::read(again).unwrap(), "two images of the same packages differ");

    let files = walkdir::WalkDir::new(first.path().join("packages/production")).sort_by_file_name();
    let mut files = files.into_iter().map(|entry| entry.unwrap().into_path());
    let changed = files.find(|path| path.ends_with("docs/README.md")).unwrap();
    fs::OpenOptions::new().append(true).open(changed).unwrap().write_all(b"\nMore.\n").unwrap();
    let after = image(first.path(), &static_program, "after.tar");
    let (before, after) = (layers(&before), layers(&after));
    let new: BTreeSet<_> = after.iter().filter(|layer| !before.contains(layer)).collect();
    assert_eq!(before.len(), after.len());
    assert!((1..=2).contains(&new.len()), "{} of {} layers are new", new.len(), after.len());
    assert_eq!(before[0], after[0], "the program is a layer of its own");
}

/// A file that begins like a program for Linux: enough to make an image of, not to run.
fn likeness_of_a_program(folder: &Path) -> PathBuf {
    let mut bytes = vec![0; 64];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    bytes[18] = 62;
    bytes.extend(MARKER);
    let path = folder.join("program");
    fs::write(&path, bytes).unwrap();
    path
}

// The server in the image answers below the path of the configuration, and the health check asks there.
#[test]
fn an_image_keeps_to_the_path_of_its_distribution() {
    for (prefix, asked) in [("", "http://127.0.0.1:8080"), ("/epr/x", "http://127.0.0.1:8080/epr/x/")] {
        let home = TempDir::new().unwrap();
        crate::incremental::add(&home.path().join("packages/production/one/1.0.0"), "one", "1.0.0", "");
        let path = if prefix.is_empty() { String::new() } else { format!(", prefix: {prefix}") };
        let config = format!("distributions: {{{DISTRIBUTION}: {{layers: [production]{path}}}}}");
        fs::write(home.path().join("epr-build.yml"), config).unwrap();
        let image = image(home.path(), &likeness_of_a_program(home.path()), "epr.tar");
        let list: Value = serde_json::from_slice(&member(&image, "manifest.json")).unwrap();
        let config: Value = serde_json::from_slice(&member(&image, list[0]["Config"].as_str().unwrap())).unwrap();
        assert_eq!(config["config"]["Healthcheck"]["Test"], serde_json::json!(["CMD", "/epr-build", "probe", asked]));
        let top = layers(&image).pop().unwrap();
        let (_, name) = top.rsplit_once('/').unwrap();
        let layer = member(&image, &format!("blobs/sha256/{name}"));
        let mut archive = tar::Archive::new(layer.as_slice());
        let mut entries = archive.entries().unwrap().map(Result::unwrap);
        let mut entry = entries.find(|entry| entry.path().unwrap().ends_with("hosting.json")).unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        assert!(text.contains(&format!("\"prefix\":\"{prefix}\"")), "{text}");
    }
}

// skopeo reads it by each of its tags and in both forms, umoci unpacks it, and what it runs answers like the original.
#[test]
fn other_tools_take_it_and_it_answers() {
    let Some(static_program) = static_program() else { return };
    let (Some(skopeo), Some(umoci)) = (running::binary("skopeo"), running::binary("umoci")) else { return };
    let home = samples();
    let image = image(home.path(), &static_program, "epr.tar");
    let generation = Generation::open(&home.path().join("out"), DISTRIBUTION);
    let id = generation.folder.file_name().unwrap().to_str().unwrap().to_owned();
    for tag in [DISTRIBUTION, &id, "8.5.0"] {
        for form in
            [format!("oci-archive:{}:{tag}", image.display()), format!("docker-archive:{}:epr:{tag}", image.display())]
        {
            let told: Value = serde_json::from_str(&succeed(Command::new(&skopeo).args(["inspect", &form]))).unwrap();
            assert_eq!(told["Labels"]["epr-build.generation"], id.as_str(), "{form}");
            assert_eq!((told["Architecture"].as_str(), told["Os"].as_str()), (Some("amd64"), Some("linux")), "{form}");
        }
    }
    let (root, told) = unpack(&skopeo, &umoci, &image, DISTRIBUTION, &home.path().join("unpacked"));
    assert_eq!(told["config"]["User"], "65532:65532");
    assert_eq!(
        told["config"]["Healthcheck"]["Test"],
        serde_json::json!(["CMD", "/epr-build", "probe", "http://127.0.0.1:8080"])
    );
    assert!(told["config"]["ExposedPorts"]["8080/tcp"].is_object());

    check_files(&root, &generation, &id);
    check_answers(&root, &told, &generation);
}

/// Every file of the site is there, with its content and time.
fn check_files(root: &Path, generation: &Generation, id: &str) {
    let site = root.join(format!("srv/epr/{DISTRIBUTION}/generations/{id}/site"));
    let files = generation.files();
    assert!(files.len() > 500, "{}", files.len());
    for (path, original) in files {
        let copy = site.join(&path[1..]);
        assert!(fs::read(&copy).unwrap() == fs::read(&original).unwrap(), "{path}");
        let time = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
        assert_eq!(time(&copy), time(&original), "{path}");
    }
}

/// Runs what the image says, with this root and user, and asks.
fn check_answers(root: &Path, told: &Value, generation: &Generation) {
    if !running::skip_unless(rustix::process::getuid().is_root(), "only root may change the root") {
        return;
    }
    let words = |key: &str| -> Vec<String> { serde_json::from_value(told["config"][key].clone()).unwrap() };
    let running = start(root, &words("Entrypoint"), &words("Cmd"), &words("Env"));
    for target in ["/", "/search?package=acme_vault&prerelease=true", "/package/acme_vault/1.1.0/", "/health"] {
        let mut stream = TcpStream::connect(&running.address).unwrap();
        stream.write_all(format!("GET {target} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
        assert!(answer.starts_with(b"HTTP/1.0 200") || answer.starts_with(b"HTTP/1.1 200"), "{target}");
        if target != "/health" {
            assert!(answer[end..] == generation.get(target), "{target}");
        }
    }
    // The health check of the image, from within, when it serves and when it does not.
    let probe = |address: &str| {
        Command::new("chroot")
            .arg("--userspec=65532:65532")
            .arg(root)
            .args(["/epr-build", "probe", address])
            .output()
            .unwrap()
    };
    assert!(probe(&format!("http://{}", running.address)).status.success());
    assert!(!probe(&format!("http://{}/search?prerelease=maybe", running.address)).status.success());
    let address = running.address.clone();
    drop(running);
    assert_eq!(probe(&format!("http://{address}")).status.code(), Some(2));
}

/// An image of a distribution, unpacked and running.
pub(crate) fn start_generated(home: &Path, distribution: &str) -> Option<Running> {
    let program_of_image = static_program()?;
    let (skopeo, umoci) = (running::binary("skopeo")?, running::binary("umoci")?);
    if !running::skip_unless(rustix::process::getuid().is_root(), "only root may change the root") {
        return None;
    }
    let path = home.join(format!("{distribution}.image.tar"));
    let made = run(program(home)
        .args(["image", "--quiet", "--dist", distribution, "--program"])
        .arg(program_of_image)
        .arg("--output")
        .arg(&path));
    assert_eq!(made.status, Some(0), "{made:#?}");
    let (root, told) = unpack(&skopeo, &umoci, &path, distribution, &home.join(format!("{distribution}.image")));
    let words = |key: &str| -> Vec<String> { serde_json::from_value(told["config"][key].clone()).unwrap() };
    Some(start(&root, &words("Entrypoint"), &words("Cmd"), &words("Env")))
}

/// Unpacks an image by other people's tools: the root, and what it says of itself.
fn unpack(skopeo: &Path, umoci: &Path, image: &Path, tag: &str, to: &Path) -> (PathBuf, Value) {
    let source = format!("oci-archive:{}:{tag}", image.display());
    let told = succeed(Command::new(skopeo).args(["inspect", "--config", "--raw", &source]));
    fs::create_dir_all(to).unwrap();
    let layout = format!("{}:{tag}", to.join("layout").display());
    succeed(Command::new(skopeo).args(["copy", "--quiet", &source, &format!("oci:{layout}")]));
    let bundle = to.join("bundle");
    succeed(Command::new(umoci).args(["unpack", "--rootless", "--image", &layout]).arg(&bundle));
    (bundle.join("rootfs"), serde_json::from_str(&told).unwrap())
}

/// The process of an unpacked image, on another port.
fn start(root: &Path, entrypoint: &[String], command: &[String], environment: &[String]) -> Running {
    running::start("image", |address| {
        let mut process = Command::new("chroot");
        process.arg("--userspec=65532:65532").arg(root).args(entrypoint).args(command).env_clear();
        process.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        for variable in environment {
            let (name, value) = variable.split_once('=').unwrap();
            process.env(name, value.replace("0.0.0.0:8080", address));
        }
        process.stdout(Stdio::null());
        process
    })
}

/// As Elastic's operator starts the registry's image: any user, its certificates and a configuration mounted, all by the
/// environment, nothing written.
#[test]
fn it_takes_the_place_of_the_registrys_image() {
    let Some(static_program) = static_program() else { return };
    let (Some(skopeo), Some(umoci)) = (running::binary("skopeo"), running::binary("umoci")) else { return };
    let (Some(openssl), Some(curl)) = (running::binary("openssl"), running::binary("curl")) else { return };
    if !running::skip_unless(rustix::process::getuid().is_root(), "only root may change the root") {
        return;
    }
    let home = samples();
    let image = image(home.path(), &static_program, "epr.tar");
    let (root, told) = unpack(&skopeo, &umoci, &image, DISTRIBUTION, &home.path().join("unpacked"));
    let mounted = root.join("mnt/elastic-internal/http-certs");
    let files = crate::serving::certificate(&openssl, &mounted);
    fs::rename(files.certificate, mounted.join("tls.crt")).unwrap();
    fs::rename(files.key, mounted.join("tls.key")).unwrap();
    fs::set_permissions(mounted.join("tls.key"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::create_dir(root.join("package-registry")).unwrap();
    fs::write(root.join("package-registry/config.yml"), "package_paths: [/packages/package-storage]\n").unwrap();
    let before = files_of(&root);
    let words = |key: &str| -> Vec<String> { serde_json::from_value(told["config"][key].clone()).unwrap() };
    let said = home.path().join("said");
    let running = running::start("image", |address| {
        let mut chroot = Command::new("chroot");
        chroot.arg("--userspec=1234:0").arg(&root).args(words("Entrypoint")).args(words("Cmd")).env_clear();
        chroot.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        chroot.env("EPR_ADDRESS", address).env("EPR_TLS_MIN_VERSION", "1.0").env("EPR_LOG_LEVEL", "info");
        chroot.env("EPR_TLS_CERT", "/mnt/elastic-internal/http-certs/tls.crt");
        chroot.env("EPR_TLS_KEY", "/mnt/elastic-internal/http-certs/tls.key");
        chroot.env("EPR_CONFIG", "/package-registry/config.yml").env("EPR_FEATURE_PROXY_MODE", "false");
        chroot.stdout(Stdio::null()).stderr(fs::File::create(&said).unwrap());
        chroot
    });
    let ask = |target: &str| {
        let url = format!("https://localhost:{}{target}", running.address.rsplit_once(':').unwrap().1);
        Command::new(&curl).args(["-sf", "--cacert"]).arg(mounted.join("tls.crt")).arg(url).output().unwrap()
    };
    assert!(ask("/health").status.success());
    let generation = Generation::open(&home.path().join("out"), DISTRIBUTION);
    let target = "/search?package=acme_vault&prerelease=true";
    assert!(ask(target).stdout == generation.get(target));
    drop(running);
    assert_eq!(files_of(&root), before, "something was written");
    let said = fs::read_to_string(said).unwrap();
    assert!(said.contains("note: not needed here: `EPR_CONFIG`, `EPR_FEATURE_PROXY_MODE`; "), "{said}");
    assert!(said.contains("warning: TLS 1.0 and 1.1 are not spoken"), "{said}");
}

/// Everything below a folder, with its size.
fn files_of(root: &Path) -> Vec<(PathBuf, u64)> {
    let entries = walkdir::WalkDir::new(root).sort_by_file_name().into_iter().map(Result::unwrap);
    entries.map(|entry| (entry.path().to_owned(), entry.metadata().unwrap().len())).collect()
}

#[test]
fn programs_that_need_libraries_are_refused() {
    let home = samples();
    assert_eq!(run(program(home.path()).args(["--dist", DISTRIBUTION, "--quiet"])).status, Some(0));
    for (path, said) in [("/bin/sh", "needs libraries"), ("packages", "cannot read"), ("out/.lock", "is not a program")]
    {
        if path.starts_with("out") {
            fs::write(home.path().join(path), "x").unwrap();
        }
        let made =
            run(program(home.path()).args(["image", "--dist", DISTRIBUTION, "--output", "a.tar", "--program", path]));
        assert_eq!(made.status, Some(2), "{made:#?}");
        assert!(made.stderr.contains(said), "{made:#?}");
        assert!(!home.path().join("a.tar").exists());
    }
}
