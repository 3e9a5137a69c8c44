//! Whatever a manifest holds, reading ends with a package or a reason, and with the same one every time.

use super::{DATA_STREAM, FIELDS, Memory, STRICT, example, read, render_info};
use crate::base::problem::Severity;
use proptest::prelude::*;

/// Pieces that fit somewhere in a manifest, right or wrong.
const PIECES: &[&str] = &[
    "~",
    "{}",
    "[]",
    "[~]",
    "x",
    "''",
    "1",
    "-1",
    "1e999",
    ".nan",
    "yes",
    "{a: {b: ~}}",
    "[[x]]",
    "{0: x}",
    "../..",
    "- ",
    ": ",
    "\n",
    "  ",
    "&a ",
    "*a",
    "<<: ",
    "'0': ",
    "a.b.c: ",
    "|\n",
    "\"",
    "\u{2028}",
    "\u{0}",
    "/",
    "1.0.0",
];

/// A text with some of its parts replaced by pieces.
fn mutated(text: String) -> impl Strategy<Value = String> {
    let change = (any::<prop::sample::Index>(), 0..12_usize, prop::sample::select(PIECES));
    prop::collection::vec(change, 0..6).prop_map(move |changes| {
        let mut characters: Vec<char> = text.chars().collect();
        for (at, length, piece) in changes {
            let start = at.index(characters.len() + 1);
            let end = (start + length).min(characters.len());
            characters.splice(start..end, piece.chars());
        }
        characters.into_iter().collect()
    })
}

proptest! {
    #[test]
    fn no_manifest_breaks_the_reader(
        manifest in mutated(example::fixture("manifest.yml")),
        stream in mutated(DATA_STREAM.to_owned()),
        fields in mutated(FIELDS.to_owned()),
    ) {
        let memory = Memory::folder(&[
            ("manifest.yml", &manifest),
            ("docs/README.md", ""),
            ("data_stream/log/manifest.yml", &stream),
            ("data_stream/log/fields/base.yml", &fields),
        ]);
        let memory = memory.listed();
        let (package, problems) = read(&memory, &STRICT);
        let refused = problems.iter().any(|problem| problem.severity == Severity::Quarantine);
        prop_assert_eq!(package.is_none(), refused);
        let (again, same) = read(&memory, &STRICT);
        prop_assert_eq!(problems, same);
        if let (Some(package), Some(again)) = (package, again) {
            let document = render_info(&package.info);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&document).is_ok(), "{}", document);
            prop_assert_eq!(document, render_info(&again.info));
            prop_assert_eq!(package.facts, again.facts);
        }
    }
}
