//! One computed answer: what it consists of, its sizes, and its bytes stretch by stretch.

use super::elements::{Elements, Packed};
use crate::base::compress::{self, GZIP_HEADER};
use crate::base::digest::Hasher;
use anyhow::Result;
use hyper::body::Bytes;
use std::io;

/// Bytes from which on a stretch is sent.
const STRETCH: usize = 64 * 1024;
const BEGIN: &[u8] = b"[\n";
const JOINT: &[u8] = b",\n";
const END: &[u8] = b"\n]\n";

/// How an answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Form {
    /// As it is.
    Plain,
    /// Compressed.
    Gzip,
}

/// One element of an answer.
pub(super) enum Piece {
    /// An element as it is stored, by its position.
    Stored(usize),
    /// An element with some of its policy templates.
    Own(Box<str>, Packed),
}

pub(super) enum Content {
    /// At least one element.
    Elements(Box<[Piece]>),
    /// Any other text.
    Text {
        plain: Bytes,
        /// Where it is shorter.
        packed: Option<Bytes>,
    },
}

/// A computed answer.
pub(in crate::serve) struct Answer {
    content: Content,
    plain_size: u64,
    /// Size of the compressed form, where it is shorter.
    packed_size: Option<u64>,
    /// Of the plain form, where it is joined.
    crc: u32,
    tag: String,
}

impl Answer {
    pub(super) fn new(content: Content, elements: &Elements) -> Result<Self> {
        let mut hasher = Hasher::default();
        hasher.text(elements.version().etag());
        let (plain_size, packed_size, crc) = match &content {
            Content::Text { plain, packed } => {
                hasher.text(plain);
                (plain.len() as u64, packed.as_ref().map(|bytes| bytes.len() as u64), 0)
            }
            Content::Elements(pieces) => {
                let mut crc = crc32fast::Hasher::new();
                let (mut plain_size, mut packed_size) = (0, 0);
                for (position, piece) in pieces.iter().enumerate() {
                    let joint = if position == 0 { BEGIN } else { JOINT };
                    crc.update(joint);
                    let (size, packed) = match piece {
                        Piece::Stored(position) => {
                            hasher.number(*position as u64);
                            (elements.size(*position), elements.packed(*position)?)
                        }
                        Piece::Own(text, packed) => {
                            hasher.text(text.as_bytes());
                            (text.len() as u64, packed)
                        }
                    };
                    crc.combine(&packed.checksum());
                    plain_size += joint.len() as u64 + size;
                    packed_size += compress::stored_piece(joint, false).len() + packed.bytes.len();
                }
                crc.update(END);
                plain_size += END.len() as u64;
                packed_size += compress::stored_piece(END, true).len();
                let packed_size = compress::gzip_size(packed_size as u64);
                (plain_size, Some(packed_size).filter(|size| *size < plain_size), crc.finalize())
            }
        };
        Ok(Self { content, plain_size, packed_size, crc, tag: hasher.finish().short(16) })
    }

    /// Bytes of memory, roughly.
    pub(super) fn weight(&self) -> usize {
        let content = match &self.content {
            Content::Text { plain, packed } => plain.len() + packed.as_ref().map_or(0, Bytes::len),
            Content::Elements(pieces) => {
                let own = |piece: &Piece| match piece {
                    Piece::Stored(_) => 0,
                    Piece::Own(text, packed) => text.len() + packed.bytes.len(),
                };
                size_of_val(&**pieces) + pieces.iter().map(own).sum::<usize>()
            }
        };
        size_of::<Self>() + content
    }

    /// The form for a client that takes gzip, or does not.
    pub(in crate::serve) fn form(&self, takes_gzip: bool) -> Form {
        if takes_gzip && self.packed_size.is_some() { Form::Gzip } else { Form::Plain }
    }

    /// Returns true if there is a compressed form, so that answers depend on what clients accept.
    pub(in crate::serve) fn varies(&self) -> bool {
        self.packed_size.is_some()
    }

    /// Bytes of a form.
    pub(in crate::serve) fn size(&self, form: Form) -> u64 {
        self.packed_size.filter(|_| form == Form::Gzip).unwrap_or(self.plain_size)
    }

    /// The strong validator of a form. It changes with the question, and with every change of a package.
    pub(in crate::serve) fn etag(&self, form: Form) -> String {
        let mark = if form == Form::Gzip { "-gzip" } else { "" };
        format!("\"{}{mark}\"", self.tag)
    }

    /// The bytes from a piece on, and the piece after them; `None` after the last one.
    pub(in crate::serve) fn stretch(
        &self,
        form: Form,
        from: usize,
        elements: &Elements,
    ) -> io::Result<Option<(Bytes, usize)>> {
        let pieces = match &self.content {
            Content::Text { plain, packed } => {
                let bytes = packed.as_ref().filter(|_| form == Form::Gzip).unwrap_or(plain);
                return Ok((from == 0).then(|| (bytes.clone(), 1)));
            }
            Content::Elements(pieces) => pieces,
        };
        if from > pieces.len() {
            return Ok(None);
        }
        let mut out = Vec::with_capacity(STRETCH + STRETCH / 4);
        if form == Form::Gzip && from == 0 {
            out.extend(GZIP_HEADER);
        }
        let fixed = |out: &mut Vec<u8>, bytes: &[u8], is_last| match form {
            Form::Plain => out.extend(bytes),
            Form::Gzip => out.extend(compress::stored_piece(bytes, is_last)),
        };
        for (position, piece) in pieces.iter().enumerate().skip(from) {
            if out.len() >= STRETCH {
                return Ok(Some((out.into(), position)));
            }
            fixed(&mut out, if position == 0 { BEGIN } else { JOINT }, false);
            match (piece, form) {
                (Piece::Stored(position), Form::Plain) => elements.push(*position, &mut out)?,
                (Piece::Stored(position), Form::Gzip) => out.extend(&elements.packed(*position)?.bytes),
                (Piece::Own(text, _), Form::Plain) => out.extend(text.as_bytes()),
                (Piece::Own(_, packed), Form::Gzip) => out.extend(&packed.bytes),
            }
        }
        fixed(&mut out, END, true);
        if form == Form::Gzip {
            out.extend(compress::gzip_trailer(self.crc, self.plain_size));
        }
        Ok(Some((out.into(), pieces.len() + 1)))
    }
}
