//! The built-in server, held to the same standard, and its handling of bytes.

use super::client::Client;
use super::site::{Dice, GENERATION, Site};
use super::{check_bytes, compare, compare_below, queries, targets_below};
use epr_build::serve::{Event, ServeOptions, run};
use std::fs;
use std::sync::mpsc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A running server, stopped at the end of the test.
struct Server {
    address: String,
    events: mpsc::Receiver<Event>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        let finished = self.thread.take().unwrap().join();
        assert!(finished.is_ok() || std::thread::panicking());
    }
}

fn start(site: &Site) -> Server {
    let options = ServeOptions { debug_header: true, ..ServeOptions::new(site.folder.path().join("current")) };
    let (send, events) = mpsc::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let stop = async {
                let _ = stopped.await;
            };
            run(&options, listener, stop, move |event| send.send(event).unwrap_or_default()).await.unwrap();
        });
    });
    let Ok(Event::Listening(address)) = events.recv_timeout(Duration::from_secs(10)) else { panic!("no address") };
    Server { address: address.to_string(), events, stop: Some(stop), thread: Some(thread) }
}

#[test]
fn the_server_routes_as_the_reference_router() {
    let site = Site::build();
    let server = start(&site);
    let mut client = Client::connect(&server.address);
    let mut dice = Dice::new(13);
    compare(&site, &mut client, (0..5_000).map(|_| queries::query(&mut dice, &site)));
    compare(&site, &mut client, (0..2_000).map(|_| queries::path(&mut dice)));
}

#[test]
fn the_server_routes_below_a_path() {
    let site = Site::build();
    let prefix = "/epr.x/my-Registry";
    fs::write(
        site.folder.path().join(GENERATION).join("hosting.json"),
        format!("{{\"prefix\":\"{prefix}\",\"debug_header\":false}}"),
    )
    .unwrap();
    let server = start(&site);
    let targets = targets_below(prefix, &mut Dice::new(19), &site, 2_000);
    compare_below(prefix, &site, &mut Client::connect(&server.address), targets);
}

#[test]
fn the_server_sends_bytes_as_asked_for() {
    let site = Site::build();
    check_bytes(&site, || start(&site), |server| server.address.clone());
}

// One connection sees the old generation until the link moves, then the new one, and no error between.
#[test]
fn a_new_generation_is_taken_over() {
    let site = Site::build();
    let server = start(&site);
    let mut client = Client::connect(&server.address);
    assert_eq!(client.get("/index.json").body, b"{}\n");
    let folder = site.folder.path();
    fs::create_dir_all(folder.join("generation-2/site")).unwrap();
    fs::copy(folder.join(GENERATION).join("routes.json"), folder.join("generation-2/routes.json")).unwrap();
    fs::write(folder.join("generation-2/site/index.json"), "new").unwrap();
    std::os::unix::fs::symlink("generation-2", folder.join("next")).unwrap();
    fs::rename(folder.join("next"), folder.join("current")).unwrap();
    let event = server.events.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(matches!(&event, Event::Generation(path) if path.ends_with("generation-2")), "{event:?}");
    assert_eq!(client.get("/index.json").body, b"new");
}
