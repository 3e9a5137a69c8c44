//! Signatures that cannot be right whatever they sign: Kibana reads an armored OpenPGP signature, which is text.
//!
//! Looks at the form alone. Whether a signature is one of the package beside it takes a key, and is not asked here.

use super::source::Candidate;
use crate::base::problem::{Problem, reading_rule};
use crate::base::rule::Rule;

const BEGIN: &str = "-----BEGIN PGP SIGNATURE-----";
const END: &str = "-----END PGP SIGNATURE-----";

/// Bytes of the longest signature that is read. Real ones have some hundred.
const MOST_BYTES: u64 = 1 << 16;

/// The text of the signature beside a package, if there is one.
///
/// # Errors
/// The quarantine of a package whose signature is too long or cannot be read.
pub fn read(candidate: &Candidate) -> Result<Option<Vec<u8>>, Box<Problem>> {
    let Some(spot) = &candidate.signature else { return Ok(None) };
    let text = match &candidate.origin {
        Some(origin) => origin.read_signature(MOST_BYTES),
        None => spot.read(MOST_BYTES),
    };
    match text {
        Ok(Some(text)) => Ok(Some(text)),
        Ok(None) => {
            let reason = format!("its signature has more than {MOST_BYTES} bytes");
            Err(Problem::new(Rule::SignatureTooLarge, reason).into())
        }
        Err(error) => Err(Problem::new(reading_rule(&error), format!("its signature cannot be read: {error}")).into()),
    }
}

/// The warning about a signature that is not armored.
pub fn check(text: &[u8]) -> Option<Problem> {
    let fault = fault(text)?;
    Some(Problem::new(Rule::SignatureNotArmored, format!("Kibana refuses it where it verifies signatures: {fault}")))
}

/// What is wrong with a signature.
fn fault(text: &[u8]) -> Option<&'static str> {
    let Ok(text) = std::str::from_utf8(text) else { return Some("the signature is not text") };
    let is_line = |wanted: &str| text.lines().any(|line| line.trim_end() == wanted);
    if text.trim().is_empty() {
        Some("the signature is empty")
    } else if text.trim_start().starts_with('<') {
        Some("the signature is a page of HTML or XML")
    } else if text.contains('\0') {
        Some("the signature is not text")
    } else if !is_line(BEGIN) {
        Some("the signature has no line `-----BEGIN PGP SIGNATURE-----`")
    } else if !is_line(END) {
        Some("the signature has no line `-----END PGP SIGNATURE-----`, so it was cut short")
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
