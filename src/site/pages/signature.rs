//! When a signature was made: the only date that a package may bring along (RFC 4880, sections 5.2.3 and 6.2).
//!
//! Reads what it needs of a detached, armoured OpenPGP signature and verifies nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The time in seconds since 1970, of a version 4 signature whose signed part has one.
pub(super) fn made_at(armoured: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(armoured).ok()?;
    let body = text.split_once("-----BEGIN PGP SIGNATURE-----")?.1.split_once("-----END PGP SIGNATURE-----")?.0;
    let lines = body.lines().map(str::trim).skip_while(|line| line.contains(':') || line.is_empty());
    // The last line may be a checksum, which begins with `=`.
    let encoded: String = lines.take_while(|line| !line.starts_with('=')).collect();
    let packet = packet(&STANDARD.decode(encoded).ok()?)?;
    let [4, _kind, _key, _hash, high, low, rest @ ..] = packet.as_slice() else { return None };
    let mut fields = rest.get(..usize::from(u16::from_be_bytes([*high, *low])))?;
    while !fields.is_empty() {
        let (length, rest) = length(fields)?;
        let (field, rest) = rest.split_at_checked(length)?;
        if let [kind, a, b, c, d] = field
            && kind & 0x7f == 2
        {
            return Some(u64::from(u32::from_be_bytes([*a, *b, *c, *d])));
        }
        fields = rest;
    }
    None
}

/// The body of the first packet, if that is a signature.
fn packet(bytes: &[u8]) -> Option<Vec<u8>> {
    let (&tag, rest) = bytes.split_first()?;
    let (kind, length, body) = if tag & 0x40 != 0 {
        let (length, body) = length(rest)?;
        (tag & 0x3f, length, body)
    } else {
        let count = [1, 2, 4].get(usize::from(tag & 3))?;
        let (digits, body) = rest.split_at_checked(*count)?;
        (tag >> 2 & 0xf, digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), body)
    };
    (tag & 0x80 != 0 && kind == 2).then(|| body.get(..length).map(<[u8]>::to_vec))?
}

/// A length in one, two or five bytes, and what follows.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [short @ 0..=191, rest @ ..] => Some((usize::from(*short), rest)),
        [high @ 192..=223, low, rest @ ..] => Some((((usize::from(*high) - 192) << 8) + usize::from(*low) + 192, rest)),
        [255, a, b, c, d, rest @ ..] => Some((u32::from_be_bytes([*a, *b, *c, *d]) as usize, rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::made_at;
    use crate::base::time::rfc3339;

    #[test]
    fn the_time_of_a_signature_is_read() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let real = std::fs::read(root.join("packages/production/acme_vault-1.1.0.zip.sig")).unwrap();
        let made = made_at(&real).expect("the sample is signed");
        assert!(rfc3339(made).starts_with("202"), "{}", rfc3339(made));
        for cut in 0..real.len() {
            let _ = made_at(&real[..cut]);
        }
        for text in ["", "-----BEGIN PGP SIGNATURE-----\n\n!!!!\n-----END PGP SIGNATURE-----"] {
            assert_eq!(made_at(text.as_bytes()), None, "{text}");
        }
    }
}
