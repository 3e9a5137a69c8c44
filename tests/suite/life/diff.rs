//! `diff` between generations, distributions and folders, in its three forms.

use crate::harness::Case;
use serde_json::{Value, json};
use std::fs;

/// Two states of a staging distribution: folders `old` and `new`, built into `a` and `b`.
fn two_states() -> Case {
    let case = Case::new()
        .package("old/production", "acme", "1.0.0", "one")
        .package("old/production", "gone", "1.0.0", "")
        .package("old/staging", "acme", "1.1.0", "two")
        .package("old/staging", "same", "1.0.0", "")
        .package("new/production", "acme", "1.0.0", "edited")
        .file("new/production/acme/1.0.0/docs/more.md", "more")
        .package("new/production", "acme", "1.1.0", "two")
        .package("new/staging", "acme", "1.2.0-beta1", "three")
        .package("new/staging", "same", "1.0.0", "");
    for (packages, out) in [("old", "a"), ("new", "b")] {
        let run = case.run(&["--dist", "staging", "--packages", packages, "--out", out, "--quiet"]);
        assert_eq!(run.code, 0, "{run:#?}");
    }
    case
}

const TEXT: &str = "\
added    acme-1.2.0-beta1 (staging)
removed  gone-1.0.0 (production)
changed  acme-1.0.0
           ~ docs/README.md
           + docs/more.md
moved    acme-1.1.0: staging -> production
seen     acme: 1.1.0 -> 1.2.0-beta1 by Kibana 8.11.0 to before 9.0.0 with pre-releases
seen     gone: 1.0.0 -> nothing by Kibana 8.11.0 to before 9.0.0
seen     gone: 1.0.0 -> nothing by Kibana 8.11.0 to before 9.0.0 with pre-releases
";

const MARKDOWN: &str = "\
### Added

- `acme-1.2.0-beta1` staging

### Removed

- `gone-1.0.0` production

### Changed

- `acme-1.0.0`
  - ~ `docs/README.md`
  - + `docs/more.md`

### Moved

- `acme-1.1.0`: staging → production

### What Kibana sees

| package | Kibana | before | after |
|---|---|---|---|
| acme | Kibana 8.11.0 to before 9.0.0 with pre-releases | 1.1.0 | 1.2.0-beta1 |
| gone | Kibana 8.11.0 to before 9.0.0 | 1.0.0 | nothing |
| gone | Kibana 8.11.0 to before 9.0.0 with pre-releases | 1.0.0 | nothing |
";

/// However the two states are given, the differences are the same, and nothing is written.
#[test]
fn every_kind_of_side_gives_the_same() {
    let case = two_states();
    let generation = |out: &str| {
        let id = fs::read_link(case.path(&format!("{out}/staging/current"))).unwrap();
        format!("{out}/staging/{}", id.to_str().unwrap())
    };
    let before = case.tree();
    for a in ["a/staging".to_owned(), generation("a"), "old".to_owned()] {
        for b in ["b/staging".to_owned(), generation("b"), "new".to_owned()] {
            let run = case.run(&["diff", &a, &b, "--dist", "staging"]);
            assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (1, TEXT, ""), "{a} {b}");
        }
    }
    for side in ["a/staging", "old"] {
        let run = case.run(&["diff", "a/staging", side, "--dist", "staging"]);
        assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{side} {run:#?}");
    }
    assert_eq!(case.tree(), before);
}

/// The other forms say the same; folders of packages have no layers.
#[test]
fn it_is_written_for_people_and_programs() {
    let case = two_states();
    let run = case.run(&["diff", "a/staging", "b/staging", "--format", "markdown"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, MARKDOWN));
    let run = case.run(&["diff", "a/staging", "a/staging", "--format", "markdown"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "No difference.\n"));
    let run = case.run(&["diff", "old/production", "new/production", "--format", "json"]);
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(run.code, 1);
    assert_eq!(found["added"], json!([{ "name": "acme", "version": "1.1.0", "layer": "" }]));
    assert_eq!(found["changed"][0]["files"], json!({ "docs/README.md": "changed", "docs/more.md": "added" }));
    assert_eq!(found["moved"], json!([]));
    let first = json!({ "name": "acme", "prerelease": false, "kibana": "8.11.0", "before": "9.0.0", "was": "1.0.0", "is": "1.1.0" });
    assert_eq!(found["seen"][0], first);
    for arguments in
        [["diff", "a/staging", "nowhere"].as_slice(), &["diff", "a/staging"], &["diff", "a", "b", "--config", "x"]]
    {
        let run = case.run(arguments);
        assert!(run.code == 2 && run.stderr.contains("error: "), "{run:#?}");
    }
}
