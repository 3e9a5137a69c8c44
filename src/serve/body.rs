//! The body of a response: some bytes, or a stretch of a file or of a computed answer, which is read while it is sent.

use super::computed::{Answer, Computer, Form};
use super::stretch::Stretch;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A body of known length.
pub(super) enum ResponseBody {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A stretch of a file.
    File(Stretch),
    /// A computed answer from a piece on, with so many bytes left.
    Computed { answer: Arc<Answer>, computer: Arc<Computer>, form: Form, from: usize, left: u64 },
}

impl ResponseBody {
    pub(super) fn text(text: &str) -> Self {
        Self::Bytes(format!("{text}\n").into())
    }

    pub(super) fn empty() -> Self {
        Self::Bytes(Bytes::new())
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Bytes(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Computed { left: 0, .. } => Poll::Ready(None),
            Self::File(stretch) => stretch.poll_next(context).map(|next| next.map(|read| read.map(Frame::data))),
            // Some hundred elements, which the machine has in memory: a change of threads would take longer.
            Self::Computed { answer, computer, form, from, left } => {
                Poll::Ready(Some(match answer.stretch(*form, *from, computer.elements()) {
                    Ok(Some((bytes, next))) => {
                        *from = next;
                        *left = left.saturating_sub(bytes.len() as u64);
                        Ok(Frame::data(bytes))
                    }
                    Ok(None) => Err(io::ErrorKind::UnexpectedEof.into()),
                    Err(error) => Err(error),
                }))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.size_hint().exact() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(stretch) => stretch.left(),
            Self::Computed { left, .. } => *left,
        })
    }
}
