//! Switches between generations under load: every response belongs to one generation, and none fails.
//!
//! Each generation carries a number of its own in the list, in a document, in a file and in a zip; two generations never
//! agree in any of them.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

use crate::harness::Case;
use crate::incremental::{add, settle};
use crate::routers::client::{Client, Response};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const SWITCHES: usize = 50;
const CLIENTS: usize = 3;
/// A name of its own: nginx keeps its process id in a file that is named after the distribution.
pub(crate) const DISTRIBUTION: &str = "switching-under-load";
const FILE: &str = "/package/moving/1.0.0/docs/README.md";
pub(crate) const TARGETS: [&str; 4] = ["/search", "/package/moving/1.0.0/", FILE, "/epr/moving/moving-1.0.0.zip"];

/// A process that is told to end, with all it started, when the test ends.
struct Running(Child);

impl Running {
    fn signal(&self, name: &str) {
        let done = Command::new("kill").args([&format!("-{name}"), &self.0.id().to_string()]).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = Command::new("kill").arg(self.0.id().to_string()).status();
            let _ = self.0.wait();
        }
    }
}

/// Writes package `moving` with a number in title, readme and so in list, document, file and zip.
pub(crate) fn write(case: &Case, number: usize) {
    let folder = case.path("packages/production/moving/1.0.0");
    add(&folder, "moving", "1.0.0", &format!("generation-{number}. {}", "A long text. ".repeat(200 + number % 7)));
    let manifest = fs::read_to_string(folder.join("manifest.yml")).unwrap();
    let manifest = manifest.replace("title: Sample\n", &format!("title: generation-{number}.\n"));
    fs::write(folder.join("manifest.yml"), manifest).unwrap();
}

/// Publishes it.
fn publish(case: &Case, number: usize, keep: &str) {
    write(case, number);
    let built = case.run(&["--dist", DISTRIBUTION, "--quiet", "--keep", keep]);
    assert_eq!(built.code, 0, "{built:#?}");
}

/// A case whose first generations are built: two of them are gone back and forth between.
fn case(port: u16) -> Case {
    let case =
        Case::new().config(&format!("listen: 127.0.0.1:{port}\ndistributions: {{{DISTRIBUTION}: [production]}}\n"));
    for name in ["other", "third"] {
        add(&case.path(&format!("packages/production/{name}/1.0.0")), name, "1.0.0", "stays");
    }
    publish(&case, 0, "3");
    publish(&case, 1, "3");
    case
}

/// Goes to another generation: a new one now and then, else the one that was in use before.
fn switch(case: &Case, round: usize) {
    if round.is_multiple_of(5) {
        publish(case, round + 100, "3");
    } else {
        let back = case.run(&["rollback", "--dist", DISTRIBUTION]);
        assert_eq!(back.code, 0, "{back:#?}");
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The number of the generation that a response belongs to; all of the response says the same.
pub(crate) fn belongs(target: &str, response: &Response) -> usize {
    assert_eq!(response.status, 200, "{target}: {response:?}");
    let length = response.header("content-length").map(|length| length.parse::<usize>().unwrap());
    assert_eq!(length, Some(response.body.len()), "{target}");
    let text = if target.ends_with(".zip") {
        let mut zip = zip::ZipArchive::new(Cursor::new(&response.body)).unwrap();
        let mut text = String::new();
        for name in ["moving-1.0.0/manifest.yml", "moving-1.0.0/docs/README.md"] {
            zip.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        }
        text
    } else {
        String::from_utf8(response.body.clone()).unwrap()
    };
    let numbers: BTreeSet<usize> =
        text.split("generation-").skip(1).map(|rest| rest.split('.').next().unwrap().parse().unwrap()).collect();
    assert_eq!(numbers.len(), 1, "{target}: {numbers:?}");
    *numbers.first().unwrap()
}

/// Asks until told to stop. An ETag stands for one content.
fn hammer(address: &str, stop: &AtomicBool, asked: &AtomicUsize) -> BTreeSet<usize> {
    let mut client = Client::connect(address);
    let mut seen = BTreeSet::new();
    let mut tags = std::collections::BTreeMap::new();
    while !stop.load(Ordering::Relaxed) {
        for target in TARGETS {
            let response = client.ask(target, &[]);
            let number = belongs(target, &response);
            let tag = response.header("etag").unwrap_or_else(|| panic!("{target}: no ETag")).to_owned();
            let known = tags.entry((target, tag.clone())).or_insert(number);
            assert_eq!(*known, number, "{target}: one ETag for two contents");
            // What a client has kept is confirmed, or replaced as a whole.
            let again = client.ask(target, &[("If-None-Match", &tag)]);
            match again.status {
                304 => assert_eq!(again.header("etag"), Some(tag.as_str()), "{target}"),
                _ => assert!(belongs(target, &again) != number, "{target}: the same again: {again:?}"),
            }
            seen.insert(number);
            asked.fetch_add(2, Ordering::Relaxed);
        }
    }
    seen
}

/// Switches fifty times while clients ask; `announce` tells the server. At the end it must serve the last generation.
fn check_switches(case: &Case, address: &str, switch: impl Fn(&Case, usize), announce: impl Fn()) {
    let (stop, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let seen = std::thread::scope(|scope| {
        // However this ends, the clients must.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| hammer(address, &stop, &asked))).collect();
        let stopping = Stop(&stop);
        for round in 0..SWITCHES {
            switch(case, round);
            announce();
            settle();
        }
        drop(stopping);
        let seen: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        seen.into_iter().flatten().collect::<BTreeSet<_>>()
    });
    println!("{} answers, of generations {seen:?}", asked.load(Ordering::Relaxed));
    assert!(asked.load(Ordering::Relaxed) > 500 && seen.len() > 5, "{asked:?} {seen:?}");

    let readme = fs::read_to_string(case.path(&format!("out/{DISTRIBUTION}/current/site")).join(&FILE[1..])).unwrap();
    let mut client = Client::connect(address);
    wait_until("the last generation is served", || client.ask(FILE, &[]).body == readme.as_bytes());
}

pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_server_switches_under_load() {
    check_server(switch);
}

/// Nothing is kept but what is in use, and what is being served.
#[test]
fn the_server_keeps_what_it_serves() {
    check_server(|case, round| publish(case, round + 100, "1"));
}

fn check_server(switch: impl Fn(&Case, usize)) {
    let case = case(free_port());
    let mut serve = Running(
        case.command(&["serve", "--dist", DISTRIBUTION, "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut lines = BufReader::new(serve.0.stdout.take().unwrap());
    let address = read_address(&mut lines);
    // Nobody may fill the pipe.
    std::thread::spawn(move || lines.lines().map_while(Result::ok).count());
    check_switches(&case, &address, switch, || {});
    serve.signal("TERM");
    assert!(serve.0.wait().unwrap().success());
}

fn read_address(lines: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    line.trim().rsplit_once("http://").unwrap_or_else(|| panic!("{line:?}")).1.to_owned()
}

#[test]
fn nginx_switches_under_load() {
    let Some(binary) = crate::running::binary("nginx") else { return };
    let port = free_port();
    let case = case(port);
    let folder = case.path(&format!("out/{}/current/hosts/nginx", DISTRIBUTION));
    let command = |more: &[&str]| {
        let mut command = Command::new(&binary);
        command.args(["-e", "stderr", "-c", "nginx.conf", "-p"]).arg(&folder).args(more).stdin(Stdio::null());
        command
    };
    // Workers of a master that runs as root would lose access to the temporary folder.
    let user = if rustix::process::getuid().is_root() { " user root;" } else { "" };
    let nginx = Running(command(&["-g", &format!("daemon off;{user}")]).spawn().unwrap());
    let address = format!("127.0.0.1:{port}");
    drop(Client::connect(&address));
    check_switches(&case, &address, switch, || assert!(command(&["-s", "reload"]).status().unwrap().success()));
    drop(nginx);
    let _ = fs::remove_dir(format!("/tmp/epr-{DISTRIBUTION}-127.0.0.1-{port}-temp"));
}

/// Lines that a process printed so far.
fn collect(stream: impl Read + Send + 'static) -> std::sync::Arc<std::sync::Mutex<String>> {
    let text = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let kept = text.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            *kept.lock().unwrap() += &(line + "\n");
        }
    });
    text
}

/// What changes is built, what is wrong is said and the rest built, and a signal ends it.
#[test]
fn watching_builds_what_changes() {
    let case = Case::new().package("packages/production", "one", "1.0.0", "one");
    let mut watch = Running(
        case.command(&["--dist", "production", "--watch"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let (out, errors) = (collect(watch.0.stdout.take().unwrap()), collect(watch.0.stderr.take().unwrap()));
    let site = case.path("out/production/current/site");
    let readme = |name: &str| site.join(format!("package/{name}/1.0.0/docs/README.md"));
    let holds = |path: &Path, text: &str| fs::read_to_string(path).is_ok_and(|found| found.contains(text));
    wait_until("the first generation", || holds(&readme("one"), "one"));
    wait_until("the summary", || out.lock().unwrap().contains("1 version of 1 package"));

    fs::write(case.path("packages/production/one/1.0.0/docs/README.md"), "# changed\n").unwrap();
    wait_until("the change", || holds(&readme("one"), "changed"));

    let case = case.package("packages/production", "two", "1.0.0", "two").broken("packages/production", "bad", "1.0.0");
    wait_until("the new package", || holds(&readme("two"), "two"));
    wait_until("the problem", || errors.lock().unwrap().contains("bad/1.0.0"));
    assert!(!site.join("package/bad").exists());

    fs::remove_dir_all(case.path("packages/production/bad")).unwrap();
    fs::remove_dir_all(case.path("packages/production/two")).unwrap();
    wait_until("the removal", || fs::metadata(readme("one")).is_ok() && !readme("two").exists());
    assert!(watch.0.try_wait().unwrap().is_none(), "it goes on");
    watch.signal("TERM");
    wait_until("the end", || watch.0.try_wait().unwrap().is_some());
}
