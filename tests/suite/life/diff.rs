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
        .file("new/staging/acme/1.2.0-beta1/changelog.yml", CHANGELOG)
        .package("new/staging", "same", "1.0.0", "");
    for (packages, out) in [("old", "a"), ("new", "b")] {
        let run = case.run(&["--dist", "staging", "--packages", packages, "--out", out, "--quiet"]);
        assert_eq!(run.code, 0, "{run:#?}");
    }
    case
}

const CHANGELOG: &str = "\
- version: 1.2.0-beta1
  changes:
    - {type: enhancement, description: A third `one`., link: 'https://example.org/3'}
- version: 1.1.0
  changes:
    - {type: bugfix, description: A second one., link: 'https://example.org/2'}
";

const TEXT: &str = "\
added    acme-1.2.0-beta1 (staging)
removed  gone-1.0.0 (production)
changed  acme-1.0.0, 929 B -> 936 B
           ~ docs/README.md (12 B -> 15 B)
           + docs/more.md (4 B)
moved    acme-1.1.0: staging -> production
newest   acme: 1.1.0 -> 1.2.0-beta1, 929 B -> 1.2 kB
           + changelog.yml (228 B)
           ~ docs/README.md (12 B -> 14 B)
           ~ manifest.yml (445 B -> 451 B)
           manifest: version: 1.1.0 -> 1.2.0-beta1
           changelog 1.2.0-beta1: enhancement: A third `one`.
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

- `acme-1.0.0`, 929 B -> 936 B
  - ~ `docs/README.md` (12 B -> 15 B)
  - + `docs/more.md` (4 B)

### Moved

- `acme-1.1.0`: staging → production

### Newest versions

- `acme`: 1.1.0 → 1.2.0-beta1, 929 B -> 1.2 kB
  - changelog `1.2.0-beta1`: `enhancement`: `` A third `one`. ``
  - + `changelog.yml` (228 B)
  - ~ `docs/README.md` (12 B -> 14 B)
  - ~ `manifest.yml` (445 B -> 451 B)
  - manifest: `version`: `1.1.0` -> `1.2.0-beta1`

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
        assert_eq!((run.code, run.stdout.as_str()), (0, "no differences\n"), "{side} {run:#?}");
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
    assert_eq!((run.code, run.stdout.as_str()), (0, "No differences.\n"));
    let run = case.run(&["diff", "old/production", "new/production", "--format", "json"]);
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(run.code, 1);
    assert_eq!(found["added"], json!([{ "name": "acme", "version": "1.1.0", "layer": "" }]));
    let files = json!({ "docs/README.md": { "change": "changed", "was": 12, "is": 15 }, "docs/more.md": { "change": "added", "is": 4 } });
    assert_eq!((&found["changed"][0]["files"], &found["changed"][0]["bytes"]), (&files, &json!([929, 936])));
    let newest = &found["newest"][0];
    assert_eq!((&newest["was"], &newest["is"], &newest["changelog"]), (&json!("1.0.0"), &json!("1.1.0"), &json!([])));
    assert_eq!(newest["manifest"], json!([{ "field": "version", "was": "1.0.0", "is": "1.1.0" }]));
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

/// Names in the output folder and bundles are sides, too; a wrong name is told from a near one.
#[test]
fn names_and_bundles_are_sides() {
    let case = two_states();
    assert_eq!(case.run(&["bundle", "--dist", "staging", "--out", "a", "--output", "a.bundle"]).code, 0);
    assert_eq!(case.run(&["release", "8.5.0", "--dist", "staging", "--out", "b"]).code, 0);
    let id = fs::read_link(case.path("b/staging/current")).unwrap();
    let id = id.file_name().unwrap().to_str().unwrap();
    let names = || case.tree().into_keys().collect::<Vec<_>>();
    let before = names();
    for b in ["staging", "8.5.0", id, "b/staging/releases/8.5.0"] {
        let run = case.run(&["diff", "a.bundle", b, "--out", "b"]);
        assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (1, TEXT, ""), "{b}");
    }
    assert_eq!(case.run(&["diff", "8.5.0", id, "--out", "b", "--dist", "staging"]).code, 0);
    assert_eq!(names(), before, "what was unpacked is gone");
    for (name, words) in [
        (
            "stagin",
            "cannot compare `stagin`: no such file or folder, and nothing in `b` has this name\nhint: did you mean `staging`?",
        ),
        ("8.5.1", "hint: did you mean `8.5.0`?"),
        ("old.bundle", "hint: "),
        ("new/staging/acme/1.1.0/manifest.yml", "error: cannot compare"),
    ] {
        let run = case.run(&["diff", name, "staging", "--out", "b"]);
        assert!(run.code == 2 && run.stderr.contains(words), "{run:#?}");
    }
}
