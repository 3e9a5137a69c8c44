//! What the tables of hosts do not hold goes to a fallback, unchanged and marked with the generation; all else does not.
//!
//! The fallback of these tests notes the bytes that it gets and says what a test wants it to say.

use super::client::{Client, Response};
use super::site::{Dice, GENERATION, Site};
use super::{queries, spellings};
use crate::running::Running;
use epr_build::answers::route::request::{Decision, route_below};
use std::fmt::Debug;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Starts a host for a site below a path, with a fallback.
pub(super) type Start = dyn Fn(&Site, &str, &str) -> Running;

/// The text for a fallback that does not answer.
const DOWN: &[u8] = b"this registry cannot compute the answer at the moment\n";
/// A query that no table of the tests holds.
const UNHELD: &str = "/search?package=nginx&category=web";
/// One that every table holds.
const HELD: &str = "/search?package=unknown";

/// A request as the fallback got it.
#[derive(Clone, Debug)]
struct Seen {
    method: String,
    target: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
}

impl Seen {
    fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// What the fallback does with a request.
#[derive(Clone, Debug)]
enum Say {
    /// Status, headers and body.
    This(u16, Vec<(&'static str, &'static str)>, Vec<u8>),
    /// Closes the connection without a word.
    Nothing,
    /// Something that is no HTTP.
    Nonsense,
    /// Keeps the connection and stays silent.
    Silence,
}

/// A connection of either kind.
trait Stream: Read + Write + Send {
    fn copy(&self) -> Box<dyn Stream>;
    fn end(&self);
}

impl Stream for TcpStream {
    fn copy(&self) -> Box<dyn Stream> {
        Box::new(self.try_clone().unwrap())
    }

    fn end(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl Stream for UnixStream {
    fn copy(&self) -> Box<dyn Stream> {
        Box::new(self.try_clone().unwrap())
    }

    fn end(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

/// A fallback, until it is dropped.
struct Backend {
    /// As the configuration names it.
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    say: Arc<Mutex<Say>>,
    open: Arc<Mutex<Vec<Box<dyn Stream>>>>,
    is_over: Arc<AtomicBool>,
    wake: Box<dyn Fn() + Send + Sync>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Backend {
    /// At a free port.
    fn at_port() -> Self {
        Self::at("127.0.0.1:0")
    }

    fn at(address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let accept = move || Box::new(listener.accept().unwrap().0) as Box<dyn Stream>;
        Self::start(format!("http://{address}"), accept, move || drop(TcpStream::connect(address)))
    }

    /// At a socket, which servers that gave up being root may use.
    fn at_socket(path: &Path) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        let at = path.to_owned();
        let accept = move || Box::new(listener.accept().unwrap().0) as Box<dyn Stream>;
        Self::start(format!("unix:{}", path.display()), accept, move || drop(UnixStream::connect(&at)))
    }

    fn start(
        address: String,
        accept: impl Fn() -> Box<dyn Stream> + Send + 'static,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let say = Arc::new(Mutex::new(Say::This(200, vec![("Content-Type", "application/json")], b"[]".to_vec())));
        let open: Arc<Mutex<Vec<Box<dyn Stream>>>> = Arc::default();
        let is_over = Arc::new(AtomicBool::new(false));
        let shared = (seen.clone(), say.clone(), open.clone(), is_over.clone());
        let thread = thread::spawn(move || {
            let (seen, say, open, is_over) = shared;
            loop {
                let stream = accept();
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                open.lock().unwrap().push(stream.copy());
                let (seen, say) = (seen.clone(), say.clone());
                thread::spawn(move || talk(stream, &seen, &say));
            }
        });
        Self { address, seen, say, open, is_over, wake: Box::new(wake), thread: Some(thread) }
    }

    fn say(&self, say: Say) {
        *self.say.lock().unwrap() = say;
    }

    /// What it got since it was last asked.
    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        (self.wake)();
        let _ = self.thread.take().unwrap().join();
        self.open.lock().unwrap().iter().for_each(|stream| stream.end());
    }
}

/// Answers the requests of a connection.
fn talk(stream: Box<dyn Stream>, seen: &Mutex<Vec<Seen>>, say: &Mutex<Say>) {
    let mut out = stream.copy();
    let mut input = BufReader::new(stream);
    loop {
        let mut line = || {
            let mut line = Vec::new();
            let _ = input.read_until(b'\n', &mut line);
            String::from_utf8_lossy(&line).trim_end().to_owned()
        };
        let first = line();
        let mut words = first.split(' ');
        let (Some(method), Some(target), Some("HTTP/1.1")) = (words.next(), words.next(), words.next()) else { break };
        let (method, target) = (method.to_owned(), target.to_owned());
        let mut headers = Vec::new();
        loop {
            let line = line();
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let is_head = method == "HEAD";
        seen.lock().unwrap().push(Seen { method, target, headers });
        let say = say.lock().unwrap().clone();
        let written = match say {
            Say::Nothing => break,
            Say::Silence => continue,
            Say::Nonsense => out.write_all(b"nonsense\r\n\r\n"),
            Say::This(status, headers, body) => {
                let mut answer = format!("HTTP/1.1 {status} Word\r\nContent-Length: {}\r\n", body.len());
                headers.iter().for_each(|(name, value)| answer += &format!("{name}: {value}\r\n"));
                let mut answer = (answer + "\r\n").into_bytes();
                answer.extend(if is_head { Vec::new() } else { body });
                out.write_all(&answer)
            }
        };
        if written.is_err() {
            break;
        }
    }
    out.end();
}

/// The end of a body that nothing else has, in bytes that are no text.
fn answer() -> Say {
    Say::This(
        200,
        vec![
            ("Content-Type", "application/json"),
            ("Cache-Control", "max-age=600, public"),
            ("ETag", "\"of-the-fallback\""),
            ("Vary", "Accept-Encoding"),
            ("Access-Control-Allow-Origin", "*"),
        ],
        b"computed \x00\xff".to_vec(),
    )
}

/// Exactly one request, marked with the generation alone.
#[track_caller]
fn one(backend: &Backend, context: impl Debug) -> Seen {
    let seen = backend.take();
    assert_eq!(seen.len(), 1, "{context:?}: {seen:?}");
    assert_eq!(seen[0].all("x-epr-generation"), [GENERATION], "{context:?}: {seen:?}");
    let authority = backend.address.strip_prefix("http://").unwrap_or("localhost");
    assert_eq!(seen[0].all("host"), [authority], "{context:?}: {seen:?}");
    for name in ["cookie", "authorization", "x-epr-discovery"] {
        assert!(seen[0].all(name).is_empty(), "{context:?}: {seen:?}");
    }
    seen[0].clone()
}

/// The fallback does not answer, and nobody may keep that.
#[track_caller]
fn is_down(response: &Response) {
    assert_eq!((response.status, &*response.body), (503, DOWN), "{response:?}");
    assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"), "{response:?}");
    assert_eq!(response.header("cache-control"), Some("max-age=0, private, no-store"), "{response:?}");
    assert_eq!(response.header("access-control-allow-origin"), Some("*"), "{response:?}");
    assert_eq!((response.header("etag"), response.header("x-epr-route")), (None, None), "{response:?}");
}

/// Everything that a host owes to a fallback, at a port and at a socket, at the root and below a path.
///
/// `wanted` are the targets that this server lets through as they are; `takes_all` says that it takes text without a status
/// line for an answer of HTTP 0.9.
pub(super) fn all(start: &Start, wanted: fn(&str) -> bool, takes_all: bool) {
    let site = Site::build();
    at_root(start, &site, wanted, takes_all);
    below_a_path(start, &site, wanted, Backend::at_socket(&site.folder.path().join("fallback.sock")));
}

/// The same for hosts that know no sockets.
pub(super) fn at_ports(start: &Start, wanted: fn(&str) -> bool, takes_all: bool) {
    let site = Site::build();
    at_root(start, &site, wanted, takes_all);
    below_a_path(start, &site, wanted, Backend::at_port());
}

fn at_root(start: &Start, site: &Site, wanted: fn(&str) -> bool, takes_all: bool) {
    let backend = Backend::at_port();
    let host = start(site, "", &backend.address);
    hands_over_what_is_not_held("", site, &backend, &host, wanted, 4_000);
    passes_answers_as_they_are("", &backend, &host);
    says_503_while_it_is_down(backend, &host, takes_all);
}

fn below_a_path(start: &Start, site: &Site, wanted: fn(&str) -> bool, backend: Backend) {
    let below = "/epr.d/staging";
    let host = start(site, below, &backend.address);
    hands_over_what_is_not_held(below, site, &backend, &host, wanted, 1_000);
    passes_answers_as_they_are(below, &backend, &host);
    says_503_below(below, backend, &host);
}

/// Every request that the tables refuse goes to the fallback as it is, and no other does.
fn hands_over_what_is_not_held(
    prefix: &str,
    site: &Site,
    backend: &Backend,
    host: &Running,
    wanted: fn(&str) -> bool,
    count: usize,
) {
    backend.say(answer());
    let mut client = Client::connect(&host.address);
    let mut dice = Dice::new(61);
    let mut targets: Vec<_> = (0..count).map(|_| queries::query(&mut dice, site)).collect();
    targets.extend((0..count / 8).map(|_| queries::path(&mut dice)));
    targets.extend(spellings::spellings().into_iter().step_by(20_000 / count));
    let path_spellings =
        ["/%73earch?a=b;c", "//search?a=b;c", "/./search?a=b;c", "/x/../search?a=b;c", "/categories?;"];
    targets.extend(path_spellings.map(str::to_owned));
    let mut handed = 0;
    for target in targets.into_iter().filter(|target| wanted(target)).map(|target| format!("{prefix}{target}")) {
        let (path, query) = target.split_once('?').map_or((&*target, None), |(path, query)| (path, Some(query)));
        let decision = route_below(prefix, &site.routes, "GET", path, query);
        let response = client.get(&target);
        if !matches!(decision, Decision::Refuse(501, _)) {
            assert!(backend.take().is_empty(), "{target}: {decision:?}");
            assert!(!response.body.starts_with(b"computed"), "{target}: {response:?}");
            continue;
        }
        handed += 1;
        assert_eq!((response.status, &*response.body), (200, &b"computed \x00\xff"[..]), "{target}: {response:?}");
        let seen = one(backend, &target);
        assert_eq!((seen.method.as_str(), &seen.target), ("GET", &target));
    }
    assert!(handed > count / 50, "only {handed} requests were handed over");
}

/// Status, headers and body of the fallback pass; headers of clients that are about its generation do not.
fn passes_answers_as_they_are(prefix: &str, backend: &Backend, host: &Running) {
    let mut client = Client::connect(&host.address);
    let unheld = format!("{prefix}{UNHELD}");
    for (status, cache, vary, encoding) in [
        (200, "max-age=600, public", "Accept-Encoding", Some("gzip")),
        (400, "max-age=0, private, no-store", "Origin", None),
        (404, "max-age=0, private, no-store", "Origin", None),
        (503, "max-age=0, private, no-store", "Origin", None),
    ] {
        let kind = if status == 200 { "application/json" } else { "text/plain; charset=utf-8" };
        let mut headers = vec![
            ("Content-Type", kind),
            ("Cache-Control", cache),
            ("ETag", "W/\"odd, one\""),
            ("Vary", vary),
            ("Access-Control-Allow-Origin", "*"),
        ];
        headers.extend(encoding.map(|encoding| ("Content-Encoding", encoding)));
        let body = [&b"\x1f\x8b\x08 or not "[..], status.to_string().as_bytes()].concat();
        backend.say(Say::This(status, headers, body.clone()));
        for method in ["GET", "HEAD"] {
            let response = client.send(method, &unheld, &[("Accept-Encoding", "gzip"), ("If-None-Match", "\"x\"")]);
            let context = format!("{status} {method}: {response:?}");
            let seen = one(backend, &context);
            assert_eq!((seen.method.as_str(), &seen.target), (method, &unheld), "{context}");
            assert_eq!((seen.all("accept-encoding"), seen.all("if-none-match")), (vec!["gzip"], vec!["\"x\""]));
            assert_eq!(response.status, status, "{context}");
            assert_eq!(response.body, if method == "GET" { &*body } else { b"" }, "{context}");
            assert_eq!(response.header("content-type"), Some(kind), "{context}");
            assert_eq!(response.header("content-encoding"), encoding, "{context}");
            assert_eq!(response.header("cache-control"), Some(cache), "{context}");
            assert_eq!(response.header("etag"), Some("W/\"odd, one\""), "{context}");
            assert_eq!(response.header("vary"), Some(vary), "{context}");
            assert_eq!(response.header("access-control-allow-origin"), Some("*"), "{context}");
            assert_eq!(response.header("x-epr-route"), None, "{context}");
        }
    }

    // Which generation answers is not for clients to say, in whatever spelling, nor that nobody says it.
    backend.say(answer());
    for headers in [
        &[("X-Epr-Generation", "other"), ("x-epr-generation", "more")][..],
        &[("Connection", "keep-alive, X-Epr-Generation")],
        &[("Connection", "x-epr-generation"), ("X-EPR-GENERATION", "")],
        &[("Cookie", "a=b"), ("Authorization", "Basic eDp5")],
        &[("X-Forwarded-Host", "elsewhere.example"), ("Forwarded", "host=elsewhere.example")],
    ] {
        let response = Client::connect(&host.address).send("GET", &unheld, headers);
        assert_eq!((response.status, &*response.body), (200, &b"computed \x00\xff"[..]), "{headers:?}: {response:?}");
        one(backend, headers);
    }

    // What it says is for clients: none of its headers makes the host send another file, keep an answer or change its text.
    let orders = vec![
        ("Content-Type", "application/json"),
        ("X-Accel-Redirect", "/answers/empty.json"),
        ("X-Accel-Expires", "600"),
        ("X-Accel-Charset", "utf-16"),
        ("X-Accel-Limit-Rate", "1"),
        ("X-Accel-Buffering", "no"),
        ("X-Sendfile", "/etc/hostname"),
    ];
    for _ in 0..2 {
        backend.say(Say::This(200, orders.clone(), b"computed \x00\xff".to_vec()));
        let response = Client::connect(&host.address).get(&unheld);
        assert_eq!((response.status, &*response.body), (200, &b"computed \x00\xff"[..]), "{response:?}");
        assert_eq!(response.header("content-type"), Some("application/json"), "{response:?}");
        one(backend, "orders");
    }

    // Methods of which it never hears, and a body that it does not get.
    assert_eq!(Client::connect(&host.address).send("OPTIONS", &unheld, &[]).status, 204);
    assert_eq!(Client::connect(&host.address).send("POST", &unheld, &[("Content-Length", "0")]).status, 405);
    assert!(backend.take().is_empty());

    // Without its own, the header of all answers is there all the same.
    backend.say(Say::This(200, vec![("Content-Type", "application/json")], b"[]".to_vec()));
    let response = Client::connect(&host.address).get(&unheld);
    assert_eq!(response.header("access-control-allow-origin"), Some("*"), "{response:?}");
    backend.take();
}

/// Whatever goes wrong, it is a 503 of the host, and over when the fallback is there again.
fn says_503_while_it_is_down(backend: Backend, host: &Running, takes_all: bool) {
    for say in [
        Say::Nothing,
        Say::Nonsense,
        Say::This(502, vec![("Cache-Control", "max-age=600, public")], b"gateway".to_vec()),
        Say::This(504, vec![], b"gateway".to_vec()),
    ] {
        if takes_all && matches!(say, Say::Nonsense) {
            continue;
        }
        backend.say(say);
        is_down(&Client::connect(&host.address).get(UNHELD));
        backend.say(answer());
        let response = Client::connect(&host.address).get(UNHELD);
        assert_eq!((response.status, &*response.body), (200, &b"computed \x00\xff"[..]), "{response:?}");
    }
    backend.say(Say::Silence);
    let begin = Instant::now();
    is_down(&Client::patient(&host.address).get(UNHELD));
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    says_503_below("", backend, host);
}

/// Nobody listens at the address; what the tables hold is answered all the same. Once somebody does, nobody has to wait.
fn says_503_below(prefix: &str, backend: Backend, host: &Running) {
    let address = backend.address.clone();
    drop(backend);
    for _ in 0..3 {
        is_down(&Client::patient(&host.address).get(&format!("{prefix}{UNHELD}")));
        assert_eq!(Client::connect(&host.address).get(&format!("{prefix}{HELD}")).body, b"[]");
    }
    let head = Client::connect(&host.address).send("HEAD", &format!("{prefix}{UNHELD}"), &[]);
    assert_eq!((head.status, head.header("cache-control")), (503, Some("max-age=0, private, no-store")));
    let backend = match address.strip_prefix("unix:") {
        Some(path) => {
            std::fs::remove_file(path).unwrap();
            Backend::at_socket(Path::new(path))
        }
        None => Backend::at(address.strip_prefix("http://").unwrap()),
    };
    let response = Client::connect(&host.address).get(&format!("{prefix}{UNHELD}"));
    assert_eq!((response.status, &*response.body), (200, &b"[]"[..]), "{response:?}");
    one(&backend, "after it was down");
}
