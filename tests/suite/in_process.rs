//! The built-in server inside the test's own process, stopped at the end of the test.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use epr_build::serve::{Event, ServeOptions, run};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A running server.
pub(crate) struct Server {
    /// Address and port.
    pub(crate) address: String,
    /// What the server has said since it listens.
    pub(crate) events: Receiver<Event>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(options: ServeOptions) -> Self {
        let (send, events) = channel();
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
        Self { address: address.to_string(), events, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        let finished = self.thread.take().unwrap().join();
        assert!(finished.is_ok() || std::thread::panicking());
    }
}
