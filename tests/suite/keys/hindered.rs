//! Signing, listing and exporting where something is in the way.

use super::{BY_KEY, CONFIG, ELASTIC, FOLDER, OURS, ZIP, at, run, text, world};
use crate::harness::Case;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

fn fifo(case: &Case, path: &str) {
    assert!(Command::new("mkfifo").arg(case.path(path)).status().unwrap().success());
}

#[test]
fn packages_that_stay_unsigned_are_named() {
    type Hinder = fn(&Case);
    let rows: [(&str, Hinder, &str); 4] = [
        ("a fifo", |case| fifo(case, ZIP), "acme-1.0.0.zip"),
        ("a folder", |case| fs::create_dir(case.path(FOLDER)).unwrap(), "beta/1.0.0"),
        ("a broken zip", |case| fs::write(case.path("layer/gone-1.0.0.zip"), "PK?").unwrap(), "gone-1.0.0.zip"),
        ("a link to nothing", |case| symlink("nowhere", case.path(ZIP)).unwrap(), "acme-1.0.0"),
    ];
    for (name, hinder, package) in rows {
        let case = world();
        hinder(&case);
        for more in [&["--dry-run"][..], &[]] {
            let hindered = run(&case, &[BY_KEY, more].concat());
            assert_eq!(hindered.code, 1, "{name}: {hindered:?}");
            assert!(hindered.stderr.contains(package), "{name}: {hindered:?}");
        }
        if name != "a link to nothing" {
            let stay = format!("error: these stay without a good signature: {package}\n");
            let again = run(&case, BY_KEY);
            assert!(again.code == 1 && again.stderr.contains(&stay), "{name}: {again:?}");
            let json = run(&case, &[BY_KEY, &["--json"]].concat());
            let answer: Value = serde_json::from_str(&json.stdout).unwrap();
            assert_eq!((json.code, answer["problems"].as_array().unwrap().len()), (1, 1), "{name}: {json:?}");
            let verified = run(&case, &["keys", "verify", "--layer", "l"]);
            assert!(verified.code == 1 && verified.stderr.contains(package), "{name}: {verified:?}");
        }
    }
    // One that is no link any more is replaced when asked for.
    let case = world();
    symlink("nowhere", case.path(ZIP)).unwrap();
    assert_eq!(run(&case, &[BY_KEY, &["--replace"]].concat()).code, 0);
    assert!(fs::symlink_metadata(case.path(ZIP)).unwrap().is_file());
}

/// While the second package is signed, somebody exchanges the signature of the first.
#[test]
fn a_signature_that_is_exchanged_meanwhile_is_told() {
    let good = world();
    assert_eq!(run(&good, BY_KEY).code, 0);
    let signature = |path| fs::read_to_string(good.path(path)).unwrap();
    for exchange in ["rm $F; mkfifo $F", "rm $F; ln -s /etc/hostname $F", "rm $F", "echo other > $F"] {
        let case = world().file("zip.sig", &signature(ZIP)).file("folder.sig", &signature(FOLDER));
        let signer =
            format!("cat > /dev/null; F={ZIP}; if test -e $F; then {exchange}; cat folder.sig; else cat zip.sig; fi");
        let signed = run(&case, &["keys", "sign", "--layer", "l", "--signer", &signer]);
        assert_eq!(signed.code, 1, "{exchange}: {signed:?}");
        let told = "the signature of acme-1.0.0 was exchanged while the layer was signed";
        assert!(signed.stderr.contains(told), "{exchange}: {signed:?}");
        let stay = "error: these stay without a good signature: acme-1.0.0.zip\n";
        assert!(signed.stderr.contains(stay), "{exchange}: {signed:?}");
    }
}

#[test]
fn the_hint_is_a_command_that_works() {
    let case = world();
    let hint = |case: &Case| {
        let built = run(case, &["--dist", "d", "--quiet"]);
        let line = built.stderr.lines().find(|line| line.contains("keys sign")).unwrap().to_owned();
        line.split('`').nth(1).unwrap().to_owned()
    };
    assert_eq!(hint(&case), "epr-build keys sign --layer l --signer '…'");
    assert_eq!(run(&case, BY_KEY).code, 0);
    fs::write(case.path("layer/beta/1.0.0/docs/README.md"), "# Beta\n\nNew words.\n").unwrap();
    assert_eq!(hint(&case), "epr-build keys sign --layer l --replace --signer '…'");
    let binary = run(&case, &["keys", "sign", "--layer", "l", "--replace", "--signer", "cat"]);
    assert!(binary.code == 2 && binary.stderr.contains("add `--armor`"), "{binary:?}");
    assert!(!binary.stderr.contains("the public key of the signer"), "{binary:?}");
}

#[test]
fn a_layer_without_packages_is_not_verified() {
    let case = world().file("empty/README", "nothing\n").file(
        "epr-build.yml",
        "distributions: {d: {layers: [l, image]}}\nlayers: {l: {paths: empty}, image: {paths: oci}}\n",
    );
    let case = case.file("oci/oci-layout", "{}").file("oci/index.json", "{}");
    for (layer, expected) in [
        ("l", "layer `l` holds no packages\nhint: correct `paths` of the layer"),
        ("image", "hint: an image is verified by a build: run `epr-build build`"),
    ] {
        let verified = run(&case, &["keys", "verify", "--layer", layer]);
        assert_eq!((verified.code, verified.stdout.as_str()), (2, ""), "{verified:?}");
        assert!(verified.stderr.contains(&format!("layer `{layer}` holds no packages")), "{verified:?}");
        assert!(verified.stderr.contains(expected), "{verified:?}");
    }
}

#[test]
fn a_file_of_keys_that_is_missing_hides_no_other() {
    let case = world().file("epr-build.yml", &CONFIG.replace("keys: ours.asc", "keys: [nowhere.asc, ours.asc]"));
    for more in [&[][..], &["--json"]] {
        let listed = run(&case, &[&["keys", "list"], more].concat());
        assert_eq!(listed.code, 1, "{listed:?}");
        assert!(listed.stdout.contains(OURS) && listed.stdout.contains(ELASTIC), "{listed:?}");
        assert!(listed.stderr.contains("error: cannot use `nowhere.asc` as keys of layer `l`"), "{listed:?}");
    }
}

#[test]
fn keys_that_kibana_refuses_are_not_exported_for_it() {
    let case = world().file("critical.asc", &text("critical.asc")).file("superseded.asc", &text("superseded.asc"));
    for (key, for_kibana, expected) in [
        ("critical.asc", true, "is of no use to Kibana: every signature by it is by a key that has no valid signature"),
        ("critical.asc", false, "is of no use to Kibana"),
        ("superseded.asc", true, "was retired or superseded at 2023-11-14T22:13:20Z, and Kibana then refuses"),
    ] {
        let more: &[&str] = if for_kibana { &["--for-kibana"] } else { &[] };
        let exported = run(&case, &[&["keys", "export", "--key", key, "--output", "no.asc"], more].concat());
        assert_eq!(exported.code, 2, "{key}: {exported:?}");
        assert!(exported.stderr.contains(expected), "{key}: {exported:?}");
        assert!(!case.path("no.asc").exists(), "{key}");
    }
    let exported = run(&case, &["keys", "export", "--key", "superseded.asc"]);
    assert_eq!((exported.code, exported.stdout), (0, text("superseded.asc")), "for others than Kibana");
}

#[test]
fn what_is_exported_is_told() {
    let case = world();
    let future = "says that it was made in the future, at 2024-01-01T00:00:00Z";
    let ours = ["keys", "export", "--for-kibana", "--layer", "l"];
    let elastic_refused = "also those that Elastic has signed";
    let early = at(&case, 1_000_000_000, &ours);
    assert!(early.code == 0 && early.stderr.contains(future), "{early:?}");
    let exported = run(&case, &ours);
    assert!(exported.code == 0 && !exported.stderr.contains("future"), "{exported:?}");
    assert!(exported.stderr.contains(elastic_refused), "{exported:?}");
    let elastic = run(&case, &["keys", "export", "--for-kibana"]);
    let told =
        format!("note: this is Elastic's key, {ELASTIC}; layers that name other keys: l (choose one with --layer)");
    assert!(elastic.code == 0 && elastic.stderr.contains(&told), "{elastic:?}");
    assert!(!elastic.stderr.contains(elastic_refused), "{elastic:?}");
    // Who names it knows.
    let named = run(&case, &["keys", "export", "--key", "elastic"]);
    assert_eq!((named.code, named.stderr.as_str()), (0, ""));
}

#[test]
fn no_fifo_is_waited_for() {
    let case = world();
    fifo(&case, "pipe");
    let begin = Instant::now();
    for output in ["pipe", "layer"] {
        let mut command = Command::new("timeout");
        let whole = case.command(&["keys", "export", "--key", "elastic", "--output", output]);
        command.arg("20").arg(whole.get_program()).args(whole.get_args()).current_dir(case.path(""));
        let exported = command.output().unwrap();
        let told = String::from_utf8(exported.stderr).unwrap();
        assert_eq!(exported.status.code(), Some(2), "{told}");
        assert!(told.contains(&format!("`{output}` is not a regular file")), "{told}");
    }
    assert!(begin.elapsed() < Duration::from_secs(20));
}
