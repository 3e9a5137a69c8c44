//! The program against a real implementation of S3: `moto_server` of the Python package `moto[server]`.

use super::reader::{Reader, check, requests};
use crate::built::{Generation, build_samples, program, run};
use crate::routers::client::{Client, Response};
use crate::routers::haproxy;
use crate::running::{self, Running, skip_unless};
use epr_build::answers::route::request::{Decision, Kind};
use epr_build::carry::publish::target::Target;
use object_store::aws::AmazonS3Builder;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const PREFIX: &str = "epr/of us";
const TO: &str = "s3://bucket/epr/of%20us";

/// A server with a bucket that everybody may read, and the log of what is asked of it.
struct S3 {
    server: Running,
    log: PathBuf,
}

fn binary() -> Option<PathBuf> {
    running::binary("moto_server")
}

/// A generation in a bucket, with HAProxy in front.
pub(crate) fn start_behind_haproxy(home: &Path, distribution: &str) -> Option<Running> {
    running::binary("haproxy")?;
    let s3 = S3::start(home)?;
    let to = format!("s3://bucket/{distribution}");
    let mut command = s3.command(home, &["publish", "--dist", distribution, "--whole", "--to", &to]);
    let published = command.output().unwrap();
    assert!(published.status.success(), "{published:?}");
    let generation = fs::canonicalize(home.join("out").join(distribution).join("current")).unwrap();
    let id = generation.file_name().unwrap().to_str().unwrap();
    haproxy::start_before(&generation, s3.server, &format!("/bucket/{distribution}/g/{id}-whole"))
}

impl S3 {
    fn start(home: &Path) -> Option<Self> {
        let (binary, log) = (binary()?, home.join("moto.log"));
        let server = running::start("moto_server", |address| {
            let (host, port) = address.split_once(':').unwrap();
            let mut command = Command::new(&binary);
            command.args(["-H", host, "-p", port]).stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap());
            command
        });
        let s3 = Self { server, log };
        s3.put("/bucket", "");
        s3.put(
            "/bucket?policy",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]}]}"#,
        );
        Some(s3)
    }

    fn put(&self, path: &str, body: &str) {
        let mut stream = std::net::TcpStream::connect(&self.server.address).unwrap();
        let length = body.len();
        write!(stream, "PUT {path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
        assert!(answer.contains(" 200 ") || answer.contains(" 204 "), "{path}: {answer}");
    }

    /// The requests so far, as method and path.
    fn requests(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().filter_map(|line| Some(line.split('"').nth(1)?.trim_end_matches(" HTTP/1.1").to_owned())).collect()
    }

    fn publish(&self, home: &Path, more: &[&str]) -> Command {
        let mut command = self.command(home, &["publish", "--dist", "production", "--to", TO]);
        command.args(more);
        command
    }

    /// The program, with what leads it here.
    fn command(&self, home: &Path, arguments: &[&str]) -> Command {
        let mut command = program(home);
        command.args(arguments);
        command.env("AWS_ENDPOINT_URL", format!("http://{}", self.server.address)).env("AWS_ALLOW_HTTP", "true");
        command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret").env("AWS_REGION", "us-east-1");
        command
    }

    fn target(&self) -> Target {
        // Only the first call counts.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let builder = AmazonS3Builder::new().with_bucket_name("bucket").with_region("us-east-1").with_allow_http(true);
        let builder = builder.with_access_key_id("key").with_secret_access_key("secret");
        let store = builder.with_endpoint(format!("http://{}", self.server.address)).build().unwrap();
        let shown = TO.to_owned();
        Target { store: Arc::new(store), folder: None, prefix: PREFIX.to_owned(), keeps_headers: true, shown }
    }
}

/// A path as it is asked for.
fn encoded(key: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'_' | b'-' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    key.bytes().map(byte).collect()
}

fn packages(home: &Path) -> PathBuf {
    home.join("packages")
}

fn build(home: &Path) -> Generation {
    let built = run(program(home).args(["--dist", "production"]));
    assert_eq!(built.status, Some(0), "{built:#?}");
    Generation::open(&home.join("out"), "production")
}

/// The sample packages and one with a file that is sent in parts, which no compression makes smaller.
fn site() -> (tempfile::TempDir, Generation) {
    let home = build_samples();
    fs::remove_dir_all(home.path().join("out")).unwrap();
    crate::incremental::copy(&crate::built::sample_packages(), &packages(home.path()));
    let mut noise = 1_u64;
    let mut large = Vec::new();
    while large.len() < 9 * 1024 * 1024 {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        large.extend((noise >> 24).to_le_bytes());
    }
    let folder = packages(home.path()).join("production");
    crate::incremental::add(&folder.join("large/1.0.0"), "large", "1.0.0", "");
    fs::write(folder.join("large/1.0.0/docs/large.bin"), large).unwrap();
    let generation = build(home.path());
    (home, generation)
}

/// What a client sees of an answer, apart from when and by whom it was sent.
fn seen(response: &Response) -> (u16, BTreeMap<String, String>, &[u8]) {
    let names = ["content-type", "content-encoding", "cache-control", "content-length"];
    let headers = names.iter().filter_map(|name| Some(((*name).to_owned(), response.header(name)?.to_lowercase())));
    (response.status, headers.collect(), &response.body)
}

/// Every file is sent by the bucket as the built-in server sends it, compressed and not.
#[test]
fn a_bucket_sends_what_the_server_sends() {
    if !skip_unless(binary().is_some(), "no moto_server") {
        return;
    }
    let (home, generation) = site();
    let s3 = S3::start(home.path()).unwrap();
    let published = run(&mut s3.publish(home.path(), &[]));
    assert_eq!(published.status, Some(0), "{published:#?}");
    assert!(published.stdout.contains("is in use now at s3://bucket/epr/of%20us"), "{published:#?}");
    assert!(s3.requests().iter().any(|request| request.contains("large.bin?uploads")), "nothing is sent in parts");

    let before = s3.requests().len();
    let again = run(&mut s3.publish(home.path(), &[]));
    assert!(again.status == Some(0) && again.stdout.contains("uploaded   0 objects, 0 B"), "{again:#?}");
    // The pointer, before anything else, to see what would be lost; then the state, and the pointer once more.
    assert_eq!(s3.requests().len() - before, 3, "{:?}", &s3.requests()[before..]);

    let serve = running::start("serve", |address| {
        let mut command = program(home.path());
        command.args(["serve", "--dist", "production", "--listen", address]).stdout(Stdio::null());
        command
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reader = runtime.block_on(Reader::open(&s3.target())).unwrap();
    let (mut server, mut bucket) = (Client::connect(&serve.address), Client::connect(&s3.server.address));
    let mut kinds = BTreeMap::new();
    for request in requests(&[&generation]) {
        let Decision::File(file) = reader.decide(&request) else { continue };
        let expected = server.get(&request);
        let Some(key) = reader.key(&file) else {
            assert_eq!(expected.status, 404, "{request}");
            continue;
        };
        let address = encoded(&format!("/bucket/{PREFIX}/{key}"));
        if expected.status == 404 {
            assert_eq!(bucket.ask(&address, &[]).status, 404, "{request}");
            continue;
        }
        assert_eq!(seen(&bucket.ask(&address, &[])), seen(&expected), "{request}");
        let kind = format!("{:?}", file.kind).split('(').next().unwrap().to_owned();
        *kinds.entry(kind).or_insert(0) += 1;
        let gzip = server.send("GET", &request, &[("accept-encoding", "gzip")]);
        if gzip.header("content-encoding").is_some() {
            let twin = bucket.ask(&format!("{address}.gz"), &[]);
            assert_eq!(seen(&twin), seen(&gzip), "{request}");
            *kinds.entry("compressed".to_owned()).or_insert(0) += 1;
        } else if !matches!(file.kind, Kind::Packaged(_)) {
            assert_eq!(bucket.ask(&format!("{address}.gz"), &[]).status, 404, "{request} has an odd copy");
        }
    }
    println!("{kinds:?}");
    let expected =
        ["Answer", "Archive", "Document", "Icon", "Index", "Packaged", "Page", "Signature", "Versions", "compressed"];
    assert_eq!(kinds.keys().map(String::as_str).collect::<Vec<_>>(), expected);
}

/// nginx in front of the bucket answers every request as the built-in server does, errors included, and switches between
/// generations with its reload.
#[test]
fn nginx_in_front_answers_as_the_server_does() {
    let (moto, Some(nginx)) = (binary(), running::binary("nginx")) else { return };
    if !skip_unless(moto.is_some(), "no moto_server") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    crate::incremental::copy(&crate::built::sample_packages(), &packages(home.path()));
    let first = build(home.path());
    let s3 = S3::start(home.path()).unwrap();
    let (front, origin) = (home.path().join("front"), format!("http://{}/bucket/epr/of%20us", s3.server.address));
    let more = ["--nginx", front.to_str().unwrap(), "--origin", &origin];
    let publish = || {
        let published = run(&mut s3.publish(home.path(), &more));
        assert_eq!(published.status, Some(0), "{published:#?}");
        let conf = fs::read_to_string(front.join("nginx.conf")).unwrap();
        let state = conf.lines().find_map(|line| line.strip_prefix("pid ")?.strip_suffix(".pid;")).unwrap();
        conf.replace(state, front.join("state").to_str().unwrap())
    };
    let conf = publish();
    let running = running::start("nginx", |address| {
        fs::write(front.join("nginx.conf"), conf.replace("listen 127.0.0.1:8080;", &format!("listen {address};")))
            .unwrap();
        running::nginx_command(&nginx, &front)
    });
    let serve = running::start("serve", |address| {
        let mut command = program(home.path());
        command.args(["serve", "--dist", "production", "--listen", address]).stdout(Stdio::null());
        command
    });
    let all = || {
        // A third of the files is plenty for a server of S3 that is made for tests.
        let mut asked: Vec<_> = requests(&[&first]).into_iter().step_by(3).collect();
        asked.extend(ODD.map(str::to_owned));
        asked
    };
    compare(&all(), &serve.address, &running.address);

    // The next generation is published and served by the built-in server; nginx answers the first one until its reload.
    let asked = requests(&[&first]);
    let sample = &asked[..asked.len() / 10];
    let before: Vec<_> = sample.iter().map(|request| Client::connect(&running.address).get(request).body).collect();
    crate::incremental::settle();
    fs::remove_dir_all(packages(home.path()).join("production/acme_mail")).unwrap();
    crate::incremental::add(&packages(home.path()).join("production/new/1.0.0"), "new", "1.0.0", "");
    let second = build(home.path());
    let conf = publish().replace("listen 127.0.0.1:8080;", &format!("listen {};", running.address));
    fs::write(front.join("nginx.conf"), conf).unwrap();
    let still: Vec<_> = sample.iter().map(|request| Client::connect(&running.address).get(request).body).collect();
    assert!(still == before);
    let mut reload = running::nginx_command(&nginx, &front);
    assert!(reload.args(["-s", "reload"]).status().unwrap().success());
    let begin = std::time::Instant::now();
    while Client::connect(&running.address).get("/package/new/1.0.0/").status != 200 {
        assert!(begin.elapsed() < Duration::from_secs(20), "nginx does not switch");
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut asked = requests(&[&second]);
    asked.retain(|request| request.contains("mail") || request.contains("new") || request.contains("search"));
    asked.push("/package/acme_mail/1.0.0/manifest.yml".to_owned());
    compare(&asked, &serve.address, &running.address);
}

/// Requests that end before or beside a file.
const ODD: [&str; 18] = [
    "/ui?q=a",
    "/ui/",
    "/ui/nothing",
    "/ui/index.html.gz",
    "/health",
    "/search/?a=b",
    "/nothing",
    "/search?kibana.version=x",
    "/search?discovery=fields:a",
    "/categories?include_policy_templates=maybe",
    "/package/acme_access/1.2.0",
    "/package/acme_access/1.2.0/docs/",
    "/package/acme_access/1.2.0/docs/none.md",
    "/package/acme_access/1.2.0/docs/README.md.gz",
    "/package/acme_access/9.9.9/docs/README.md",
    "/package/acme_access/x/",
    "/epr/acme_access/acme_access-9.9.9.zip",
    "/epr/acme_access/acme_access-1.2.0.zip.sig",
];

/// Asks both for everything, compressed and not.
fn compare(asked: &[String], server: &str, front: &str) {
    let (mut server, mut front) = (Client::connect(server), Client::connect(front));
    let mut statuses = BTreeMap::new();
    for request in asked {
        for headers in [&[][..], &[("accept-encoding", "gzip")][..]] {
            let (expected, response) = (server.ask(request, headers), front.ask(request, headers));
            *statuses.entry(response.status).or_insert(0) += 1;
            if expected.status == 301 {
                // The page below it is the server's own.
                assert_eq!(response.header("location"), expected.header("location"), "{request}");
                assert_eq!(response.status, 301, "{request}");
                continue;
            }
            if response.status == 501 {
                // It has no fallback; the server computes what no table holds.
                assert_eq!(expected.status, 200, "{request}");
                continue;
            }
            assert_eq!(seen(&response), seen(&expected), "{request} {headers:?}");
            let vary = response.header("vary");
            assert!(expected.header("vary").is_none() || vary == expected.header("vary"), "{request}: {vary:?}");
            for name in ["x-content-type-options", "content-security-policy", "referrer-policy"] {
                assert_eq!(response.header(name), expected.header(name), "{request}: {name}");
            }
        }
    }
    println!("{statuses:?}");
}

/// A killed publisher leaves the earlier generation, or the new one; the next run completes it.
#[test]
fn a_killed_publisher_leaves_a_whole_generation() {
    if !skip_unless(binary().is_some(), "no moto_server") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let package = |version: &str| packages(home.path()).join("production/one").join(version);
    crate::incremental::add(&package("1.0.0"), "one", "1.0.0", "first");
    let first = build(home.path());
    let s3 = S3::start(home.path()).unwrap();
    assert_eq!(run(&mut s3.publish(home.path(), &[])).status, Some(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for round in 0..8 {
        let version = format!("1.{}.0", round + 1);
        crate::incremental::settle();
        crate::incremental::add(&package(&version), "one", &version, "next");
        let second = build(home.path());
        let enough = s3.requests().len() + 3 + 5 * round;
        let mut dying = s3.publish(home.path(), &["--jobs", "2"]).stdout(Stdio::null()).spawn().unwrap();
        while s3.requests().len() < enough && dying.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        dying.kill().unwrap();
        dying.wait().unwrap();
        // A request that was on its way is done or dropped.
        std::thread::sleep(Duration::from_millis(50));
        let target = s3.target();
        let reader = runtime.block_on(Reader::open(&target)).unwrap();
        if second.folder.ends_with(&reader.generation) {
            runtime.block_on(check(&target, &[&second], &requests(&[&second])));
        } else if first.folder.ends_with(&reader.generation) {
            runtime.block_on(check(&target, &[&first], &requests(&[&first, &second])));
        }
        let completed = run(&mut s3.publish(home.path(), &[]));
        assert_eq!(completed.status, Some(0), "{completed:#?}");
        runtime.block_on(check(&target, &[&second], &requests(&[&second])));
    }
}

/// What goes wrong is said with a way out, and exits with 2.
#[test]
fn failures_are_said() {
    let home = build_samples();
    let check = |arguments: &[&str], expected: &str| {
        let mut command = program(home.path());
        command.args(["publish", "--dist", "staging"]).args(arguments);
        let failed = run(&mut command);
        assert!(failed.status == Some(2) && failed.stderr.contains(expected), "{arguments:?}: {failed:#?}");
    };
    check(&["--to", "bucket"], "hint: write `--to s3://bucket/prefix`");
    check(&["--to", "ftp://bucket"], "hint: --to takes addresses that begin with s3://");
    check(&["--to", "file:///tmp", "--generation", "none"], "hint: `epr-build generations --dist staging` lists");
    check(&["--to", "file:///tmp", "--prune-after", "7"], "such as 7d");
    let folder = format!("file://{}/origin", home.path().display());
    let mut publish = program(home.path());
    publish.args(["publish", "--dist", "staging", "--to", &folder, "-v", "--purge-list", "purge.txt"]);
    let published = run(&mut publish);
    assert_eq!(published.status, Some(0), "{published:#?}");
    assert!(published.stdout.starts_with("+ v/"), "{published:#?}");
    assert_eq!(fs::read_to_string(home.path().join("purge.txt")).unwrap(), "/*\n");
    let other = ["--to", folder.as_str()];
    let mut command = program(home.path());
    let refused = run(command.args(["publish", "--dist", "production"]).args(other));
    assert!(refused.status == Some(2) && refused.stderr.contains("holds the distribution `staging`"), "{refused:#?}");
}

// For routers that look nothing up, the folder of a generation is the document root, copies included.
#[test]
fn a_whole_generation_is_a_document_root() {
    let home = build_samples();
    let to = format!("file://{}", home.path().join("place").display());
    let publish = || {
        let run = run(program(home.path()).args(["publish", "--dist", "staging", "--whole", "--to", &to]));
        assert_eq!(run.status, Some(0), "{run:#?}");
        run.stdout
    };
    publish();
    let generation = Generation::open(&home.path().join("out"), "staging");
    let id = generation.folder.file_name().unwrap().to_str().unwrap().to_owned();
    let root = home.path().join(format!("place/g/{id}-whole"));
    for (path, original) in generation.files() {
        assert!(fs::read(root.join(&path[1..])).unwrap() == fs::read(original).unwrap(), "{path}");
    }
    assert!(!home.path().join("place/v").exists());
    let again = publish();
    assert!(again.contains("nothing") || again.contains(" 0 "), "{again}");
}
