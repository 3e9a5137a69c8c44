//! Keep files are read and written the same, and every wrong line is said.

use super::words::{FIRST, SOURCES, WHYS};
use super::*;
use crate::dialect::version::Version;
use proptest::prelude::*;
use std::path::Path;

const SAMPLE: &str = "\
# epr-build keep 1
# kibana: 9.1.3   prerelease: no   taken: 2026-11-28T22:00:00Z   complete: no   key: d27d666cd88e42b4
# note: the list of all installed packages is forbidden
acme@0.4.0                               installed upload
apm@9.1.3                                installed bundled optional
nginx@2.3.0                              rollback
nginx@2.3.1                              installed policy registry
system@1.38.3                            policy
";

fn parse(text: &str) -> Result<KeepFile, String> {
    KeepFile::parse(text.as_bytes(), Path::new("keep/site-a.keep")).map_err(|mistakes| mistakes.to_string())
}

#[test]
fn a_file_is_read_and_written_the_same() {
    let file = parse(SAMPLE).unwrap();
    assert_eq!((file.site.as_str(), file.complete, file.prerelease), ("site-a", false, Some(false)));
    assert_eq!(file.render(), SAMPLE);
    let pins: Vec<_> = file.pins().iter().map(|pin| format!("{}@{} {pin}", pin.name, pin.version)).collect();
    assert_eq!(
        pins,
        [
            "apm@9.1.3 installed at site-a",
            "nginx@2.3.0 rollback at site-a",
            "nginx@2.3.1 installed and policy at site-a",
            "system@1.38.3 policy at site-a",
        ]
    );
    assert!(file.pins()[0].optional && !file.pins()[1].optional);
    // Other ends of lines, comments, empty lines and order change nothing.
    let (head, rest) = SAMPLE.split_at(SAMPLE.find("acme").unwrap());
    let lines: Vec<_> = rest.lines().rev().collect();
    let other = format!("{head}\n# by hand\n{}\n", lines.join("\n\n")).replace('\n', "\r\n");
    assert_eq!(parse(&other).unwrap().render(), SAMPLE);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let head = SAMPLE.lines().take(2).collect::<Vec<_>>().join("\n");
    let with = |line: &str| format!("{head}\n{line}\n");
    let second = |line: &str| format!("{FIRST}\n{line}\n");
    for (text, line, said) in [
        (String::new(), 1, "begins with"),
        ("# epr-build keep 2\n".to_owned(), 1, "begins with"),
        (format!("{FIRST}\n"), 1, "the second line is missing"),
        (second("nginx@1.0.0 installed"), 2, "does not say from which Kibana"),
        (second("# kibana: 9.1.3"), 2, "`taken` is missing"),
        (second("# kibana: 9 prerelease: no taken: 2026-11-28T22:00:00Z complete: yes"), 2, "`kibana` cannot be `9`"),
        (second("# kibana: 9.1.3 prerelease: maybe taken: 2026-11-28T22:00:00Z complete: yes"), 2, "cannot be `maybe`"),
        (second("# kibana: 9.1.3 prerelease: no taken: today complete: yes"), 2, "`taken` cannot be `today`"),
        (second("# kibana: 9.1.3 prerelease: no taken: 2026-11-28T22:00:00Z complete:"), 2, "`complete` has no value"),
        (second("# kibana: 9.1.3 prerelaese: no taken: 2026-11-28T22:00:00Z complete: no"), 2, "mean `prerelease`"),
        (with("nginx 1.0.0"), 3, "`nginx` is no name and version"),
        (with("nginx@1.0 installed"), 3, "`nginx@1.0` is no name and version"),
        (with("../nginx@1.0.0 installed"), 3, "is no name and version"),
        (with("nginx@1.0.0"), 3, "nginx@1.0.0 has no reason"),
        (with("nginx@1.0.0 instaled"), 3, "did you mean `installed`?"),
        (with("nginx@1.0.0 installed upload registry"), 3, "has two sources"),
        (with("nginx@1.0.0 installed\nnginx@1.0.0 policy"), 4, "is there twice"),
        (format!("{head}\nnginx@1.0.0 installed"), 3, "the last line has no end"),
    ] {
        let error = parse(&text).unwrap_err();
        assert!(error.contains(said) && error.contains(&format!("site-a.keep:{line}")), "{text}: {error}");
        assert!(error.contains("hint: "), "{error}");
    }
    let error = KeepFile::parse(b"# epr-build keep 1\n\xff\n", Path::new("a.keep")).unwrap_err().to_string();
    assert!(error.contains("a.keep:2"), "{error}");
}

proptest! {
    #[test]
    fn what_is_written_is_read_the_same(
        versions in proptest::collection::btree_map(
            ("[a-z][a-z0-9_]{0,20}", (0u64..30, 0u64..30, 0u64..30)),
            (proptest::sample::subsequence(WHYS.map(|(_, why)| why).to_vec(), 1..=7), 0usize..5, any::<bool>()),
            0..20,
        ),
        prerelease in proptest::option::of(any::<bool>()),
        complete in any::<bool>(),
        taken in 0u64..4_000_000_000,
    ) {
        let versions = versions.into_iter().map(|((name, (a, b, c)), (reasons, source, optional))| {
            let source = SOURCES.get(source).map(|(_, source)| *source);
            ((name, Version::release([a, b, c])), Kept { reasons: reasons.into_iter().collect(), source, optional })
        });
        let file = KeepFile {
            site: "site-a".to_owned(), kibana: None, prerelease, taken, complete, key: None, notes: Vec::new(),
            versions: versions.collect(),
        };
        prop_assert_eq!(parse(&file.render()).unwrap(), file);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(# epr-build keep 1\n)?(# kibana: [a-z0-9.:\n ]{0,40}\n)?\\PC{0,200}") {
        let _ = parse(&text);
    }
}
