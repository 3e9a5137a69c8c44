//! A connection that ends if no byte moves in either direction for a while.
//!
//! One clock covers all ways of keeping a server waiting: a client that never asks, one that stops in the middle of a
//! handshake or a request, one that does not take its answer, and one whose machine is gone. Knows nothing of HTTP.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// A stream with a limit to silence.
pub(super) struct Guarded<S> {
    stream: S,
    limit: Duration,
    /// When the last byte moved.
    last: Instant,
    /// Wakes the connection when silence has lasted; set further lazily, since it is looked at only when it rings.
    alarm: Pin<Box<Sleep>>,
}

impl<S> Guarded<S> {
    pub(super) fn new(stream: S, limit: Duration) -> Self {
        let last = Instant::now();
        Self { stream, limit, last, alarm: Box::pin(sleep_until(last + limit)) }
    }

    /// Passes on the result of the stream and notes that it moved, or ends a silence that lasts too long.
    fn note<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.last = Instant::now();
            return polled;
        }
        while self.alarm.as_mut().poll(context).is_ready() {
            let end = self.last + self.limit;
            if end <= Instant::now() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.alarm.as_mut().reset(end);
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        this.note(context, polled)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.note(context, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write_vectored(context, parts);
        this.note(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_flush(context);
        if polled.is_ready() { polled } else { this.note(context, polled) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_shutdown(context);
        if polled.is_ready() { polled } else { this.note(context, polled) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const LIMIT: Duration = Duration::from_secs(2);

    fn run(future: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future);
    }

    // A byte now and then keeps a connection for longer than the limit; silence ends it.
    #[test]
    fn only_silence_ends_a_connection() {
        run(async {
            let (near, mut far) = duplex(64);
            let mut near = Guarded::new(near, LIMIT);
            let begin = Instant::now();
            let mut byte = [0];
            for _ in 0..5 {
                tokio::time::sleep(LIMIT / 4).await;
                far.write_all(b"x").await.unwrap();
                near.read_exact(&mut byte).await.unwrap();
            }
            assert!(begin.elapsed() > LIMIT);
            let error = near.read_exact(&mut byte).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert!(begin.elapsed() >= LIMIT * 9 / 4);
        });
    }

    #[test]
    fn a_client_that_takes_nothing_is_left() {
        run(async {
            let (near, far) = duplex(64);
            let mut near = Guarded::new(near, LIMIT);
            let begin = Instant::now();
            let error = near.write_all(&[0; 100]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert!(begin.elapsed() >= LIMIT);
            drop(far);
        });
    }
}
