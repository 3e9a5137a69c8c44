//! A body that is observed: when it ends, or the client is gone, the response is counted and logged with the number of
//! bytes that were really sent.

use super::access_log::Asked;
use super::body::ResponseBody;
use super::metrics::Endpoint;
use super::server::Server;
use crate::base::time;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// A response on its way.
pub(super) struct Observed {
    content: ResponseBody,
    sent: u64,
    status: u16,
    began: Instant,
    endpoint: Endpoint,
    /// Absent without a log.
    asked: Option<Asked>,
    server: Arc<Server>,
}

impl Observed {
    pub(super) fn new(
        content: ResponseBody,
        status: u16,
        began: Instant,
        endpoint: Endpoint,
        asked: Option<Asked>,
        server: Arc<Server>,
    ) -> Self {
        Self { content, sent: 0, status, began, endpoint, asked, server }
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        self.server.metrics.answered(self.endpoint, self.status, self.sent, took);
        if let (Some(asked), Some(log)) = (&self.asked, &self.server.log)
            && !log.write(asked.line(time::now(), self.status, self.sent, took))
        {
            self.server.metrics.lines_dropped.inc();
        }
    }
}

impl Body for Observed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.content).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            this.sent += frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
