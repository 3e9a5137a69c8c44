//! Fetches listings, and zips into files that outlive a kill: the next run goes on where it stopped if the server can tell
//! that it is still the same file.
//!
//! Beside an unfinished zip lies a note with its address, length and validators, once it is worth while or the connection broke.
//! Without a validator, or if anything about the rest does not fit, the file is fetched from its beginning.

use super::fault::{Fault, status_words};
use super::record::Validators;
use super::redirect;
use super::transport::{Answer, Ask, Transport};
use crate::base::digest::{Digest, Hasher};
use crate::base::fs;
use anyhow::{Context, Result};
use flate2::read::MultiGzDecoder;
use reqwest::{Url, header};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bytes after which an unfinished zip has a note: fewer are fetched as quickly as a note is written.
const NOTED_BYTES: u64 = 1 << 20;

/// A file that is being fetched.
#[derive(Clone, Debug)]
pub(super) struct Partial {
    /// The content, as far as it came.
    pub(super) content: PathBuf,
    note: PathBuf,
}

/// What is known of an unfinished file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// The address that was asked.
    asked: String,
    /// The address that answered, without its query.
    url: String,
    length: Option<u64>,
    validators: Validators,
}

/// What is known of an unfinished file, the digest of what came, and its bytes.
type SoFar = (Note, Hasher, u64);

/// A file that was fetched whole, as far as its length tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) sha256: Digest,
    pub(super) size: u64,
    pub(super) url: String,
    pub(super) validators: Validators,
}

impl Partial {
    /// The unfinished file of this name in a folder.
    pub(super) fn new(folder: &Path, name: &str) -> Self {
        Self { content: folder.join(name), note: folder.join(format!("{name}.json")) }
    }

    /// Forgets what came.
    pub(super) fn discard(&self) -> Result<()> {
        fs::remove_file_if_there(&self.note)?;
        fs::remove_file_if_there(&self.content)
    }

    /// Returns true if a file with this note lies there whole, as far as its size tells.
    pub(super) fn is_whole(&self, asked: &Url) -> Result<bool> {
        let Some(note) = fs::read_if_there(&self.note)? else { return Ok(false) };
        let Ok(note) = serde_json::from_slice::<Note>(&note) else { return Ok(false) };
        let size = fs::link_metadata(&self.content).ok().filter(|found| found.is_file()).map(|found| found.len());
        Ok(note.asked == asked.as_str() && size.is_some() && size == note.length)
    }

    /// Notes that the file lies there whole.
    pub(super) fn completed(&self, asked: &Url, size: u64, etag: String) -> Result<()> {
        let validators = Validators { etag: Some(etag), modified: None };
        let url = redirect::public(asked);
        let note = Note { asked: asked.to_string(), url, length: Some(size), validators };
        fs::write_file(&self.note, &serde_json::to_vec(&note).context("cannot write a note")?)
    }

    /// Forgets how it came: the content was moved away.
    pub(super) fn finish(&self) -> Result<()> {
        fs::remove_file_if_there(&self.note)
    }

    /// Bytes of what came so far, if a run can go on with it: it is no older than so many seconds, and it is whole or the server
    /// can tell whether it is still the same file.
    pub(super) fn resumable(&self, now: u64, most_age: u64) -> Result<Option<u64>> {
        let Ok(found) = fs::link_metadata(&self.content) else { return Ok(None) };
        let note = fs::read_if_there(&self.note)?.and_then(|text| serde_json::from_slice::<Note>(&text).ok());
        let is_young = now.saturating_sub(u64::try_from(found.mtime()).unwrap_or_default()) <= most_age;
        let can_go_on =
            |note: &Note| note.length == Some(found.len()) || note.validators.for_range().is_some() && found.len() > 0;
        Ok(note.filter(|note| is_young && can_go_on(note)).map(|_| found.len()))
    }

    fn write_note(&self, note: &Note) -> Result<()> {
        let text = serde_json::to_vec(note).context("cannot write a note")?;
        fs::write_file(&self.note, &text)
    }

    /// Digest and size of what came so far, with what is known of it.
    fn so_far(&self, asked: &Url) -> Result<Option<SoFar>> {
        let Some(note) = fs::read_if_there(&self.note)? else { return Ok(None) };
        // A note that was cut off tells nothing.
        let Ok(note) = serde_json::from_slice::<Note>(&note) else { return Ok(None) };
        let Some(mut file) = fs::open_unlinked_if_there(&self.content)? else { return Ok(None) };
        let (mut hasher, mut size, mut buffer) = (Hasher::default(), 0, vec![0; 1 << 16]);
        loop {
            let count = file.read(&mut buffer).with_context(|| format!("cannot read {}", self.content.display()))?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            size += count as u64;
        }
        Ok((note.asked == asked.as_str()).then_some((note, hasher, size)))
    }
}

/// Fetches a zip of at most so many bytes. With `fresh` nothing that came before counts, and no cache on the way may answer.
pub(super) async fn zip(
    transport: &Transport,
    url: &Url,
    partial: &Partial,
    fresh: bool,
    most: u64,
) -> Result<Fetched, Fault> {
    if fresh {
        partial.discard()?;
    }
    let before = match partial.so_far(url)? {
        Some((Note { length: Some(length), url, validators, .. }, hasher, size)) if length == size => {
            return Ok(Fetched { sha256: hasher.finish(), size, url, validators });
        }
        before => before,
    };
    let mut first = Some(before);
    transport
        .retrying(url, async |_| {
            let before = match first.take() {
                Some(before) => before,
                None => partial.so_far(url)?,
            };
            once(transport, url, partial, before, fresh, most).await
        })
        .await
}

/// Fetches a zip anew, unless it is still what validators say; then there is nothing.
pub(super) async fn if_other(
    transport: &Transport,
    url: &Url,
    partial: &Partial,
    validators: &Validators,
    most: u64,
) -> Result<Option<Fetched>, Fault> {
    partial.discard()?;
    transport
        .retrying(url, async |_| {
            let ask = Ask { unless: Some(validators), fresh: true, ..Ask::default() };
            let answer = transport.ask(url, &ask).await?;
            if answer.status == 304 {
                return Ok(None);
            }
            answer.is_plain()?;
            take_whole(transport, answer, url, partial, most).await.map(Some)
        })
        .await
}

/// Takes a zip from its beginning.
async fn take_whole(
    transport: &Transport,
    answer: Answer,
    url: &Url,
    partial: &Partial,
    most: u64,
) -> Result<Fetched, Fault> {
    if answer.status != 200 {
        return Err(Fault::Unfit(format!("the answer is {}, which nobody asked for", status_words(answer.status))));
    }
    partial.discard()?;
    let note = Note {
        asked: url.to_string(),
        url: redirect::public(&answer.url),
        length: answer.length(),
        validators: answer.validators(),
    };
    receive(transport, answer, partial, note, false, (Hasher::default(), 0), most).await
}

async fn once(
    transport: &Transport,
    url: &Url,
    partial: &Partial,
    before: Option<SoFar>,
    fresh: bool,
    most: u64,
) -> Result<Fetched, Fault> {
    let before = before.filter(|(note, _, size)| *size > 0 && note.validators.for_range().is_some());
    let from = before.as_ref().and_then(|(note, _, size)| Some((*size, note.validators.for_range()?)));
    let answer = transport.ask(url, &Ask { from, fresh, ..Ask::default() }).await?;
    answer.is_plain()?;
    match (answer.status, before) {
        (206, Some((note, hasher, size))) => {
            if !fits(&answer, &note, size) {
                partial.discard()?;
                return Err(Fault::passing("the rest does not fit to what came before"));
            }
            receive(transport, answer, partial, note, true, (hasher, size), most).await
        }
        (416, Some(_)) => {
            partial.discard()?;
            Err(Fault::passing("the server has no rest to what came before"))
        }
        _ => take_whole(transport, answer, url, partial, most).await,
    }
}

/// Returns true if an answer is exactly the rest of a file.
fn fits(answer: &Answer, note: &Note, size: u64) -> bool {
    let Some((first, last, total)) = answer.header(header::CONTENT_RANGE).as_deref().and_then(content_range) else {
        return false;
    };
    let validators = answer.validators();
    let is_same = |before: &Option<String>, now: &Option<String>| now.is_none() || before == now;
    first == size
        && last.checked_add(1) == Some(total)
        && note.length.is_none_or(|length| length == total)
        && answer.length().is_none_or(|length| Some(length) == total.checked_sub(size))
        && is_same(&note.validators.etag, &validators.etag)
        && is_same(&note.validators.modified, &validators.modified)
}

/// Reads `bytes 100-199/200`.
fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, total.parse().ok()?))
}

async fn receive(
    transport: &Transport,
    answer: Answer,
    partial: &Partial,
    note: Note,
    mut is_noted: bool,
    (mut hasher, mut size): (Hasher, u64),
    most: u64,
) -> Result<Fetched, Fault> {
    let begin = size;
    let declared = answer.length().map(|length| length.saturating_add(begin));
    let too_large = || Fault::Unfit(format!("the zip has more than the limit of {most} bytes"));
    if declared.is_some_and(|declared| declared > most) {
        partial.discard()?;
        return Err(too_large());
    }
    let mut file = fs::open_to_continue(&partial.content)?;
    let poured = transport
        .pour(answer, |part| {
            size += part.len() as u64;
            if size > most {
                return Err(too_large());
            }
            hasher.update(part);
            let written = file.write_all(part).with_context(|| format!("cannot write {}", partial.content.display()));
            written.map_err(Fault::Machine)?;
            if size >= NOTED_BYTES && !is_noted {
                partial.write_note(&note)?;
                is_noted = true;
            }
            Ok(())
        })
        .await;
    let is_short = declared.is_some_and(|declared| declared != size);
    match &poured {
        Err(Fault::Unfit(_)) => partial.discard()?,
        Err(Fault::Machine(_)) => {}
        Ok(()) if !is_short => {}
        _ if !is_noted => partial.write_note(&note)?,
        _ => {}
    }
    poured?;
    if let Some(declared) = declared.filter(|_| is_short) {
        return Err(Fault::passing(format!("{size} of {declared} bytes came")));
    }
    // While it is checked, the disk may begin.
    fs::begin_flush(&file);
    Ok(Fetched { sha256: hasher.finish(), size, url: note.url, validators: note.validators })
}

/// A listing in memory, compressed: it came so, or was made so on its way.
pub(super) enum Stash {
    /// As the server compressed it.
    Gzip(Vec<u8>),
    /// As it was compressed here.
    Zstd(Vec<u8>),
}

impl Stash {
    /// The text of the listing. Who reads it bounds its length.
    pub(super) fn text(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::Gzip(bytes) => Box::new(MultiGzDecoder::new(bytes.as_slice())),
            Self::Zstd(bytes) => Box::new(zstd::Decoder::with_buffer(bytes.as_slice())?),
        })
    }

    /// The digest of the text, of at most so many bytes.
    pub(super) fn digest(&self, most: u64) -> io::Result<Digest> {
        let (mut text, mut hasher, mut buffer) = (self.text()?.take(most), Hasher::default(), vec![0; 1 << 16]);
        loop {
            match text.read(&mut buffer)? {
                0 => return Ok(hasher.finish()),
                count => hasher.update(&buffer[..count]),
            }
        }
    }
}

/// Fetches a listing.
pub(super) async fn listing(transport: &Transport, url: &Url, most: u64) -> Result<Stash, Fault> {
    let unasked = || Fault::Unfit(format!("the answer is {}, which nobody asked for", status_words(304)));
    stash(transport, url, None, most).await?.map(|(stash, _)| stash).ok_or_else(unasked)
}

/// Fetches a text of at most so many bytes, unless it is still what validators say; then there is nothing.
pub(super) async fn stash(
    transport: &Transport,
    url: &Url,
    unless: Option<&Validators>,
    most: u64,
) -> Result<Option<(Stash, Validators)>, Fault> {
    let patience = transport.upstream().timeouts.listing;
    let too_long = || Fault::passing(format!("the listing is not there within {}", super::gate::spelled(patience)));
    transport
        .retrying(url, async |_| {
            let fetched = async {
                let answer = transport.ask(url, &Ask { gzip: true, unless, ..Ask::default() }).await?;
                if answer.status == 304 {
                    return Ok(None);
                }
                if answer.status != 200 {
                    return Err(Fault::Unfit(format!("the answer is {}", status_words(answer.status))));
                }
                let (is_gzip, validators) = (answer.is_gzip()?, answer.validators());
                let (mut raw, mut packed) = (Vec::new(), zstd::Encoder::new(Vec::new(), 1).context("cannot compress")?);
                let mut size = 0;
                transport
                    .pour(answer, |part| {
                        size += part.len() as u64;
                        if size > most {
                            return Err(Fault::Unfit(format!("it has more than {most} bytes")));
                        }
                        if is_gzip {
                            raw.extend_from_slice(part);
                            return Ok(());
                        }
                        Ok(packed.write_all(part).context("cannot compress")?)
                    })
                    .await?;
                let stash = match is_gzip {
                    true => Stash::Gzip(raw),
                    false => Stash::Zstd(packed.finish().context("cannot compress")?),
                };
                Ok(Some((stash, validators)))
            };
            tokio::time::timeout(patience, fetched).await.unwrap_or_else(|_| Err(too_long()))
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::content_range;

    #[test]
    fn ranges_are_read_exactly() {
        for (text, expected) in [
            ("bytes 0-9/10", Some((0, 9, 10))),
            ("bytes 5-9/10", Some((5, 9, 10))),
            ("bytes 5-9/*", None),
            ("bytes */10", None),
            ("5-9/10", None),
            ("bytes 5-9", None),
            ("bytes -9/10", None),
        ] {
            assert_eq!(content_range(text), expected, "{text}");
        }
    }
}
