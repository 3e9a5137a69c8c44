//! The access log: a line for each response, in the combined format that web servers and their tools share, with the
//! seconds it took appended.
//!
//! A thread of its own writes, so that a slow disk never holds up a response; lines beyond what it can take are counted
//! and dropped. A file that was moved away is opened again, so rotation needs no signal.

use crate::base::fs::{self, Metadata};
use crate::base::time::{self, now};
use anyhow::{Context, Result};
use hyper::{HeaderMap, Method, Uri, Version};
use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Number of lines that may wait to be written.
const WAITING: usize = 10_000;

/// The path that stands for standard output.
const STDOUT: &str = "-";

/// The parts of a request that a line of the log holds.
pub(super) struct Asked {
    /// Absent at a Unix socket.
    peer: Option<IpAddr>,
    method: Method,
    sink: Uri,
    version: Version,
    referrer: String,
    agent: String,
}

impl Asked {
    pub(super) fn new<B>(peer: Option<IpAddr>, request: &hyper::Request<B>) -> Self {
        let header = |name| header(request.headers(), name);
        Self {
            peer,
            method: request.method().clone(),
            sink: request.uri().clone(),
            version: request.version(),
            referrer: header("referer"),
            agent: header("user-agent"),
        }
    }

    /// The line, without its end.
    pub(super) fn line(&self, now: u64, status: u16, bytes: u64, took: Duration) -> String {
        let sink = self.sink.path_and_query().map_or(self.sink.path(), |sink| sink.as_str());
        format!(
            "{} - - [{}] \"{} {} {:?}\" {status} {bytes} \"{}\" \"{}\" {:.6}",
            shown(self.peer),
            time::access_log(now),
            self.method,
            escaped(sink),
            self.version,
            escaped(&self.referrer),
            escaped(&self.agent),
            took.as_secs_f64(),
        )
    }
}

/// The line of a request that could not be read.
pub(super) fn unreadable(peer: Option<IpAddr>, now: u64, status: u16) -> String {
    format!("{} - - [{}] \"-\" {status} 0 \"-\" \"-\" 0.000000", shown(peer), time::access_log(now))
}

/// The address of a client, or a dash.
fn shown(peer: Option<IpAddr>) -> String {
    peer.map_or_else(|| "-".to_owned(), |peer| peer.to_string())
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map_or_else(|| "-".to_owned(), |value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Escapes what clients write, so that it cannot look like another field or line.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter == '"' || letter == '\\' || letter.is_control() {
            // Writing to a text cannot fail.
            let _ = write!(out, "\\x{:02X}", u32::from(letter));
        } else {
            out.push(letter);
        }
    }
    out
}

enum Message {
    Line(String),
    Stop,
}

/// A log that is open.
pub(super) struct AccessLog {
    lines: SyncSender<Message>,
    writer: Option<JoinHandle<()>>,
}

impl AccessLog {
    /// Opens a file to append to it; `-` is standard output.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut sink = LogSink::open(path).with_context(|| format!("cannot write the log `{}`", path.display()))?;
        let (lines, waiting) = sync_channel(WAITING);
        let writer =
            std::thread::Builder::new().name("access log".to_owned()).spawn(move || write(&waiting, &mut sink));
        Ok(Self { lines, writer: Some(writer.context("cannot start the thread of the access log")?) })
    }

    /// Adds a line; returns true if it will be written.
    pub(super) fn write(&self, line: String) -> bool {
        self.lines.try_send(Message::Line(line)).is_ok()
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        let stopped = self.lines.send(Message::Stop).is_ok();
        if let Some(writer) = self.writer.take().filter(|_| stopped) {
            // A writer that panicked has nothing left to write.
            let _ = writer.join();
        }
    }
}

/// Writes lines as they come, and flushes whenever none is waiting.
fn write(waiting: &Receiver<Message>, sink: &mut LogSink) {
    loop {
        let message = match waiting.try_recv() {
            Err(TryRecvError::Empty) => {
                // A log that cannot be written must not stop the server that it tells of.
                let _ = sink.out.flush();
                waiting.recv().unwrap_or(Message::Stop)
            }
            message => message.unwrap_or(Message::Stop),
        };
        match message {
            Message::Line(line) => {
                sink.follow();
                let _ = sink.out.write_all(line.as_bytes()).and_then(|()| sink.out.write_all(b"\n"));
            }
            Message::Stop => break,
        }
    }
    let _ = sink.out.flush();
}

/// The file or stream that lines go to.
struct LogSink {
    /// `None` for standard output.
    path: Option<PathBuf>,
    /// The file that is open, as the file system knows it.
    identity: Option<(u64, u64)>,
    /// Second in which the path was last looked at.
    looked: u64,
    out: BufWriter<Box<dyn Write + Send>>,
}

impl LogSink {
    fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new(STDOUT) {
            return Ok(Self { path: None, identity: None, looked: 0, out: BufWriter::new(Box::new(io::stdout())) });
        }
        let file = fs::open_to_append(path).map_err(fs::io_error)?;
        let identity = identity(&file.metadata()?);
        let out: BufWriter<Box<dyn Write + Send>> = BufWriter::new(Box::new(file));
        Ok(Self { path: Some(path.to_owned()), identity: Some(identity), looked: now(), out })
    }

    /// Opens the path again if it leads to another file or to none; looks once a second.
    fn follow(&mut self) {
        let Some(path) = self.path.clone().filter(|_| self.looked != now()) else { return };
        self.looked = now();
        let found = fs::metadata(&path).ok().map(|metadata| identity(&metadata));
        if found != self.identity {
            let _ = self.out.flush();
            if let Ok(sink) = Self::open(&path) {
                *self = sink;
            }
        }
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    #[test]
    fn a_line_is_in_the_combined_format() {
        let check = |request: Request<()>, expected: &str| {
            let asked = Asked::new(Some("192.0.2.7".parse().unwrap()), &request);
            assert_eq!(asked.line(784_111_777, 200, 42, Duration::from_micros(1500)), expected);
        };
        let request =
            Request::get("/search?package=a").header("user-agent", "Kibana/9.0.0 node-fetch").body(()).unwrap();
        check(
            request,
            "192.0.2.7 - - [06/Nov/1994:08:49:37 +0000] \"GET /search?package=a HTTP/1.1\" 200 42 \"-\" \
             \"Kibana/9.0.0 node-fetch\" 0.001500",
        );
        let hostile = Request::get("/a").header("referer", "a\"b\\c\td").body(()).unwrap();
        check(
            hostile,
            "192.0.2.7 - - [06/Nov/1994:08:49:37 +0000] \"GET /a HTTP/1.1\" 200 42 \"a\\x22b\\x5Cc\\x09d\" \"-\" 0.001500",
        );
    }

    // Tools that read such logs expect something in every field.
    #[test]
    fn clients_at_a_socket_have_no_address() {
        let request = Request::get("/a").body(()).unwrap();
        let line = Asked::new(None, &request).line(784_111_777, 200, 42, Duration::ZERO);
        assert!(line.starts_with("- - - [06/Nov/1994:08:49:37 +0000] \"GET /a HTTP/1.1\" 200"), "{line}");
        assert!(unreadable(None, 784_111_777, 400).starts_with("- - - [06/"));
    }

    #[test]
    fn lines_are_appended_and_a_moved_file_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let log = AccessLog::open(&path).unwrap();
        assert!(log.write("one".to_owned()));
        drop(log);
        let mut sink = LogSink::open(&path).unwrap();
        std::fs::rename(&path, folder.path().join("access.log.1")).unwrap();
        sink.looked = 0;
        sink.follow();
        sink.out.write_all(b"two\n").unwrap();
        sink.out.flush().unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!((read("access.log.1").as_str(), read("access.log").as_str()), ("one\n", "two\n"));
    }
}
