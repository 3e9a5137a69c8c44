//! Server processes that run until they are dropped, on ports of their own.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// A server that runs until it is dropped.
pub(crate) struct Running {
    pub(crate) process: Child,
    /// Address and port.
    pub(crate) address: String,
    /// Another server that this one needs, stopped after it.
    pub(crate) behind: Option<Box<Running>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // TERM, so that a master process takes its workers along.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

/// Starts a server on a free port of this machine, and waits until it takes connections.
///
/// Between finding a port and using it another test may take it: then the next one.
pub(crate) fn start(name: &str, command: impl Fn(&str) -> Command) -> Running {
    for _ in 0..5 {
        let address = format!("127.0.0.1:{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
        let process = command(&address).spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut running = Running { process, address, behind: None };
        let start = Instant::now();
        while running.process.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(60) {
            if TcpStream::connect(&running.address).is_ok() {
                return running;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    panic!("{name} does not start")
}

/// A program of this machine. Where it is absent the test is skipped, or fails when no test may skip itself.
pub(crate) fn binary(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/local/sbin", "/sbin", "/opt/homebrew/bin"].map(PathBuf::from);
    let found = std::env::split_paths(&folders).chain(more).map(|folder| folder.join(name)).find(|path| path.is_file());
    skip_unless(found.is_some(), &format!("no {name}"));
    found
}

/// Says that a test skips itself, unless what it needs is there; fails instead when no test may skip itself.
pub(crate) fn skip_unless(is_there: bool, why: &str) -> bool {
    assert!(is_there || std::env::var_os("EPR_REQUIRE_ALL").is_none(), "{why}");
    if !is_there {
        println!("skipped: {why}");
    }
    is_there
}

/// The options of nginx under which its workers, of a master that runs as root, keep access to temporary folders.
pub(crate) fn nginx_globals() -> &'static str {
    if rustix::process::getuid().is_root() { "daemon off; user root;" } else { "daemon off;" }
}

/// nginx with the configuration in a folder.
pub(crate) fn nginx_command(binary: &Path, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    command.args(["-e", "stderr", "-c", "nginx.conf", "-g", nginx_globals(), "-p"]).arg(folder);
    command.stdin(std::process::Stdio::null());
    command
}
