//! Signatures that cannot be right whatever they sign: Kibana reads an armored OpenPGP signature, which is text.
//!
//! Looks at the form alone. Whether a signature is one of the package beside it takes a key, and is not asked here.

use super::source::Candidate;
use crate::base::fs;
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use std::io::{self, Read};

const BEGIN: &str = "-----BEGIN PGP SIGNATURE-----";
const END: &str = "-----END PGP SIGNATURE-----";

/// Bytes of a signature that are looked at. Real ones have some hundred.
const MOST_BYTES: u64 = 1 << 16;

/// The warning about the signature beside a package, if there is one that is not armored. What cannot be read is told by
/// those who need its content.
pub fn check(candidate: &Candidate) -> Option<Problem> {
    let text = read(candidate)?.ok()?;
    let fault = fault(&text)?;
    Some(Problem::new(Rule::SignatureNotArmored, format!("its signature cannot be right: {fault}")))
}

fn read(candidate: &Candidate) -> Option<io::Result<Vec<u8>>> {
    let path = candidate.signature.as_ref()?;
    let start = |content: &mut dyn Read| {
        let mut text = Vec::new();
        content.take(MOST_BYTES).read_to_end(&mut text)?;
        Ok(text)
    };
    Some(match &candidate.origin {
        Some(origin) => origin.with_signature(start),
        None => fs::open(path).map_err(fs::io_error).and_then(|mut file| start(&mut file)),
    })
}

/// What is wrong with the beginning of a signature.
fn fault(start: &[u8]) -> Option<&'static str> {
    let Ok(text) = std::str::from_utf8(start) else { return Some("it is not text") };
    let is_line = |wanted: &str| text.lines().any(|line| line.trim_end() == wanted);
    if text.trim().is_empty() {
        Some("it is empty")
    } else if text.trim_start().starts_with('<') {
        Some("it is a page of HTML or XML")
    } else if text.contains('\0') {
        Some("it is not text")
    } else if !is_line(BEGIN) {
        Some("it has no line `-----BEGIN PGP SIGNATURE-----`")
    } else if !is_line(END) && (start.len() as u64) < MOST_BYTES {
        Some("it has no line `-----END PGP SIGNATURE-----`, so it was cut short")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, fault};

    #[test]
    fn only_armor_passes() {
        let whole = format!("{BEGIN}\r\n\r\niQEz\r\n=abcd\r\n{END}\r\n");
        assert_eq!(fault(whole.as_bytes()), None);
        assert_eq!(fault(format!("Comment\n{whole}").as_bytes()), None);
        for (text, expected) in [
            (&b""[..], "empty"),
            (b" \n", "empty"),
            (b"<!DOCTYPE html><html></html>", "HTML"),
            (b"\x89\x01\x33\x04", "not text"),
            (b"abc\0", "not text"),
            (b"untrusted comment: minisign", "BEGIN PGP"),
            (whole.replace("SIGNATURE", "PUBLIC KEY BLOCK").as_bytes(), "BEGIN PGP"),
            (&whole.as_bytes()[..40], "cut short"),
        ] {
            assert!(fault(text).is_some_and(|fault| fault.contains(expected)), "{expected}: {:?}", fault(text));
        }
    }
}
