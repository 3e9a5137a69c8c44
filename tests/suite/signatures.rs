//! Signatures of packages, and what the policy of a layer makes of them.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::crash::{calls_of, can_trace};
use crate::harness::{Case, FOREIGN_SIGNATURE, Run};
use crate::incremental::settle;
use epr_build::openpgp::{SecretKey, sign};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const BUILD: [&str; 3] = ["--dist", "d", "--quiet"];
/// When the tests sign.
const TIME: u64 = 1_720_000_000;
const TEAM: &str = "73FC64623B04A656EC5CD3C29EC99F81CEE726EB";

/// A key of the fixtures. Anyone has it.
fn key(name: &str) -> SecretKey {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/openpgp");
    SecretKey::read(&fs::read(folder.join(format!("{name}.secret.asc"))).unwrap()).unwrap()
}

fn public(name: &str) -> String {
    let key = key(name);
    key.public().armored(&key.fingerprint()).unwrap()
}

/// Puts the signature of a file by a key beside something.
fn sign_beside(case: &Case, package: &str, name: &str, signed: &str) {
    let text = sign(&key(name), b"", TIME, fs::read(case.path(signed)).unwrap().as_slice()).unwrap();
    fs::write(case.path(&format!("{package}.sig")), text).unwrap();
}

fn fixture(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/openpgp").join(name)).unwrap()
}

/// One layer with a package for each verdict, and the keys beside it.
fn world(rules: &str) -> Case {
    let mut case = Case::new().config(&config(rules)).file("keys/team.asc", &public("team"));
    case = case.file("keys/old.asc", &fixture("A-sha1.asc"));
    for name in ["foreign", "good", "none", "page", "stale", "weak"] {
        case = case.zip("layer", name, "1.0.0");
    }
    sign_beside(&case, "layer/good-1.0.0.zip", "team", "layer/good-1.0.0.zip");
    sign_beside(&case, "layer/stale-1.0.0.zip", "team", "layer/good-1.0.0.zip");
    sign_beside(&case, "layer/foreign-1.0.0.zip", "elsewhere", "layer/foreign-1.0.0.zip");
    let case = case.file("layer/page-1.0.0.zip.sig", "<html>");
    case.file("layer/weak-1.0.0.zip.sig", &fixture("A-2022-sha1.sig"))
}

/// The configuration of one distribution whose only layer has some rules.
fn config(rules: &str) -> String {
    format!("distributions: {{d: {{layers: [l]}}}}\nlayers: {{l: {{paths: layer{rules}}}}}\n")
}

const KEYS: &str = "keys: [keys/team.asc, keys/old.asc]";

#[track_caller]
fn built(case: &Case, code: i32) -> Run {
    let run = case.run(&BUILD);
    assert_eq!(run.code, code, "{run:#?}");
    run
}

fn report(case: &Case) -> Value {
    case.json("out/d/current/report.json")
}

/// Severity, rule and package of each problem.
fn told(problems: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let problems = problems.as_array().unwrap().iter();
    let line =
        |it: &Value| format!("{} {} {}", text(&it["severity"]), text(&it["rule"]), text(&it["place"]["package"]));
    problems.map(|it| line(it).trim_end().to_owned()).collect()
}

/// Names of the zips, with a star for those whose signature is published. The document says the same of it.
fn published(case: &Case) -> String {
    let site = case.path("out/d/current/site");
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(site.join("epr")).sort_by_file_name().follow_links(true) {
        let path = entry.unwrap().into_path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if let Some(stem) = name.strip_suffix(".zip") {
            let (name, version) = stem.split_once('-').unwrap();
            let is_signed = path.with_extension("zip.sig").exists();
            let document = case.json(&format!("out/d/current/site/documents/{name}/{version}.json"));
            assert_eq!(document.get("signature_path").is_some(), is_signed, "{name}");
            found.push(format!("{name}{}", if is_signed { "*" } else { "" }));
        }
    }
    found.join(" ")
}

/// The table of policies: what is published, whether signed, and what is told.
#[test]
fn every_policy_does_with_every_signature_what_it_says() {
    let wrong = [
        ("bad-signature", "stale"),
        ("signature-by-other-key", "foreign"),
        ("signature-not-armored", "page"),
        ("weak-signature", "weak"),
    ];
    let line = |severity: &str, rule: &str, package: &str| format!("{severity} {rule} {package}").trim_end().to_owned();
    let lines = |severity: &str| wrong.map(|(rule, name)| line(severity, rule, &format!("{name}-1.0.0.zip")));
    let missing = line("quarantine", "missing-signature", "none-1.0.0.zip");
    let (mixed, unverified) =
        (line("warning", "mixed-signing-keys", ""), line("warning", "signatures-not-verified", ""));
    let [stale, foreign, page, weak] = lines("warning");
    let quarantined = lines("quarantine");
    let mut required = quarantined.to_vec();
    required.insert(1, missing.clone());
    let warned = [stale, mixed.clone(), foreign, page.clone(), weak.clone()];
    let unknown = [mixed.clone(), page.clone(), weak.clone()];
    let present = [missing, mixed, page, unverified, weak];
    let all = "foreign* good* none page* stale* weak*";
    let cases: [(&str, i32, &str, &[String]); 7] = [
        (&format!(", signatures: require, {KEYS}"), 1, "good*", &required),
        (&format!(", signatures: verify, {KEYS}"), 1, "good* none", &quarantined),
        (&format!(", signatures: pass, {KEYS}"), 0, all, &warned),
        ("", 0, all, &unknown),
        (", signatures: optional", 0, all, &unknown),
        (", signatures: require", 1, "foreign* good* page* stale* weak*", &present),
        (&format!(", signatures: strip, {KEYS}"), 0, "foreign good none page stale weak", &[]),
    ];
    let case = world("");
    for (rules, code, expected, problems) in cases {
        case.reconfigure(&config(rules));
        // A check says the same, from the layers alone.
        let checked = case.run(&["check", "--dist", "d", "--format", "json"]);
        assert_eq!(checked.code, code, "{rules}: {checked:#?}");
        let checked: Value = serde_json::from_str(&checked.stdout).unwrap();
        built(&case, code);
        assert_eq!(published(&case), expected, "{rules}");
        let report = report(&case);
        assert_eq!(told(&report["problems"]), problems, "{rules}");
        assert_eq!(told(&checked["distributions"][0]["problems"]), problems, "{rules}");
        settle();
    }
}

#[test]
fn a_layer_that_is_signed_is_signed_as_a_whole() {
    let case = world(&format!(", signatures: sign, {KEYS}"));
    let refused = built(&case, 2);
    let expected = "\
error: 5 packages of layer `l` without a good signature by its keys: foreign-1.0.0, none-1.0.0, page-1.0.0, stale-1.0.0, weak-1.0.0
  --> l
hint: run `epr-build keys sign --layer l --replace --signer '…'`, or with `--secret-key FILE` for the signer";
    assert!(refused.stderr.contains(expected), "{refused:#?}");
    assert!(!case.path("out/d/current").exists());
    let checked = case.run(&["check", "--dist", "d"]);
    assert!(checked.code == 1 && checked.stderr.contains(expected), "{checked:#?}");
    let checked: Value = serde_json::from_str(&case.run(&["check", "--dist", "d", "--format", "json"]).stdout).unwrap();
    assert_eq!(checked["distributions"][0]["problems"][0]["rule"], "not-signed");
    for name in ["foreign", "none", "page", "stale", "weak"] {
        let zip = format!("layer/{name}-1.0.0.zip");
        sign_beside(&case, &zip, "team", &zip);
    }
    built(&case, 0);
    assert_eq!(published(&case), "foreign* good* none* page* stale* weak*");
    assert_eq!(
        report(&case)["signatures"],
        json!([{ "layer": "l", "verdict": format!("good({TEAM})"), "versions": 6 }])
    );
    // One that is no longer whole stops the next build, and what is in use stays.
    fs::remove_file(case.path("layer/none-1.0.0.zip.sig")).unwrap();
    built(&case, 2);
    assert_eq!(published(&case), "foreign* good* none* page* stale* weak*");
}

/// The reasons, as a person reads them.
#[test]
fn problems_of_signatures_name_keys_and_reasons() {
    let case = world(&format!(", signatures: require, {KEYS}"));
    let said = built(&case, 1).stderr;
    let elsewhere = key("elsewhere").fingerprint().key_id();
    for expected in [
        format!(
            "error: the signature is not by a key of the layer: it names {elsewhere}, trusted is {}, {}\n  --> l/foreign-1.0.0.zip\n\
             hint: if the key has changed, put the new one beside the old one in `keys` of the layer",
            key("team").fingerprint().key_id(),
            "91EC2CCAC7219692"
        ),
        "error: Kibana refuses it where it verifies signatures: the signature does not fit the file".to_owned(),
        "error: Kibana refuses it where it verifies signatures: the signature is a page of HTML or XML".to_owned(),
        "error: Kibana refuses it where it verifies signatures: the signature rests on SHA1, which is too weak"
            .to_owned(),
    ] {
        assert!(said.contains(&expected), "{expected}\n---\n{said}");
    }
}

/// The signature of a folder is one over the zip that a build makes of it.
#[test]
fn folders_are_verified_by_the_zip_that_is_made_of_them() {
    let case = Case::new().config(&config("")).package("layer", "acme", "1.0.0", "first");
    let case = case.file("keys/team.asc", &public("team"));
    built(&case, 0);
    sign_beside(&case, "layer/acme/1.0.0", "team", "out/d/current/site/epr/acme/acme-1.0.0.zip");
    let strict = config(", signatures: require, keys: keys/team.asc");
    let case = case.config(&strict);
    let check = ["check", "--dist", "d"];
    assert_eq!(case.run(&check).code, 0);
    built(&case, 0);
    assert_eq!(published(&case), "acme*");
    assert_eq!(report(&case)["signatures"][0]["verdict"], format!("good({TEAM})"));
    // Nothing of it stays among the temporary files, which are here too.
    let is_left = |name: &str| name.starts_with("epr-build-");
    let left = fs::read_dir(case.path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(left.filter(|name| is_left(name)).collect::<Vec<_>>(), Vec::<String>::new());

    let case = case.package("layer", "acme", "1.0.0", "edited after it was signed");
    for run in [case.run(&check), case.run(&["--dist", "d", "--quiet", "--accept-loss"])] {
        assert!(run.code != 0 && run.stderr.contains("the signature does not fit the file"), "{run:#?}");
    }
}

/// Keys are input: what their files hold counts at every build, and not where they lie.
#[test]
fn a_changed_key_file_judges_anew() {
    let case = world(", signatures: verify, keys: keys/team.asc");
    settle();
    built(&case, 1);
    assert_eq!(published(&case), "good* none");
    let verdicts = fs::read(case.path("out/cache/verdicts")).unwrap();
    // Nothing to do: not even the cache is written again.
    let unchanged = case.tree();
    built(&case, 1);
    let same = |tree: &std::collections::BTreeMap<std::path::PathBuf, String>| {
        tree.get(&case.path("out/cache/verdicts")).cloned()
    };
    assert_eq!(same(&unchanged), same(&case.tree()));
    assert_eq!(fs::read(case.path("out/cache/verdicts")).unwrap(), verdicts);

    fs::write(case.path("keys/team.asc"), public("elsewhere")).unwrap();
    built(&case, 1);
    assert_eq!(published(&case), "foreign* none");
    // The same key from another file, and beside another one.
    fs::write(case.path("keys/second.asc"), public("team")).unwrap();
    let case = case.config(&config(", signatures: verify, keys: [keys/team.asc, keys/second.asc]"));
    built(&case, 1);
    assert_eq!(published(&case), "foreign* good* none");
    assert_eq!(told(&report(&case)["problems"]).last().unwrap(), "warning mixed-signing-keys");

    for (content, expected) in [
        (None, "cannot use `keys/second.asc` as keys of layer `l`: the file cannot be read: No such file"),
        (Some(String::new()), "the file "),
        (Some("x".to_owned()), "the file "),
        (Some(fixture("team.secret.asc")), "the file holds a secret key"),
        (Some("x".repeat((1 << 20) + 1)), "the file has more than 1048576 bytes"),
    ] {
        match content {
            Some(content) => fs::write(case.path("keys/second.asc"), content).unwrap(),
            None => fs::remove_file(case.path("keys/second.asc")).unwrap(),
        }
        let refused = built(&case, 2);
        assert!(refused.stderr.contains(expected) && refused.stderr.contains("hint: "), "{expected}: {refused:#?}");
    }
    assert_eq!(published(&case), "foreign* good* none");
}

/// What was found out about archive, signature and keys is not found out again, and a cache that is damaged is not believed.
#[test]
fn verdicts_are_remembered() {
    let case = world(&format!(", {KEYS}"));
    settle();
    built(&case, 0);
    let first = fs::read_link(case.path("out/d/current")).unwrap();
    // Other keys: no package is read again, and each signature is judged once more.
    let case =
        case.config(&config(", keys: keys/team.asc")).zip("layer", "new", "1.0.0").zip("spare", "newer", "1.0.0");
    settle();
    if can_trace() {
        let archive = |name: &str| {
            let digest =
                epr_build::base::digest::Digest::of(&fs::read(case.path(&format!("layer/{name}-1.0.0.zip"))).unwrap());
            epr_build::store::Store::blob_path(&digest)
        };
        let opened = calls_of(&case, "openat,?openat2", &BUILD);
        assert!(opened.contains(&archive("good")), "the archive is read for the new keys");
        assert!(!opened.contains("good-1.0.0.zip\""), "the package is not");
        fs::rename(case.path("spare/newer-1.0.0.zip"), case.path("layer/newer-1.0.0.zip")).unwrap();
        let opened = calls_of(&case, "openat,?openat2", &BUILD);
        assert!(opened.contains("newer-1.0.0.zip\"") && !opened.contains(&archive("good")), "nothing is read again");
        fs::remove_file(case.path("layer/newer-1.0.0.zip")).unwrap();
    }
    fs::remove_file(case.path("layer/new-1.0.0.zip")).unwrap();
    let case = case.config(&config(&format!(", {KEYS}")));
    built(&case, 0);
    assert_eq!(fs::read_link(case.path("out/d/current")).unwrap(), first, "equal input has equal generations");

    // A verdict that somebody changed is not the one that was written.
    let path = case.path("out/cache/verdicts");
    let good = fs::read_to_string(&path).unwrap();
    assert!(good.contains(&format!("\"good({TEAM})\"")) && good.contains("\"bad: "), "{good}");
    let forged =
        good.replace("\"bad: does not fit", &format!("\"good({TEAM})")).replace("\"weak(SHA1)\"", "\"missing\"");
    for text in [forged, String::new(), good[..good.len() / 2].to_owned(), "garbage".to_owned()] {
        fs::write(&path, text).unwrap();
        fs::write(case.path("layer/none-1.0.0.zip.sig"), FOREIGN_SIGNATURE).unwrap();
        built(&case, 0);
        fs::remove_file(case.path("layer/none-1.0.0.zip.sig")).unwrap();
        built(&case, 0);
        assert_eq!(fs::read_link(case.path("out/d/current")).unwrap(), first);
    }
    for arguments in [&["--no-cache"][..], &["--jobs", "1"], &["--jobs", "4"], &["--verify-clean"]] {
        let run = case.run(&[&BUILD, arguments].concat());
        assert_eq!(run.code, 0, "{run:#?}");
        assert_eq!(fs::read_link(case.path("out/d/current")).unwrap(), first, "{arguments:?}");
    }
}

/// One Kibana knows one key.
#[test]
fn keys_that_are_mixed_are_told_with_counts() {
    let mut case = Case::new().file("keys/team.asc", &public("team")).file("keys/else.asc", &public("elsewhere"));
    for (layer, name, version, who) in [
        ("up", "acme", "1.0.0", "team"),
        ("up", "acme", "1.1.0", "team"),
        ("down", "acme", "1.0.0", "elsewhere"),
        ("down", "other", "1.0.0", "elsewhere"),
    ] {
        case = case.zip(layer, name, version);
        let zip = format!("{layer}/{name}-{version}.zip");
        sign_beside(&case, &zip, who, &zip);
    }
    let config = |up: &str, down: &str| {
        format!(
            "distributions: {{d: {{layers: [up, down]}}}}\nlayers:\n  up: {{paths: up, keys: keys/team.asc, signatures: {up}}}\n  \
             down: {{paths: down, keys: keys/else.asc, signatures: {down}}}\n"
        )
    };
    let case = case.config(&config("require", "require"));
    let said = built(&case, 0).stderr;
    let (team, other) = (key("team").fingerprint().key_id(), key("elsewhere").fingerprint().key_id());
    let expected = format!(
        "warning: signatures by 2 keys are published: Kibana with key {team} accepts 2 versions and will refuse 1 version of \
         `down` by {other}\n"
    );
    assert!(said.contains(&expected), "{said}");
    let counts = report(&case)["signatures"].clone();
    let other = key("elsewhere").fingerprint();
    assert_eq!(
        counts,
        json!([
            { "layer": "down", "verdict": format!("good({other})"), "versions": 1 },
            { "layer": "up", "verdict": format!("good({TEAM})"), "versions": 2 },
        ])
    );
    for (up, down) in [("require", "strip"), ("strip", "require"), ("strip", "strip")] {
        case.reconfigure(&config(up, down));
        built(&case, 0);
        assert_eq!(told(&report(&case)["problems"]), Vec::<String>::new(), "{up} {down}");
    }
}

/// What a person and a program can find out of a signature, here and behind a bundle.
#[test]
fn a_verdict_is_told_everywhere() {
    let case = world(&format!(", {KEYS}"));
    built(&case, 0);
    let which = |name: &str| case.run(&["which", name, "--dist", "d", "--kibana", "8.15.0"]).stdout;
    assert!(which("good").contains(&format!("good, by key {TEAM}\n")), "{}", which("good"));
    assert!(which("stale").contains("not good: it does not fit the file"), "{}", which("stale"));
    assert!(!which("none").contains("signature"), "{}", which("none"));
    let manifest = |out: &str| case.json(&format!("{out}/d/current/manifest.json"));
    let signature = |out: &str, name: &str| {
        let packages = manifest(out)["packages"].as_array().unwrap().clone();
        let package = packages.into_iter().find(|it| it["path"] == format!("/package/{name}/1.0.0")).unwrap();
        package.get("signature").cloned()
    };
    assert_eq!(signature("out", "good"), Some(json!(format!("good({TEAM})"))));
    assert_eq!(signature("out", "weak"), Some(json!("weak(SHA1)")));
    assert_eq!(signature("out", "none"), None);
    let page = |name: &str| {
        fs::read_to_string(case.path(&format!("out/d/current/site/ui/package/{name}/index.html"))).unwrap()
    };
    let good = page("good");
    assert!(good.contains("gpg --verify good-1.0.0.zip.sig good-1.0.0.zip"), "{good}");
    assert!(good.contains(&format!("good, by key {TEAM}")) && good.contains(&format!("{TEAM}.txt")), "{good}");
    assert!(page("stale").contains("Kibana refuses it") && !page("none").contains("gpg --verify"));
    let key_file =
        |out: &str| fs::read_to_string(case.path(&format!("{out}/d/current/site/ui/keys/{TEAM}.txt"))).unwrap();
    assert_eq!(key_file("out"), public("team"));

    // A bundle carries keys and verdicts, and the far side needs no configuration of either.
    let bundled = case.run(&["bundle", "--dist", "d", "--output", "d.bundle"]);
    assert_eq!(bundled.code, 0, "{bundled:#?}");
    let taken = case.run(&["unbundle", "d.bundle", "--out", "far"]);
    assert_eq!(taken.code, 0, "{taken:#?}");
    assert_eq!(manifest("far"), manifest("out"));
    assert_eq!(key_file("far"), public("team"));
    assert_eq!(case.json("far/d/current/report.json"), report(&case));

    // The part of a generation for one Kibana says what the whole says.
    let released = case.run(&["release", "8.15.0", "--dist", "d", "--only-compatible", "--kibana", "8.15.0"]);
    assert_eq!(released.code, 0, "{released:#?}");
    let of_release = case.json("out/d/releases/8.15.0/report.json");
    assert_eq!(of_release["signatures"], report(&case)["signatures"]);
}

/// Layers change by commands too, and a signature that does not fit is told before anything is published.
#[test]
fn changes_of_layers_tell_of_signatures() {
    let case = world("").config(
        "distributions: {d: {layers: [up, l]}}\nlayers:\n  up: {paths: up, keys: keys/team.asc}\n  l: {paths: layer}\n",
    );
    let promoted = case.run(&["promote", "stale@1.0.0", "good@1.0.0", "--from", "l", "--to", "up"]);
    assert_eq!(promoted.code, 0, "{promoted:#?}");
    let fits = "Kibana refuses it where it verifies signatures: the signature does not fit the file";
    assert_eq!(promoted.stderr.matches("warning: ").count(), 1, "{promoted:#?}");
    assert!(promoted.stderr.contains(fits), "{promoted:#?}");
    assert!(case.path("up/stale-1.0.0.zip.sig").exists() && case.path("up/good-1.0.0.zip.sig").exists());
    let case = case.zip("elsewhere", "late", "1.0.0");
    sign_beside(&case, "elsewhere/late-1.0.0.zip", "team", "layer/none-1.0.0.zip");
    let added = case.run(&["add", "elsewhere/late-1.0.0.zip", "--to", "up", "--dry-run"]);
    assert!(added.code == 0 && added.stderr.contains(fits), "{added:#?}");
    let case = case.config("distributions: {d: {layers: [up, l]}}\nlayers:\n  up: {paths: up, keys: keys/team.asc, signatures: verify}\n  l: {paths: layer}\n");
    let refused = case.run(&["add", "elsewhere/late-1.0.0.zip", "--to", "up"]);
    assert!(refused.code == 1 && refused.stderr.contains(fits), "{refused:#?}");
    assert!(!case.path("up/late-1.0.0.zip").exists());
}
