//! nginx in front of a store that may be read but not listed: what is not there is 403 to nginx and 404 to clients.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::harness::{Case, Run};
use crate::routers::client::Client;
use crate::running::{self, Running};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Serves a folder as a bucket that may not be listed, until the test ends. Returns its address.
fn private_store(root: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let root = root.clone();
            std::thread::spawn(move || answer(stream, &root));
        }
    });
    address
}

fn answer(mut stream: TcpStream, root: &Path) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    lines.find(String::is_empty);
    let path = first.split(' ').nth(1).unwrap_or_default().trim_start_matches("/bucket/");
    let (status, body) = match fs::read(root.join(path)) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>".to_vec()),
    };
    let length = body.len();
    let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(&body);
}

/// Publishes with a configuration for nginx, and returns its main file.
fn publish(case: &Case, more: &[&str]) -> String {
    let to = format!("file://{}", case.path("store").display());
    let arguments = ["publish", "--dist", "production", "--to", &to, "--nginx", "front"];
    let Run { code, stderr, .. } = case.run(&[&arguments[..], more].concat());
    assert_eq!((code, stderr.as_str()), (0, ""));
    fs::read_to_string(case.path("front/nginx.conf")).unwrap()
}

fn built(config: &str) -> Case {
    let case = Case::new().config(config).package("packages/production", "alpha", "1.0.0", "");
    let run = case.run(&["--dist", "production", "--quiet"]);
    assert_eq!(run.code, 0, "{run:?}");
    case
}

/// The folder is complete: it says how to start it, and it keeps to the address and path of the configuration.
#[test]
fn the_configuration_keeps_to_address_and_path() {
    let case = built("distributions: {production: {layers: [production], listen: 8099, prefix: /epr/x}}");
    let conf = publish(&case, &["--origin", "http://127.0.0.1:9000/bucket"]);
    assert!(conf.contains("listen 8099;"), "{conf}");
    let readme = fs::read_to_string(case.path("front/README.md")).unwrap();
    for words in ["`8099`", "below `/epr/x`", "<this host>/epr/x", "http://127.0.0.1:9000/bucket", "-c nginx.conf"] {
        assert!(readme.contains(words), "{words}: {readme}");
    }
    let case = built("");
    let conf = publish(&case, &["--origin", "http://127.0.0.1:9000/bucket"]);
    assert!(conf.contains("listen 127.0.0.1:8080;"), "{conf}");
    assert!(!fs::read_to_string(case.path("front/README.md")).unwrap().contains("below `"));
}

/// With and without a path, compressed or not, nginx answers as the built-in server does.
#[test]
fn what_a_private_bucket_lacks_is_not_found() {
    let Some(nginx) = running::binary("nginx") else { return };
    for prefix in ["", "/epr"] {
        let path = if prefix.is_empty() { String::new() } else { format!(", prefix: {prefix}") };
        let case = built(&format!("distributions: {{production: {{layers: [production]{path}}}}}"));
        let store = private_store(case.path("store"));
        let conf = publish(&case, &["--origin", &format!("http://{store}/bucket")]);
        let front = start(&case, &nginx, &conf);
        let serve = running::start("serve", |address| {
            let mut command = case.command(&["serve", "--dist", "production", "--listen", address]);
            command.stdout(Stdio::null());
            command
        });
        compare(prefix, &front, &serve);
    }
}

/// nginx with a configuration that was published.
fn start(case: &Case, nginx: &Path, conf: &str) -> Running {
    let state = conf.lines().find_map(|line| line.strip_prefix("pid ")?.strip_suffix(".pid;")).unwrap();
    let conf = conf.replace(state, case.path("state").to_str().unwrap());
    running::start("nginx", |address| {
        let text = conf.replace("listen 127.0.0.1:8080;", &format!("listen {address};"));
        fs::write(case.path("front/nginx.conf"), text).unwrap();
        running::nginx_command(nginx, &case.path("front"))
    })
}

/// A store that nginx may not read, or that is not there, is told from a registry that is broken.
#[test]
fn a_store_that_denies_or_is_gone_is_said() {
    let Some(nginx) = running::binary("nginx") else { return };
    let case = built("");
    for (store, said) in [
        (private_store(case.path("nowhere")), "the store does not let this server read\n"),
        ("127.0.0.1:9".to_owned(), "the store does not answer\n"),
    ] {
        let front = start(&case, &nginx, &publish(&case, &["--origin", &format!("http://{store}/bucket")]));
        let mut client = Client::connect(&front.address);
        for path in ["/", "/index.json", "/search", "/categories"] {
            for headers in [&[][..], &[("accept-encoding", "gzip")][..]] {
                let response = client.ask(path, headers);
                assert_eq!((response.status, String::from_utf8_lossy(&response.body)), (502, said.into()), "{path}");
            }
        }
    }
}

fn compare(prefix: &str, front: &Running, serve: &Running) {
    let (mut front, mut serve) = (Client::connect(&front.address), Client::connect(&serve.address));
    let mut missing = 0;
    for path in [
        "/",
        "/index.json",
        "/health",
        "/search?package=alpha",
        "/search/?package=alpha",
        "/categories",
        "/ui",
        "/ui/",
        "/ui/none.js",
        "/ui/none/",
        "/favicon.ico",
        "/package/alpha/1.0.0/",
        "/package/alpha/1.0.0/manifest.yml",
        "/package/alpha/1.0.0/docs/none.md",
        "/package/alpha/1.0.0/none",
        "/package/alpha/9.9.9/docs/README.md",
        "/package/alpha/9.9.9/",
        "/package/none/1.0.0/",
        "/epr/alpha/alpha-1.0.0.zip",
        "/epr/alpha/alpha-1.0.0.zip.sig",
        "/epr/alpha/alpha-9.9.9.zip",
        "/none",
        "/-gz/none",
        "/-plain/none",
    ] {
        for request in [format!("{prefix}{path}"), path.to_owned()] {
            for headers in [&[][..], &[("accept-encoding", "gzip")][..]] {
                let (expected, response) = (serve.ask(&request, headers), front.ask(&request, headers));
                assert_eq!(response.status, expected.status, "{request} {headers:?}");
                assert_eq!(response.header("location"), expected.header("location"), "{request}");
                missing += usize::from(response.status == 404);
                if headers.is_empty() && response.status != 301 {
                    assert!(response.body == expected.body, "{request}");
                }
            }
        }
    }
    assert!(missing > 20, "{missing}");
}
