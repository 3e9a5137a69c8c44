//! Files that are no signatures, nearly signatures, or signatures that readers could take for different ones.

use super::make::{DATA, Form, Key, packet};
use crate::openpgp::{MOST_SIGNATURE_BYTES, Verdict, armor, judge};
use pgp::types::KeyDetails;

/// The packet of a good signature.
fn good(key: &Key) -> Vec<u8> {
    packet(&Form::default().sign(&key.secret))
}

/// Armor around any packets.
fn armored(packets: &[u8]) -> String {
    armor::write(armor::SIGNATURE, packets)
}

#[test]
fn armor_is_read_as_every_reader_does() {
    let key = Key::new(20);
    let whole = armored(&good(&key));
    let lines: Vec<&str> = whole.lines().collect();
    let sum = lines[lines.len() - 2];
    let body = lines[2..lines.len() - 2].join("\n");
    let wrong_sum = if sum == "=AAAA" { "=AAAB" } else { "=AAAA" };
    let (begin, end) = ("-----BEGIN PGP SIGNATURE-----", "-----END PGP SIGNATURE-----");
    let cut = "was cut short in its armor";
    let no_line = "has no line `-----BEGIN PGP SIGNATURE-----`";
    let no_gap = "has no empty line between the begin of its armor and what is in it";
    let not_base64 = "has something in its armor that is not base64";
    for (name, text, expected) in [
        ("as written", whole.clone(), None),
        ("lines of Windows", whole.replace('\n', "\r\n"), None),
        ("blanks at ends of lines", whole.replace('\n', " \t\n"), None),
        ("text in front", format!("Signed on a Monday\n{whole}"), None),
        ("text behind", format!("{whole}and so on\n"), None),
        ("headers", whole.replacen("\n\n", "\nVersion: GnuPG v2\nComment: a: b\n\n", 1), None),
        ("no checksum", whole.replace(&format!("{sum}\n"), ""), None),
        ("no end of line", whole.trim_end().to_owned(), None),
        ("lines of another length", format!("{begin}\n\n{}\n{sum}\n{end}\n", body.replace('\n', "")), None),
        ("wrong checksum", whole.replace(sum, wrong_sum), Some("has armor with a wrong checksum, so it was damaged")),
        ("begin inside of a line", format!("> {whole}"), Some("has an end of an armored block before its begin")),
        (
            "another block in front",
            format!("-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n{whole}"),
            Some("is armor of something else than a signature"),
        ),
        ("end before begin", format!("{end}\n{whole}"), Some("has an end of an armored block before its begin")),
        ("no gap", whole.replacen("\n\n", "\n", 1), Some(no_gap)),
        ("a header that is none", whole.replacen("\n\n", "\nVersion\n\n", 1), Some(no_gap)),
        ("no end", whole.replace(&format!("{end}\n"), ""), Some(cut)),
        ("cut in the middle", whole[..whole.len() / 2].to_owned(), Some(cut)),
        (
            "another end",
            whole.replace(end, "-----END PGP MESSAGE-----"),
            Some("ends its armor as something else than it began"),
        ),
        ("noise in a line", whole.replacen("\n\n", "\n\n!", 1), Some(not_base64)),
        (
            "something behind the checksum",
            whole.replace(sum, &format!("{sum}\nAAAA")),
            Some("has something behind the checksum of its armor"),
        ),
        ("nothing inside", armored(b""), Some("holds nothing in its armor")),
        (
            "a public key",
            armor::write(armor::PUBLIC_KEY, &key.packets),
            Some("is armor of something else than a signature"),
        ),
        ("a key in armor of a signature", armored(&key.packets), Some("holds something else than signatures")),
        ("empty", String::new(), Some("is empty")),
        ("blank", " \r\n\t\n".to_owned(), Some("is empty")),
        ("HTML", "\n<!DOCTYPE html><title>404</title>".to_owned(), Some("is a page of HTML or XML")),
        ("a NUL", format!("{whole}\0"), Some("is not text")),
        ("words", "not found\n".to_owned(), Some(no_line)),
        ("minisign", "untrusted comment: signature\nRUR\n".to_owned(), Some(no_line)),
        ("a MiB", " ".repeat(1 << 20) + &whole, Some("has more than 65536 bytes")),
    ] {
        let verdict = judge(&key.ring(), text.as_bytes(), DATA).unwrap().verdict;
        match expected {
            None => assert_eq!(verdict.good_key(), Some(key.fingerprint()), "{name}: {}", verdict.text()),
            Some(reason) => assert_eq!(verdict.text(), format!("unreadable: {reason}"), "{name}"),
        }
    }
    let longest = whole.clone() + &" ".repeat(MOST_SIGNATURE_BYTES as usize - whole.len());
    assert!(judge(&key.ring(), longest.as_bytes(), DATA).unwrap().verdict.good_key().is_some());
}

#[test]
fn packets_are_read_as_every_reader_does() {
    let key = Key::new(21);
    let whole = good(&key);
    let body = &whole[2..];
    let length = u8::try_from(body.len()).unwrap();
    assert_eq!(whole[..2], [0xC2, length], "a new header with one byte of length");
    let with = |header: &[u8]| [header, body].concat();
    let no_fixed = "unreadable: holds a packet without a fixed length";
    let cut = "unreadable: holds a packet that was cut short";
    let damaged = "unreadable: is damaged";
    let old = |version: u8| {
        let id = key.secret.legacy_key_id();
        let mut packet = vec![0xC2, 0, version, 5, 0, 0x60, 0, 0, 0];
        packet.extend(id.as_ref());
        packet.extend([22, 10, 0, 0, 0, 8, 0xFF, 0, 8, 0xFF]);
        packet[1] = packet.len() as u8 - 2;
        packet
    };
    let changed = |at: usize, byte: u8| {
        let mut packet = whole.clone();
        packet[at] = byte;
        packet
    };
    for (name, packets, expected) in [
        ("as written", whole.clone(), "good"),
        ("an old header", with(&[0x88, length]), "good"),
        ("an old header with four bytes of length", with(&[0x8A, 0, 0, 0, length]), "good"),
        ("five bytes of length", with(&[0xC2, 0xFF, 0, 0, 0, length]), "good"),
        ("in pieces", [&[0xC2, 0xE5][..], &body[..32], &[length - 32], &body[32..]].concat(), no_fixed),
        ("until the end", with(&[0x8B]), no_fixed),
        ("a length of 4 GiB", with(&[0xC2, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]), cut),
        ("one byte too long", with(&[0xC2, length + 1]), cut),
        ("a piece of 1 GiB", with(&[0xC2, 0xFE]), no_fixed),
        ("cut short", whole[..whole.len() - 1].to_vec(), cut),
        ("a byte behind", [whole.as_slice(), &[0]].concat(), "unreadable: holds something that is no packet"),
        ("a byte too many inside", [&[0xC2, length + 1], body, &[0]].concat(), damaged),
        ("a damaged one behind", [whole.as_slice(), &[0xC2, 1, 4]].concat(), damaged),
        (
            "a marker in front",
            [&[0xCA, 3, b'P', b'G', b'P'], whole.as_slice()].concat(),
            "unreadable: holds something else than signatures",
        ),
        ("no packet", vec![0x12, 0x34], "unreadable: holds something that is no packet"),
        ("an empty packet", vec![0xC2, 0], damaged),
        ("version 2", old(2), "bad: has an old version that Kibana does not know"),
        ("version 3", old(3), "bad: has an old version that Kibana does not know"),
        ("version 5", changed(2, 5), "bad: has a version that Kibana does not know"),
        ("a lying length of parts", changed(7, 0xFF), damaged),
        ("over a key", changed(3, 0x1F), "bad: is a signature of something else than a file"),
        ("by an RSA key", changed(4, 1), damaged),
    ] {
        let verdict = judge(&key.ring(), armored(&packets).as_bytes(), DATA).unwrap().verdict;
        match expected {
            "good" => assert_eq!(verdict.good_key(), Some(key.fingerprint()), "{name}: {}", verdict.text()),
            _ => assert_eq!(verdict.text(), expected, "{name}"),
        }
    }
    let binary = judge(&key.ring(), &whole, DATA).unwrap().verdict;
    assert_eq!(binary.text(), "unreadable: is not armored, and Kibana reads only armor");
}

// Every single change of a bit is noticed, and none breaks the judge.
#[test]
fn no_bit_of_a_signature_is_idle() {
    let key = Key::new(22);
    // The key id beside the fingerprint is not signed: without it all there is is.
    let whole = packet(&Form { names: (true, false), ..Form::default() }.sign(&key.secret));
    let ring = key.ring();
    for bit in 0..whole.len() * 8 {
        let mut packets = whole.clone();
        packets[bit / 8] ^= 1 << (bit % 8);
        let verdict = judge(&ring, armored(&packets).as_bytes(), DATA).unwrap().verdict;
        assert_eq!(verdict.good_key(), None, "bit {bit}");
    }
}

#[test]
fn words_of_verdicts_are_read_again() {
    let fingerprint = "46095ACC8548582C1A2699A9D27D666CD88E42B4";
    for text in [
        format!("good({fingerprint})"),
        format!("other-key({fingerprint})"),
        "other-key(D27D666CD88E42B4)".to_owned(),
        format!("good({fingerprint}{})", &fingerprint[..24]),
        "weak(SHA1)".to_owned(),
        "bad: has (odd): words".to_owned(),
        "unreadable: is empty".to_owned(),
        "missing".to_owned(),
    ] {
        let verdict: Verdict = text.parse().unwrap();
        assert_eq!(verdict.text(), text);
        assert_eq!(serde_json::from_str::<Verdict>(&serde_json::to_string(&verdict).unwrap()).unwrap(), verdict);
        let word = verdict.to_string().parse::<Verdict>().unwrap();
        assert_eq!(word.to_string(), verdict.to_string(), "the word alone is read as well");
    }
    for text in
        ["", "good", "good()", "good(D27D666CD88E42B4)", "other-key(XYZ)", "weak()", "fine", "missing: x", "weak(SHA1"]
    {
        assert!(text.parse::<Verdict>().is_err(), "{text}");
    }
}
