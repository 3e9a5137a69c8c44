//! A registry that does as it is told: a small HTTP server whose answers are scripts, and which remembers what it was asked.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Path and query.
    pub(super) path: String,
    /// By lower-case name.
    pub(super) headers: BTreeMap<String, String>,
    /// How often this path was asked for before.
    pub(super) before: usize,
}

/// An answer: bytes, and what comes after them.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    bytes: Vec<u8>,
    then: Then,
}

/// What follows the bytes of an answer.
#[derive(Clone, Copy, Debug)]
enum Then {
    Close,
    /// The connection stays open, and nothing comes.
    Hang,
    /// One byte after the other, with so much time between.
    Trickle(Duration),
    /// The connection is reset.
    Reset,
}

impl Answer {
    /// An answer with headers and a body whose length is declared.
    pub(super) fn new(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        Self::declared(status, headers, body, body.len())
    }

    /// An answer that declares another length.
    pub(super) fn declared(status: u16, headers: &[(&str, &str)], body: &[u8], length: usize) -> Self {
        let length = length.to_string();
        let headers = [headers, &[("Content-Length", length.as_str())]].concat();
        Self { bytes: [head(status, &headers), body.to_vec()].concat(), then: Then::Close }
    }

    /// An answer in chunks; without `ends` the last one does not come.
    pub(super) fn chunked(status: u16, headers: &[(&str, &str)], body: &[u8], ends: bool) -> Self {
        let headers = [headers, &[("Transfer-Encoding", "chunked")]].concat();
        let mut bytes = head(status, &headers);
        for chunk in body.chunks(1000) {
            bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        if ends {
            bytes.extend(b"0\r\n\r\n");
        }
        Self { bytes, then: Then::Close }
    }

    pub(super) fn ok(body: &[u8]) -> Self {
        Self::new(200, &[], body)
    }

    pub(super) fn status(status: u16) -> Self {
        Self::new(status, &[], b"as scripted\n")
    }

    pub(super) fn redirect(status: u16, to: &str) -> Self {
        Self::new(status, &[("Location", to)], b"")
    }

    /// Nothing comes after so many bytes.
    pub(super) fn hang_after(mut self, bytes: usize) -> Self {
        self.bytes.truncate(bytes);
        self.then = Then::Hang;
        self
    }

    /// The connection is closed after so many bytes of the body.
    pub(super) fn cut_after(mut self, body: usize) -> Self {
        self.bytes.truncate(self.head_bytes() + body);
        self
    }

    /// The connection is reset after so many bytes of the body.
    pub(super) fn reset_after(self, body: usize) -> Self {
        Self { then: Then::Reset, ..self.cut_after(body) }
    }

    /// Bytes of the head.
    pub(super) fn head_bytes(&self) -> usize {
        self.bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4
    }

    /// The body comes byte by byte.
    pub(super) fn trickle(mut self, pause: Duration) -> Self {
        self.then = Then::Trickle(pause);
        self
    }

    /// The body from a byte on, as servers answer to a range that they grant.
    pub(super) fn rest(body: &[u8], from: usize, total: usize, headers: &[(&str, &str)]) -> Self {
        let range = format!("bytes {from}-{}/{total}", total - 1);
        Self::new(206, &[headers, &[("Content-Range", range.as_str())]].concat(), &body[from.min(body.len())..])
    }
}

fn head(status: u16, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} As scripted\r\nConnection: close\r\n");
    headers.iter().for_each(|(name, value)| text += &format!("{name}: {value}\r\n"));
    (text + "\r\n").into_bytes()
}

type Script = Arc<dyn Fn(&Asked) -> Answer + Send + Sync>;

#[derive(Default)]
struct Shared {
    scripts: Mutex<BTreeMap<String, Script>>,
    asked: Mutex<Vec<Asked>>,
    is_over: AtomicBool,
}

/// The server, until it is dropped.
pub(super) struct Upstream {
    /// Address and port.
    pub(super) address: String,
    shared: Arc<Shared>,
}

impl Upstream {
    /// A server that has nothing.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared::default());
        let server = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if server.is_over.load(Ordering::Relaxed) {
                    break;
                }
                let server = Arc::clone(&server);
                thread::spawn(move || serve(&server, stream.unwrap()));
            }
        });
        Self { address, shared }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Scripts the answers to a path.
    pub(super) fn script(&self, path: &str, script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) {
        self.shared.scripts.lock().unwrap().insert(path.to_owned(), Arc::new(script));
    }

    /// Answers a path always so.
    pub(super) fn answer(&self, path: &str, answer: Answer) {
        self.script(path, move |_| answer.clone());
    }

    /// Everything that was asked since the last call.
    pub(super) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.shared.asked.lock().unwrap())
    }

    /// The paths that were asked since the last call, sorted.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths: Vec<_> = self.asked().into_iter().map(|asked| asked.path).collect();
        paths.sort();
        paths
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(&self.address);
    }
}

fn serve(shared: &Shared, mut stream: TcpStream) {
    let Some((mut asked, length)) = read(&stream) else { return };
    let script = {
        let mut all = shared.asked.lock().unwrap();
        asked.before = all.iter().filter(|one| one.path == asked.path).count();
        all.push(asked.clone());
        shared.scripts.lock().unwrap().get(&asked.path).cloned()
    };
    let answer = script.map_or_else(|| Answer::status(404), |script| script(&asked));
    if !matches!(answer.then, Then::Reset) && stream.read_exact(&mut vec![0; length]).is_err() {
        return;
    }
    let sent = match answer.then {
        Then::Trickle(pause) => answer.bytes.iter().try_for_each(|byte| {
            thread::sleep(pause);
            stream.write_all(&[*byte])
        }),
        _ => stream.write_all(&answer.bytes),
    };
    match answer.then {
        Then::Hang if sent.is_ok() => {
            // Until the client loses its patience.
            let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
            let _ = BufReader::new(&stream).read_line(&mut String::new());
        }
        // What was not read is what makes the system reset a connection that is closed.
        Then::Reset => thread::sleep(Duration::from_millis(50)),
        _ => {
            let _ = stream.shutdown(Shutdown::Write);
        }
    }
}

/// The request, which stays unread, and its length.
fn read(stream: &TcpStream) -> Option<(Asked, usize)> {
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let mut bytes = vec![0; 1 << 16];
    let text = loop {
        let count = stream.peek(&mut bytes).ok().filter(|count| *count > 0)?;
        match bytes[..count].windows(4).position(|four| four == b"\r\n\r\n") {
            Some(end) => break std::str::from_utf8(&bytes[..end + 4]).ok()?,
            None => thread::sleep(Duration::from_millis(1)),
        }
    };
    let mut lines = text.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers = lines.map_while(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Some((Asked { path, headers, before: 0 }, text.len()))
}
