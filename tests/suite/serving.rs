//! The built-in server in production: HTTPS, logs, metrics, and clients that behave badly.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

use crate::built::build_samples;
use crate::in_process::Server;
use crate::running::{self, Running};
use epr_build::serve::{Event, Patience, ServeOptions, TlsFiles};
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const DISTRIBUTION: &str = "staging";

/// The program, serving the sample packages.
fn start(home: &TempDir, more: &[&str]) -> Running {
    running::start("serve", |address| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_epr-build"));
        command.current_dir(home.path()).args(["serve", "--dist", DISTRIBUTION, "--listen", address]).args(more);
        command.stdout(Stdio::null());
        command
    })
}

/// The server in this process, with little patience.
fn start_impatient(home: &TempDir, change: impl FnOnce(&mut ServeOptions)) -> Server {
    let mut options = ServeOptions::new(home.path().join("out").join(DISTRIBUTION).join("current"));
    let second = Duration::from_secs(1);
    options.patience = Patience { handshake: second, head: second, silence: 2 * second, stop: second };
    change(&mut options);
    Server::start(options)
}

/// Panics unless an ordinary request is answered.
fn assert_answers(server: &Server) {
    let text = ask(server.connect(), b"GET /index.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
}

/// Sends bytes and reads until the server closes the connection.
fn ask(mut stream: TcpStream, bytes: &[u8]) -> String {
    // A server that refuses may close before it has read everything.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Makes a certificate for this machine that signs itself.
pub(crate) fn certificate(openssl: &Path, folder: &Path) -> TlsFiles {
    fs::create_dir_all(folder).unwrap();
    let files = TlsFiles { certificate: folder.join("epr.crt"), key: folder.join("epr.key"), only_v13: false };
    let made = Command::new(openssl)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .arg("-out")
        .arg(&files.certificate)
        .arg("-keyout")
        .arg(&files.key)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    files
}

/// What curl says of a request: HTTP version and status, and the body.
fn curl(curl: &Path, authority: &Path, url: &str, more: &[&str]) -> Result<(String, String), String> {
    let mut command = Command::new(curl);
    command.args(["-sS", "--max-time", "20", "-w", "\n%{http_version} %{http_code}", "--cacert"]).arg(authority);
    let output = command.args(more).arg(url).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    if output.status.success() { Ok((status.to_owned(), body.to_owned())) } else { Err(error) }
}

// HTTP/2 and 1.1 over TLS, and a certificate that is replaced while the server runs.
#[test]
fn https_with_a_certificate_that_is_replaced() {
    let (Some(openssl), Some(program)) = (running::binary("openssl"), running::binary("curl")) else { return };
    let home = build_samples();
    let files = certificate(&openssl, &home.path().join("first"));
    let authority = home.path().join("authority.crt");
    fs::copy(&files.certificate, &authority).unwrap();
    let server = start_impatient(&home, |options| options.tls = Some(files.clone()));
    let url = format!("https://{}/search?package=acme_vault&prerelease=true", server.address);
    let (status, body) = curl(&program, &authority, &url, &["--http2"]).unwrap();
    assert_eq!(status, "2 200");
    assert!(body.contains("acme_vault"), "{body}");
    assert_eq!(curl(&program, &authority, &url, &["--http1.1"]).unwrap(), ("1.1 200".to_owned(), body));

    let second = certificate(&openssl, &home.path().join("second"));
    assert!(curl(&program, &second.certificate, &url, &[]).is_err());
    // A pair that does not fit is refused, and said so; the old one goes on.
    fs::copy(&second.certificate, &files.certificate).unwrap();
    let event = server.events.recv_timeout(Duration::from_secs(20)).unwrap();
    let Event::Trouble(error) = event else { panic!("{event:?}") };
    assert!(format!("{error:#}").contains("does not fit"), "{error:#}");
    assert_eq!(curl(&program, &authority, &url, &[]).unwrap().0, "2 200");
    fs::copy(&second.key, &files.key).unwrap();
    let event = server.events.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(matches!(event, Event::Certificate), "{event:?}");
    assert_eq!(curl(&program, &second.certificate, &url, &[]).unwrap().0, "2 200");
    assert!(curl(&program, &authority, &url, &[]).is_err());

    // A handshake that never ends is given up.
    let begin = Instant::now();
    let mut silent = server.connect();
    assert_eq!(silent.read(&mut [0]).unwrap_or(0), 0);
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
}

#[test]
fn unusable_certificates_are_refused_at_the_start() {
    let home = build_samples();
    fs::write(home.path().join("empty"), "").unwrap();
    for (cert, key, expected) in
        [("missing.crt", "missing.key", "cannot read `missing.crt`"), ("empty", "empty", "no certificate in `empty`")]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_epr-build"))
            .current_dir(home.path())
            .args(["serve", "--dist", DISTRIBUTION, "--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

// Every response is in the log and in the metrics, with what was really sent.
#[test]
fn responses_are_logged_and_counted() {
    let home = build_samples();
    let log = home.path().join("access.log");
    let server = start_impatient(&home, |options| {
        options.access_log = Some(log.clone());
        options.metrics = Some("127.0.0.1:0".to_owned());
    });
    let Ok(Event::Measuring(metrics)) = server.events.recv_timeout(Duration::from_secs(10)) else { panic!() };
    let request = |target: &str| {
        let text = format!("GET {target} HTTP/1.1\r\nHost: a\r\nUser-Agent: \"x\"\r\nConnection: close\r\n\r\n");
        ask(server.connect(), text.as_bytes())
    };
    let body = request("/search?package=acme_vault&prerelease=true").split_once("\r\n\r\n").unwrap().1.len();
    request("/package/unknown/1.0.0/");
    // What is no request is told, too.
    ask(server.connect(), b"GET\r\n\r\n");
    ask(server.connect(), b"GET /no-host HTTP/1.1\r\n\r\n");
    let text =
        ask(TcpStream::connect(metrics).unwrap(), b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    for line in [
        "epr_responses_total{endpoint=\"search\",status=\"200\"} 1".to_owned(),
        "epr_responses_total{endpoint=\"package\",status=\"404\"} 1".to_owned(),
        format!("epr_sent_bytes_total{{endpoint=\"search\"}} {body}"),
        "epr_responses_total{endpoint=\"other\",status=\"400\"} 2".to_owned(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(text.contains("epr_generation{generation=\""), "{text}");
    drop(server);
    let lines = fs::read_to_string(log).unwrap();
    let lines: Vec<_> = lines.lines().collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[2].ends_with("] \"-\" 400 0 \"-\" \"-\" 0.000000"), "{lines:?}");
    assert!(lines[3].contains("] \"GET /no-host HTTP/1.1\" 400 "), "{lines:?}");
    let expected =
        format!("] \"GET /search?package=acme_vault&prerelease=true HTTP/1.1\" 200 {body} \"-\" \"\\x22x\\x22\" 0.");
    assert!(lines[0].starts_with("127.0.0.1 - - [") && lines[0].contains(&expected), "{lines:?}");
}

// Whatever bytes arrive: an error or the end of the connection, and the server goes on.
#[test]
fn malformed_requests_do_no_harm() {
    let home = build_samples();
    let server = start_impatient(&home, |_| {});
    let long = |length: usize| "a".repeat(length);
    let table: [(Vec<u8>, &[&str]); 16] = [
        (b"GET /index.json HTTP/1.1\r\n\r\n".to_vec(), &["HTTP/1.1 400"]),
        (b"GET /index.json HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".to_vec(), &["HTTP/1.1 400"]),
        (b"GET /index.json HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n".to_vec(), &["HTTP/1.0 400"]),
        (b"GET /index.json HTTP/1.1\r\nHost: a/b\r\n\r\n".to_vec(), &["HTTP/1.1 400"]),
        (b"GET /index.json HTTP/1.0\r\n\r\n".to_vec(), &["HTTP/1.0 200"]),
        (b"\r\n\r\n\r\n".to_vec(), &[""]),
        (b"\0\xff\xfe\n\n".to_vec(), &["HTTP/1.1 400"]),
        (b"GET\r\n\r\n".to_vec(), &["HTTP/1.1 400"]),
        (b"GET / HTTP/9.9\r\n\r\n".to_vec(), &["HTTP/1.1 400", "HTTP/1.1 505"]),
        (b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), &["HTTP/1.1 400"]),
        (b"GET / HTTP/1.1\r\nHost a\r\n\r\n".to_vec(), &["HTTP/1.1 400"]),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef".to_vec(),
            &["HTTP/1.1 400"],
        ),
        (format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", long(70_000)).into_bytes(), &["HTTP/1.1 414", "HTTP/1.1 431"]),
        (format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", long(100_000)).into_bytes(), &["HTTP/1.1 431"]),
        (format!("GET / HTTP/1.1\r\n{}\r\n", "X: a\r\n".repeat(500)).into_bytes(), &["HTTP/1.1 431"]),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nthis is no frame at all, nor a setting".to_vec(), &["\0"]),
    ];
    for (bytes, expected) in table {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        let answer = ask(server.connect(), &bytes);
        assert!(expected.iter().any(|start| answer.starts_with(start)), "{shown:?}: {answer:?}");
        assert_answers(&server);
    }
}

// Four ways of keeping a server waiting, each given up in time.
#[test]
fn slow_clients_are_left() {
    let home = build_samples();
    let server = start_impatient(&home, |_| {});
    let check = |what: &str, mut stream: TcpStream, limit: u64| {
        let begin = Instant::now();
        let mut rest = Vec::new();
        // The end may be a reset.
        let _ = stream.read_to_end(&mut rest);
        assert!(begin.elapsed() < Duration::from_secs(limit), "{what}: {:?}", begin.elapsed());
        assert_answers(&server);
    };
    check("says nothing", server.connect(), 15);
    let mut half = server.connect();
    half.write_all(b"GET /index.json HTTP/1.1\r\nHost:").unwrap();
    check("stops in the middle of a head", half, 15);
    let mut kept = server.connect();
    kept.write_all(b"GET /index.json HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    check("asks once and stays", kept, 15);
    // A head that trickles moves bytes all the time, and is late all the same.
    let mut trickling = server.connect();
    let begin = Instant::now();
    let request =
        b"GET /index.json HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n";
    for byte in request {
        if trickling.write_all(&[*byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(begin.elapsed() < Duration::from_secs(10) || trickling.read(&mut [0; 64]).unwrap_or(0) == 0);
    assert_answers(&server);
}

/// The program, serving the sample packages with so many file handles.
fn start_with_handles(home: &TempDir, handles: u32) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n \"$0\" && exec \"$@\"", &handles.to_string(), env!("CARGO_BIN_EXE_epr-build")]);
    command.current_dir(home.path()).args(["serve", "--dist", DISTRIBUTION, "--listen"]);
    command.stdout(Stdio::null());
    command
}

// With few file handles there are fewer places, and never one that takes the others' handles.
#[test]
fn few_file_handles_are_shared_out() {
    let home = build_samples();
    let refused = start_with_handles(&home, 100).arg("127.0.0.1:0").output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("the limit of file handles is 100") && said.contains("\nhint: "), "{said}");

    let log = home.path().join("said");
    let server = running::start("serve", |address| {
        let mut command = start_with_handles(&home, 128);
        command.arg(address).stderr(fs::File::create(&log).unwrap());
        command
    });
    let said = fs::read_to_string(log).unwrap();
    assert!(said.starts_with("warning: at most 52 connections at once: the limit of file handles is 128"), "{said}");
    let connect = || TcpStream::connect(&server.address).unwrap();
    let idle: Vec<_> = (0..40).map(|_| connect()).collect();
    let request = b"GET /epr/acme_vault/acme_vault-1.1.0.zip HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let whole = ask(connect(), request).len();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..60).map(|_| scope.spawn(|| ask(connect(), request))).collect();
        for client in clients {
            let answer = client.join().unwrap();
            assert!(answer.starts_with("HTTP/1.1 200") && answer.len() == whole, "{:?}", answer.lines().next());
        }
    });
    drop(idle);
}

// With two places, a third client waits until one of the others is gone, and is answered then.
#[test]
fn further_clients_wait_for_a_place() {
    let home = build_samples();
    let server = start_impatient(&home, |options| options.max_connections = 2);
    let first = server.connect();
    let second = server.connect();
    let mut third = server.connect();
    third.write_all(b"GET /index.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    third.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(third.read(&mut [0]).is_err(), "answered without a place");
    first.shutdown(Shutdown::Both).unwrap();
    third.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = String::new();
    third.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(second);
}

// Ten thousand clients that hold a connection and say nothing cost little and keep nobody from being answered.
#[test]
fn ten_thousand_idle_connections_are_carried() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const COUNT: usize = 10_000;
    let limit = getrlimit(Resource::Nofile).maximum;
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit, maximum: limit });
    let handles = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if !running::skip_unless(handles > COUNT as u64 + 1000, "file handles are limited") {
        return;
    }
    let home = build_samples();
    let server = start(&home, &[]);
    let memory = || {
        let status = fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let before = memory();
    let answer = || {
        let stream = TcpStream::connect(&server.address).unwrap();
        let text = ask(stream, b"GET /index.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    };
    let mut idle = Vec::new();
    while idle.len() < COUNT {
        idle.extend((0..500).map(|_| TcpStream::connect(&server.address).unwrap()));
        // Connections are accepted in order: once this one is answered, there is room for more to wait.
        answer();
    }
    let begin = Instant::now();
    (0..50).for_each(|_| answer());
    let each = (memory() - before) as f64 / COUNT as f64;
    println!("{COUNT} idle connections: {each:.1} kB each, 50 answers in {:?}", begin.elapsed());
    assert!(each < 32.0, "{each} kB for an idle connection");
    drop(idle);
}

// Asked to stop in the middle of an answer, the server sends the rest of it, takes nobody new, and ends.
#[test]
fn a_running_answer_is_finished_before_the_end() {
    let home = build_samples();
    let site = home.path().join("out").join(DISTRIBUTION).join("current/site");
    let zip = "/epr/acme_vault/acme_vault-1.1.0.zip";
    let size = fs::metadata(site.join(&zip[1..])).unwrap().len();
    let mut server = start(&home, &[]);
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.write_all(format!("GET {zip} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
    let mut first = [0; 1];
    stream.read_exact(&mut first).unwrap();
    assert!(Command::new("kill").arg(server.process.id().to_string()).status().unwrap().success());
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    let head = rest.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    assert_eq!((rest.len() - head) as u64, size);
    assert!(server.process.wait().unwrap().success());
    assert!(TcpStream::connect(&server.address).is_err());
}
