//! The content type of a file below `/package`, as the registry says it (contract, "Files of a package").
//!
//! By extension where the table lists it, else by the first bytes (the WHATWG sniffing table). The values of hosts without
//! a MIME database are the target, so that every host answers alike. Knows nothing of servers or packages.

use std::borrow::Cow;

/// The content of `/favicon.ico`.
pub const FAVICON: &[u8] = include_bytes!("../../assets/favicon.ico");

/// The type of text, and of everything that is not known to be something else.
pub const TEXT: &str = "text/plain; charset=utf-8";
/// The type of answers and package documents.
pub const JSON: &str = "application/json";
/// The type of archives.
pub const ZIP: &str = "application/zip";
/// The type of `/favicon.ico`.
pub const ICON: &str = "image/x-icon";
/// Number of bytes from the start of a file that decide.
pub const SNIFFED_BYTES: usize = 512;

/// Types by extension, which is in lower case and without its dot.
pub const EXTENSIONS: &[(&str, &str)] = &[
    ("ai", "application/postscript"),
    ("apk", "application/vnd.android.package-archive"),
    ("apng", "image/apng"),
    ("avif", "image/avif"),
    ("bin", "application/octet-stream"),
    ("bmp", "image/bmp"),
    ("com", "application/octet-stream"),
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("ehtml", "text/html; charset=utf-8"),
    ("eml", "message/rfc822"),
    ("eps", "application/postscript"),
    ("exe", "application/octet-stream"),
    ("flac", "audio/flac"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", ICON),
    ("ics", "text/calendar; charset=utf-8"),
    ("jfif", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", JSON),
    // The one value of a host's MIME database that we follow: the recorded reference had it, for files of real packages.
    ("log", "text/x-log; charset=utf-8"),
    ("m4a", "audio/mp4"),
    ("md", "text/markdown; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("opus", "audio/ogg"),
    ("pdf", "application/pdf"),
    ("pjp", "image/jpeg"),
    ("pjpeg", "image/jpeg"),
    ("png", "image/png"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("ps", "application/postscript"),
    ("rdf", "application/rdf+xml"),
    ("rtf", "application/rtf"),
    ("shtml", "text/html; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("text", TEXT),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("txt", TEXT),
    ("vtt", "text/vtt; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    // Not a slip: the reference takes audio/webm from its own table.
    ("webm", "audio/webm"),
    ("webp", "image/webp"),
    ("xbl", "text/xml; charset=utf-8"),
    ("xbm", "image/x-xbitmap"),
    ("xht", "application/xhtml+xml"),
    ("xhtml", "application/xhtml+xml"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("xml", "text/xml; charset=utf-8"),
    ("xsl", "text/xml; charset=utf-8"),
    ("yml", "text/yaml; charset=UTF-8"),
    ("zip", ZIP),
];

/// The content type of a file, given its path and its first [`SNIFFED_BYTES`] bytes (more do no harm).
pub fn content_type(path: &str, first_bytes: &[u8]) -> Cow<'static, str> {
    Cow::Borrowed(by_extension(path).unwrap_or_else(|| by_content(first_bytes)))
}

/// The content type that the extension alone decides, if it does.
pub fn by_extension(path: &str) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.')?.1.to_ascii_lowercase();
    let found = EXTENSIONS.binary_search_by(|(listed, _)| (*listed).cmp(extension.as_str())).ok()?;
    Some(EXTENSIONS[found].1)
}

/// Returns true if a type is text in some form, so that compressing it pays.
pub fn is_text(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or(content_type);
    essence.starts_with("text/")
        || essence.ends_with("+xml")
        || matches!(essence, JSON | "application/rtf" | "application/postscript")
}

/// Returns true if a file's name says that its content is compressed already.
pub fn is_compressed(path: &str) -> bool {
    let compressed =
        ["apng", "avif", "flac", "gif", "gz", "jfif", "jpeg", "jpg", "m4a", "mp3", "mp4", "oga", "ogg", "ogv"];
    let more = ["opus", "pjp", "pjpeg", "png", "tgz", "webm", "webp", "woff", "woff2", "zip", "zst"];
    let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    compressed.contains(&extension.as_str()) || more.contains(&extension.as_str())
}

/// HTML elements that make a file HTML when it begins with one of them, in any case.
const HTML: &[&str] = &[
    "<!DOCTYPE HTML",
    "<HTML",
    "<HEAD",
    "<SCRIPT",
    "<IFRAME",
    "<H1",
    "<DIV",
    "<FONT",
    "<TABLE",
    "<A",
    "<STYLE",
    "<TITLE",
    "<B",
    "<BODY",
    "<BR",
    "<P",
    "<!--",
];

/// A signature: bytes, and the mask that is laid over the file before comparing (empty: all bytes count).
struct Signature(&'static [u8], &'static [u8], &'static str);

/// Laid over `RIFF` and `FORM` files: four bytes, any length, four bytes.
const CHUNK: &[u8] = b"\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff";

/// Signatures of documents and images, which come before MP4.
const FIRST: &[Signature] = &[
    Signature(b"%PDF-", b"", "application/pdf"),
    Signature(b"%!PS-Adobe-", b"", "application/postscript"),
    Signature(b"\xfe\xff\0\0", b"\xff\xff\0\0", "text/plain; charset=utf-16be"),
    Signature(b"\xff\xfe\0\0", b"\xff\xff\0\0", "text/plain; charset=utf-16le"),
    Signature(b"\xef\xbb\xbf\0", b"\xff\xff\xff\0", TEXT),
    Signature(b"\0\0\x01\0", b"", ICON),
    Signature(b"\0\0\x02\0", b"", ICON),
    Signature(b"BM", b"", "image/bmp"),
    Signature(b"GIF87a", b"", "image/gif"),
    Signature(b"GIF89a", b"", "image/gif"),
    Signature(b"RIFF\0\0\0\0WEBPVP", b"\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff\xff\xff", "image/webp"),
    Signature(b"\x89PNG\r\n\x1a\n", b"", "image/png"),
    Signature(b"\xff\xd8\xff", b"", "image/jpeg"),
    Signature(b"FORM\0\0\0\0AIFF", CHUNK, "audio/aiff"),
    Signature(b"ID3", b"", "audio/mpeg"),
    Signature(b"OggS\0", b"", "application/ogg"),
    Signature(b"MThd\0\0\0\x06", b"", "audio/midi"),
    Signature(b"RIFF\0\0\0\0AVI ", CHUNK, "video/avi"),
    Signature(b"RIFF\0\0\0\0WAVE", CHUNK, "audio/wave"),
];

/// Signatures after MP4.
const LAST: &[Signature] = &[
    Signature(b"\x1a\x45\xdf\xa3", b"", "video/webm"),
    Signature(
        b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0LP",
        b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff",
        "application/vnd.ms-fontobject",
    ),
    Signature(b"\0\x01\0\0", b"", "font/ttf"),
    Signature(b"OTTO", b"", "font/otf"),
    Signature(b"ttcf", b"", "font/collection"),
    Signature(b"wOFF", b"", "font/woff"),
    Signature(b"wOF2", b"", "font/woff2"),
    Signature(b"\x1f\x8b\x08", b"", "application/x-gzip"),
    Signature(b"PK\x03\x04", b"", ZIP),
    Signature(b"Rar!\x1a\x07\0", b"", "application/x-rar-compressed"),
    Signature(b"Rar!\x1a\x07\x01\0", b"", "application/x-rar-compressed"),
    Signature(b"\0asm", b"", "application/wasm"),
];

/// The content type that the first bytes decide.
fn by_content(bytes: &[u8]) -> &'static str {
    let bytes = &bytes[..bytes.len().min(SNIFFED_BYTES)];
    let visible = bytes.iter().position(|byte| !b"\t\n\x0c\r ".contains(byte)).unwrap_or(bytes.len());
    let visible = &bytes[visible..];
    if HTML.iter().any(|element| begins_with_element(visible, element.as_bytes())) {
        return "text/html; charset=utf-8";
    }
    if visible.starts_with(b"<?xml") {
        return "text/xml; charset=utf-8";
    }
    if let Some(found) = FIRST.iter().find(|signature| signature.matches(bytes)) {
        return found.2;
    }
    if is_mp4(bytes) {
        return "video/mp4";
    }
    if let Some(found) = LAST.iter().find(|signature| signature.matches(bytes)) {
        return found.2;
    }
    let binary = |byte: &u8| matches!(byte, 0x00..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f);
    if visible.iter().any(binary) { "application/octet-stream" } else { TEXT }
}

impl Signature {
    fn matches(&self, bytes: &[u8]) -> bool {
        let Self(pattern, mask, _) = self;
        let mask = |at: usize| mask.get(at).copied().unwrap_or(0xff);
        bytes.len() >= pattern.len() && pattern.iter().enumerate().all(|(at, byte)| bytes[at] & mask(at) == *byte)
    }
}

/// Returns true if the file begins with the element, in any case, and a blank or `>` behind it.
fn begins_with_element(bytes: &[u8], element: &[u8]) -> bool {
    let Some((head, rest)) = bytes.split_at_checked(element.len()) else { return false };
    head.eq_ignore_ascii_case(element) && matches!(rest.first(), Some(b' ' | b'>'))
}

/// Returns true if the first box is a file type box that names an `mp4` brand.
fn is_mp4(bytes: &[u8]) -> bool {
    let Some(&[a, b, c, d]) = bytes.first_chunk::<4>() else { return false };
    let size = u32::from_be_bytes([a, b, c, d]) as usize;
    if bytes.len() < 12 || bytes.len() < size || !size.is_multiple_of(4) || &bytes[4..8] != b"ftyp" {
        return false;
    }
    // The second word is a version number, not a brand.
    (8..size).step_by(4).filter(|at| *at != 12).any(|at| bytes[at..].starts_with(b"mp4"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, bytes: &[u8], expected: &str) {
        assert_eq!(content_type(path, bytes), expected, "{path} with {bytes:?}");
    }

    // Binary search needs it.
    #[test]
    fn the_extensions_are_sorted_and_unique() {
        assert!(EXTENSIONS.is_sorted_by(|left, right| left.0 < right.0));
    }

    #[test]
    fn an_extension_decides_whatever_the_content() {
        check("manifest.yml", b"<html>", "text/yaml; charset=UTF-8");
        check("docs/README.MD", b"", "text/markdown; charset=utf-8");
        check("img/a.b.svg", b"", "image/svg+xml");
        check(".yml", b"", "text/yaml; charset=UTF-8");
        check("a.json/b", b"x", TEXT);
        check("video.webm", b"", "audio/webm");
    }

    #[test]
    fn the_content_decides_the_rest() {
        for (bytes, expected) in [
            (&b""[..], TEXT),
            (b"key: value", TEXT),
            (b" \n<!doctype html>", "text/html; charset=utf-8"),
            (b"<p ", "text/html; charset=utf-8"),
            (b"<px>", TEXT),
            (b"<p", TEXT),
            (b"\t<?xml version", "text/xml; charset=utf-8"),
            (b"%PDF-1", "application/pdf"),
            (b"\xfe\xff\0a", "text/plain; charset=utf-16be"),
            (b"\xff\xfea\0", "text/plain; charset=utf-16le"),
            (b"\xef\xbb\xbf\x01", TEXT),
            (b"\x89PNG\r\n\x1a\n", "image/png"),
            (b"RIFF1234WEBPVP", "image/webp"),
            (b"RIFF1234WAVE", "audio/wave"),
            (b"\0\0\0\x14ftypisom\0\0\0\0mp41", "video/mp4"),
            (b"\0\0\0\x10ftypisommp41", "application/octet-stream"),
            (b"\x1f\x8b\x08", "application/x-gzip"),
            (b"wOF2", "font/woff2"),
            (b"a\x00", "application/octet-stream"),
            (b"a\x1b", TEXT),
        ] {
            check("file", bytes, expected);
        }
        check("file.hbs", b"{{#if a}}", TEXT);
        let mut late = vec![b'a'; SNIFFED_BYTES];
        late.push(0);
        check("file", &late, TEXT);
    }

    // The contract lists the types; a change on either side must show.
    #[test]
    fn unlisted_extensions_are_read() {
        for path in ["a.yaml", "a.tgz", "a.ts", "a.woff", "a.", "a", "a/b.sig"] {
            assert_eq!(by_extension(path), None, "{path}");
        }
    }
}
