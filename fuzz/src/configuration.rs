//! Properties of the reader of the configuration file.

use epr_build::config::file::parse;
use std::path::Path;

/// Checks one input.
///
/// # Panics
/// If a property does not hold.
pub fn check(data: &[u8]) {
    let path = Path::new("/etc/epr-build.yml");
    let read =
        |data: &[u8]| parse(data, path).map(|config| format!("{config:?}")).map_err(|mistakes| mistakes.to_string());
    let outcome = read(data);
    assert_eq!(outcome, read(data), "the same file read differently");
    if let Err(said) = &outcome {
        assert!(said.contains("epr-build.yml:"), "without a place: {said}");
        assert!(!said.contains('\u{1b}'), "an escape sequence passes: {said:?}");
    }
    // A comment changes nothing but line numbers.
    if outcome.is_ok() && std::str::from_utf8(data).is_ok_and(|text| !text.starts_with('\u{feff}')) {
        assert_eq!(read(&[b"# Comment\n", data].concat()), outcome, "behind a comment");
    }
}
