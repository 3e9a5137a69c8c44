//! The smallest HTTP client that can tell servers apart: raw targets, kept connections, nothing hidden.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case, in order.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The only header of this name; two are a fault, unless they are empty.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let of_this_name = |(found, value): &&(String, String)| found == name && !value.is_empty();
        let mut values = self.headers.iter().filter(of_this_name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} twice");
        value
    }
}

pub(crate) struct Client {
    address: String,
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects, and waits for a server that is just starting.
    pub(crate) fn connect(address: &str) -> Self {
        let start = Instant::now();
        loop {
            match TcpStream::connect(address) {
                Ok(stream) => {
                    stream.set_nodelay(true).unwrap();
                    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                    return Self { address: address.to_owned(), stream: BufReader::new(stream) };
                }
                Err(error) => assert!(start.elapsed() < Duration::from_secs(10), "{address}: {error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// As [`Self::connect`], for servers that wait for others.
    pub(crate) fn patient(address: &str) -> Self {
        let client = Self::connect(address);
        client.stream.get_ref().set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        client
    }

    /// Asks as clients do: see [`Self::ask`]. A server that fails at a request fails again.
    pub(crate) fn get(&mut self, target: &str) -> Response {
        self.ask(target, &[])
    }

    pub(crate) fn send(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += "\r\n";
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let response = self.receive(method, target);
        if response.header("connection") == Some("close") {
            *self = Self::connect(&self.address);
        }
        response
    }

    /// As [`Self::send`], but connects again when the server closed the kept connection before it saw the request, as a
    /// server may at any time and clients expect.
    pub(crate) fn ask(&mut self, target: &str, headers: &[(&str, &str)]) -> Response {
        let request =
            headers.iter().fold(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n"), |text, (name, value)| {
                format!("{text}{name}: {value}\r\n")
            });
        for _ in 0..5 {
            let sent = self.stream.get_mut().write_all(format!("{request}\r\n").as_bytes());
            if sent.is_ok() && self.stream.fill_buf().is_ok_and(|bytes| !bytes.is_empty()) {
                let response = self.receive("GET", target);
                if response.header("connection") == Some("close") {
                    *self = Self::connect(&self.address);
                }
                return response;
            }
            *self = Self::patient(&self.address);
        }
        panic!("{target}: no answer on five connections");
    }

    fn receive(&mut self, method: &str, target: &str) -> Response {
        let mut line = || {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap_or_else(|error| panic!("{method} {target}: {error}"));
            line.trim_end().to_owned()
        };
        let first = line();
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("{method} {target}: no status in {first:?}"));
        let mut headers = Vec::new();
        loop {
            let line = line();
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut response = Response { status, headers, body: Vec::new() };
        if method != "HEAD" && response.header("transfer-encoding") == Some("chunked") {
            response.body = self.receive_chunks();
        } else if response.header("connection") == Some("close") && response.header("content-length").is_none() {
            // What Go says to a malformed request ends with the connection.
            self.stream.read_to_end(&mut response.body).unwrap();
        } else if method != "HEAD" && status != 204 && status != 304 {
            let length = response.header("content-length").and_then(|length| length.parse().ok());
            response.body = vec![0; length.unwrap_or_else(|| panic!("{method} {target}: no length: {response:?}"))];
            self.stream.read_exact(&mut response.body).unwrap();
        }
        response
    }

    /// A body whose length was not known when it began.
    fn receive_chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            let length = usize::from_str_radix(line.trim_end(), 16).unwrap_or_else(|error| panic!("{line:?}: {error}"));
            let start = body.len();
            body.resize(start + length + 2, 0);
            self.stream.read_exact(&mut body[start..]).unwrap();
            body.truncate(start + length);
            if length == 0 {
                return body;
            }
        }
    }
}
