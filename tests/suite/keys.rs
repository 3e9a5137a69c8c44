//! `epr-build keys`: signatures are made, judged and shown.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod hindered;

use crate::harness::{Case, Run};
use crate::running::binary;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const OURS: &str = "71FE3FC08EC354C75FEB77C3FAC507C89550899C";
const ELASTIC: &str = "46095ACC8548582C1A2699A9D27D666CD88E42B4";
/// A zip and a folder.
const CONFIG: &str =
    "distributions: {d: {layers: [l]}}\nlayers: {l: {paths: layer, signatures: sign, keys: ours.asc}}\n";
const ZIP: &str = "layer/acme-1.0.0.zip.sig";
const FOLDER: &str = "layer/beta/1.0.0.sig";
const BY_KEY: &[&str] = &["keys", "sign", "--layer", "l", "--secret-key", "ours.secret.asc"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/openpgp").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(fixture(name)).unwrap()
}

/// A layer with a zip and a folder, and a pair of keys.
fn world() -> Case {
    let case = Case::new().config(CONFIG).zip("layer", "acme", "1.0.0").package("layer", "beta", "1.0.0", "");
    let keys = ["ours.asc", "ours.secret.asc", "locked.asc", "locked.secret.asc", "E.asc", "two-blocks.asc"];
    keys.iter().fold(case, |case, name| case.file(name, &text(name)))
}

/// Runs the program at some time.
fn at(case: &Case, time: u32, arguments: &[&str]) -> Run {
    let output = case.command(arguments).env("SOURCE_DATE_EPOCH", time.to_string()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Runs it in the year 2025.
fn run(case: &Case, arguments: &[&str]) -> Run {
    at(case, 1_750_000_000, arguments)
}

fn log(case: &Case) -> Vec<Value> {
    let text = fs::read_to_string(case.path("layer/.epr-build/log.jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn verdicts(run: &Run) -> Vec<String> {
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    found.as_array().unwrap().iter().map(|one| one["signature"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_layer_is_signed_once_and_built_then() {
    let case = world();
    let unsigned = run(&case, &["--dist", "d", "--quiet"]);
    assert_ne!(unsigned.code, 0, "{unsigned:?}");
    assert!(unsigned.stderr.contains("epr-build keys sign --layer l"), "{unsigned:?}");
    let dry = run(&case, &[BY_KEY, &["--dry-run"]].concat());
    assert_eq!(
        (dry.code, dry.stdout.as_str()),
        (0, "would sign acme-1.0.0 in l\nwould sign beta-1.0.0 in l\n"),
        "{dry:?}"
    );
    assert!(!case.path(ZIP).exists() && !case.path(FOLDER).exists() && log(&case).is_empty());
    let signed = run(&case, BY_KEY);
    assert_eq!(
        (signed.code, signed.stdout.as_str()),
        (0, "signed acme-1.0.0 in l\nsigned beta-1.0.0 in l\n"),
        "{signed:?}"
    );
    let texts = [ZIP, FOLDER].map(|path| fs::read_to_string(case.path(path)).unwrap());
    let lines = log(&case);
    assert_eq!(lines.len(), 2);
    for line in &lines {
        assert_eq!((&line["action"], &line["to"]), (&"signed".into(), &"l".into()), "{line}");
        assert_eq!(line["signature"].as_str().unwrap().len(), 64, "{line}");
    }
    // Later, the times in the signatures stay.
    let again = at(&case, 1_760_000_000, BY_KEY);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.stdout.lines().all(|line| line.starts_with("nothing to do: ")), "{again:?}");
    assert_eq!(texts, [ZIP, FOLDER].map(|path| fs::read_to_string(case.path(path)).unwrap()));
    assert_eq!(log(&case).len(), 2);
    let verified = run(&case, &["keys", "verify", "--layer", "l", "--format", "json"]);
    assert_eq!((verified.code, verdicts(&verified)), (0, vec![format!("good({OURS})"); 2]), "{verified:?}");
    let built = run(&case, &["--dist", "d", "--quiet"]);
    assert_eq!((built.code, built.stderr.as_str()), (0, ""));
    // What is published fits, as anyone can check who has the zip and the key alone.
    for name in ["acme", "beta"] {
        let zip = format!("out/d/current/site/epr/{name}/{name}-1.0.0.zip");
        let run = run(&case, &["keys", "verify", "--key", "ours.asc", "-v", &zip]);
        assert_eq!(
            (run.code, run.stdout.clone()),
            (0, format!("{zip}: good({OURS})\n1 of 1 signature good\n")),
            "{run:?}"
        );
    }
}

#[test]
fn a_passphrase_comes_from_a_file_or_the_environment() {
    let case = world().file("right", "open sesame\nmore\n").file("wrong", "open\n");
    let by = ["keys", "sign", "--layer", "l", "--key", "locked.asc", "--secret-key", "locked.secret.asc"];
    for more in [&[][..], &["--passphrase-file", "wrong"], &["--passphrase-file", "nowhere"]] {
        let run = run(&case, &[&by, more].concat());
        assert_eq!(run.code, 2, "{run:?}");
        assert!(!case.path(ZIP).exists());
    }
    let signed = run(&case, &[&by[..], &["--passphrase-file", "right"]].concat());
    assert_eq!(signed.code, 0, "{signed:?}");
    fs::remove_file(case.path(ZIP)).unwrap();
    let signed = case.command(&by).env("EPR_BUILD_PASSPHRASE", "open sesame").output().unwrap();
    assert_eq!(signed.status.code(), Some(0), "{signed:?}");
    assert!(case.path(ZIP).exists());
}

#[test]
fn what_is_not_good_is_replaced_only_when_asked_for() {
    let case = world().file(ZIP, "<html>").file(FOLDER, &text("E-2024.sig"));
    let refused = run(&case, BY_KEY);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.stderr.contains("acme-1.0.0 has a signature that is not good by the keys here: unreadable"),
        "{refused:?}"
    );
    assert!(
        refused.stderr.contains("beta-1.0.0 has a signature that is not good by the keys here: other-key("),
        "{refused:?}"
    );
    assert!(refused.stderr.contains("--replace"), "{refused:?}");
    assert_eq!(fs::read_to_string(case.path(ZIP)).unwrap(), "<html>");
    let replaced = run(&case, &[BY_KEY, &["--replace"]].concat());
    assert_eq!(replaced.code, 0, "{replaced:?}");
    // A package that is edited after it was signed.
    fs::write(case.path("layer/beta/1.0.0/docs/README.md"), "# Beta\n\nNew words.\n").unwrap();
    let stale = run(&case, &["keys", "verify", "--layer", "l", "--format", "json"]);
    let verdicts = verdicts(&stale);
    assert_eq!((stale.code, verdicts[0].as_str()), (1, format!("good({OURS})").as_str()));
    assert!(verdicts[1].starts_with("bad: does not fit the file"), "{verdicts:?}");
    assert_eq!(run(&case, BY_KEY).code, 1);
    assert_eq!(run(&case, &[BY_KEY, &["--replace"]].concat()).code, 0);
    assert_eq!(run(&case, &["keys", "verify", "--layer", "l"]).code, 0);
}

#[test]
fn a_signer_that_does_not_sign_is_told_and_nothing_is_written() {
    let case = world().file("other.sig", &text("A-2024-sha512.sig"));
    for (signer, expected) in [
        ("false", "the signer failed"),
        ("echo 'card is locked' >&2; exit 2", "card is locked"),
        ("true", "what the signer made is not good: unreadable: is empty"),
        ("echo hello", "what the signer made is not good: unreadable: has no line"),
        ("cat other.sig", "what the signer made is not good: other-key("),
        ("yes", "writes more than a signature"),
        ("sleep 100", "took longer than 1 seconds"),
        ("cat > /dev/null; sleep 100", "took longer than 1 seconds"),
    ] {
        let begin = Instant::now();
        let run = run(&case, &["keys", "sign", "--layer", "l", "--signer", signer, "--timeout", "1"]);
        assert_eq!(run.code, 2, "{signer}: {run:?}");
        assert!(run.stderr.contains(expected), "{signer}: {run:?}");
        assert!(run.stderr.contains("acme-1.0.0 is not signed"), "{signer}: {run:?}");
        assert!(begin.elapsed() < Duration::from_secs(60), "{signer}");
        assert!(!case.path(ZIP).exists() && !case.path(FOLDER).exists() && log(&case).is_empty(), "{signer}");
    }
    let no_keys = case.file("epr-build.yml", "layers: {l: {paths: layer}}\ndistributions: {d: {layers: [l]}}\n");
    let run = run(&no_keys, &["keys", "sign", "--layer", "l", "--signer", "cat"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("names no keys"), "{run:?}");
}

/// A kill in the middle leaves whole files, and the next command finishes what was begun.
#[test]
fn a_kill_leaves_no_half_signature() {
    let case = world();
    let killed = case.command(&["keys", "sign", "--layer", "l", "--signer", "kill -9 $PPID"]).output().unwrap();
    assert_eq!(killed.status.code(), None, "{killed:?}");
    assert!(!case.path(ZIP).exists() && !case.path(FOLDER).exists());
    assert_eq!(run(&case, BY_KEY).code, 0);
    let [first, second] = log(&case).try_into().unwrap();
    // Killed after the signature was in place and before it was logged.
    let root = case.path("layer").canonicalize().unwrap();
    let pending = |change: &Value| {
        serde_json::json!({"change": change, "to": {"root": root, "package": "beta/1.0.0"}, "from": null}).to_string()
    };
    fs::write(case.path("layer/.epr-build/log.jsonl"), format!("{first}\n")).unwrap();
    fs::write(case.path("layer/.epr-build/pending.json"), pending(&second)).unwrap();
    let finished = run(&case, BY_KEY);
    assert!(
        finished.stdout.contains("finished an interrupted command: the signature of beta-1.0.0 in `l`"),
        "{finished:?}"
    );
    assert_eq!(log(&case), [first.clone(), second.clone()]);
    // Killed before it was in place.
    fs::write(case.path("layer/.epr-build/log.jsonl"), format!("{first}\n")).unwrap();
    fs::write(case.path("layer/.epr-build/pending.json"), pending(&second)).unwrap();
    fs::remove_file(case.path(FOLDER)).unwrap();
    let signed = run(&case, BY_KEY);
    assert!(signed.stdout.contains("signed beta-1.0.0 in l") && !signed.stdout.contains("finished"), "{signed:?}");
    assert_eq!(log(&case), [first, second], "the same second, the same signature");
    assert!(!case.path("layer/.epr-build/pending.json").exists());
}

#[test]
fn zips_are_verified_with_what_a_clock_adds() {
    let case = Case::new();
    for (name, signature) in [("good", "A-2024-sha512.sig"), ("expired", "X-2020.sig"), ("other", "E-2024.sig")] {
        fs::copy(fixture("pkg.zip"), case.path(&format!("{name}.zip"))).unwrap();
        fs::copy(fixture(signature), case.path(&format!("{name}.zip.sig"))).unwrap();
    }
    fs::copy(fixture("pkg.zip"), case.path("none.zip")).unwrap();
    let (a, x) = (fixture("A-sha1.asc"), fixture("X.asc"));
    let keys = ["keys", "verify", "--key", a.to_str().unwrap(), "--key", x.to_str().unwrap()];
    let zips = ["good.zip", "expired.zip", "other.zip", "none.zip"];
    let run = run(&case, &[&keys[..], &zips].concat());
    assert_eq!((run.code, run.stdout.as_str()), (1, "2 of 4 signatures good\n"), "{run:?}");
    assert!(run.stderr.contains("error: other.zip: other-key(BE49"), "{run:?}");
    assert!(run.stderr.contains("error: none.zip: missing"), "{run:?}");
    let note = "warning: expired.zip: the key has expired since it signed, at 2020-12-31T00:00:00Z";
    assert!(run.stderr.contains(note), "{run:?}");
    // At the time it was made there was nothing to tell, and long before it came from the future.
    let then = at(&case, 1_592_000_000, &[&keys[..], &["expired.zip"]].concat());
    assert_eq!((then.code, then.stderr.as_str()), (0, ""));
    let before = at(&case, 0, &[&keys[..], &["expired.zip", "--json"]].concat());
    assert_eq!(before.code, 0);
    assert!(before.stdout.contains("was made in the future"), "{before:?}");
    let elastic = at(&case, 0, &["keys", "verify", "good.zip"]);
    assert_eq!(elastic.code, 1, "Elastic's key is the one that is trusted: {elastic:?}");
}

#[test]
fn keys_are_listed_with_their_layers() {
    let case = world();
    let listed = run(&case, &["keys", "list"]);
    assert_eq!(listed.code, 0, "{listed:?}");
    snapbox::assert_data_eq!(
        listed.stdout,
        snapbox::str![[r#"
46095ACC8548582C1A2699A9D27D666CD88E42B4 (built in)
  user id            Elasticsearch (Elasticsearch Signing Key) <dev_ops@elasticsearch.org>
  key                RSA 2048, created 2013-09-16, never expires
  layers             named by no layer
71FE3FC08EC354C75FEB77C3FAC507C89550899C
  user id            Packages <packages@example.org>
  key                Ed25519, created 2024-01-01, never expires
  layers             l

"#]]
    );
    let json = run(&case, &["keys", "list", "--json"]);
    let found: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&found[0]["fingerprint"], &found[0]["built_in"]), (&ELASTIC.into(), &true.into()));
    assert_eq!((&found[1]["fingerprint"], &found[1]["layers"][0]), (&OURS.into(), &"l".into()));
}

/// A Kibana that is not told of the key refuses everything, so whoever builds, serves or connects is reminded.
#[test]
fn a_key_of_ones_own_must_be_told_to_kibana() {
    let case = world();
    let line = "xpack.fleet.packageVerification.gpgKeyPath: the key by which these packages are signed; `epr-build keys export \
                --for-kibana --layer l --output our-key.asc` writes it";
    let connect = ["kibana-config", "--url", "http://epr.example.org:8080", "--kibana", "9.1.0"];
    assert_eq!(run(&case, &connect).stderr, "");
    assert_eq!(run(&case, BY_KEY).code, 0);
    let built = run(&case, &["--dist", "d"]);
    assert!(built.code == 0 && built.stdout.contains(line), "{built:#?}");
    let lines = run(&case, &connect);
    assert!(lines.code == 0 && lines.stderr.contains(line) && !lines.stdout.contains("gpgKeyPath"), "{lines:#?}");
    assert_eq!(run(&case, &[&connect[..], &["--gpg-key", "/etc/kibana/k.asc"]].concat()).stderr, "");
    assert_eq!(run(&case, &[&connect[..], &["--quiet"]].concat()).stderr, "");
    let served = run(&case, &["serve", "--dist", "d", "--listen", "unix:/nowhere/at/all.sock"]);
    assert!(served.code == 2 && served.stderr.contains(&format!("note: kibana.yml needs {line}\n")), "{served:#?}");
    // Nothing is said where Elastic has signed, or nobody.
    case.reconfigure("distributions: {d: {layers: [l]}}\nlayers: {l: {paths: layer, signatures: strip}}\n");
    let built = run(&case, &["--dist", "d"]);
    assert!(built.code == 0 && !built.stdout.contains("gpgKeyPath"), "{built:#?}");
}

#[test]
fn one_key_is_exported_or_none() {
    let case = world();
    let ours = run(&case, &["keys", "export", "--for-kibana", "--layer", "l", "--output", "k.asc"]);
    assert_eq!((ours.code, ours.stdout.as_str()), (0, ""), "{ours:?}");
    let path = case.path("k.asc").display().to_string();
    assert!(ours.stderr.contains(&format!("xpack.fleet.packageVerification.gpgKeyPath: \"{path}\"")), "{ours:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text("ours.asc"));
    let elastic = run(&case, &["keys", "export", "--key", "elastic"]);
    assert_eq!((elastic.code, elastic.stderr.as_str()), (0, ""));
    assert_eq!(elastic.stdout.matches("-----BEGIN PGP PUBLIC KEY BLOCK-----").count(), 1);
    for (arguments, expected) in [
        (&["--key", "two-blocks.asc"][..], "there are 2 keys, and Kibana reads one"),
        (&["--key", "E.asc", "--fingerprint", ELASTIC], "there is no such key"),
        (&["--key", "ours.secret.asc"], "holds a secret key"),
        (&["--key", "nowhere.asc"], "cannot use `nowhere.asc`"),
        (&["--layer", "m"], "the configuration says nothing of a layer `m`"),
    ] {
        let run = run(&case, &[&["keys", "export", "--output", "no.asc"], arguments].concat());
        assert_eq!(run.code, 2, "{arguments:?}: {run:?}");
        assert!(run.stderr.contains(expected), "{arguments:?}: {run:?}");
        assert!(!case.path("no.asc").exists(), "{arguments:?}");
    }
    let one = ["--key", "two-blocks.asc", "--fingerprint", "BE4906074B7535A9EFCA7A4D12642336EA627739"];
    let one = run(&case, &[&["keys", "export"], &one[..]].concat());
    assert_eq!((one.code, one.stdout.as_str()), (0, text("E.asc").as_str()), "{one:?}");
}

/// Where gpg and Kibana are of one mind, so are we; the third column of the cases says where gpg is not.
#[test]
fn gpg_agrees_where_it_should() {
    let (Some(gpg), Some(gpgv)) = (binary("gpg"), binary("gpgv")) else { return };
    let home = tempfile::tempdir().unwrap();
    let ring = home.path().join("ring.gpg");
    let mut wrong = Vec::new();
    for case in text("cases.tsv").lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<_> = case.split('\t').collect();
        let dearmored =
            gpg_in(&gpg, home.path()).arg("--dearmor").stdin(fs::File::open(fixture(fields[0])).unwrap()).output();
        fs::write(&ring, dearmored.unwrap().stdout).unwrap();
        let run = Command::new(&gpgv)
            .arg("--keyring")
            .arg(&ring)
            .arg(fixture(fields[1]))
            .arg(fixture("pkg.zip"))
            .env("GNUPGHOME", home.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        if run.status.success() != (fields[3] == "good") {
            wrong.push(format!("{case}: {run:?}"));
        }
        // It accepts whatever Kibana does.
        let is_first = !fields[1].starts_with("EA") && !fields[1].starts_with("AE");
        assert!(!fields[2].starts_with("good") || fields[3] == "good" || !is_first, "{case}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn gpg_in(gpg: &Path, home: &Path) -> Command {
    let mut command = Command::new(gpg);
    command.args(["--batch", "--no-options"]).env("GNUPGHOME", home);
    command
}

/// gpg signs as the guide says, and verifies what is signed here.
#[test]
fn gpg_signs_and_verifies() {
    let Some(gpg) = binary("gpg") else { return };
    let case = world();
    let home = tempfile::tempdir().unwrap();
    let imported = gpg_in(&gpg, home.path()).arg("--import").arg(case.path("ours.secret.asc")).output().unwrap();
    assert!(imported.status.success(), "{imported:?}");
    let line = format!("GNUPGHOME={} gpg --batch --armor --detach-sign -u packages@example.org", home.path().display());
    let signed = case.run(&["keys", "sign", "--layer", "l", "--signer", &line]);
    assert_eq!(
        (signed.code, signed.stdout.as_str()),
        (0, "signed acme-1.0.0 in l\nsigned beta-1.0.0 in l\n"),
        "{signed:?}"
    );
    assert_eq!(case.run(&["keys", "verify", "--layer", "l"]).code, 0);
    fs::remove_file(case.path(ZIP)).unwrap();
    assert_eq!(run(&case, BY_KEY).code, 0);
    let verified =
        gpg_in(&gpg, home.path()).arg("--verify").arg(case.path(ZIP)).arg(case.path("layer/acme-1.0.0.zip")).output();
    assert!(verified.as_ref().unwrap().status.success(), "{verified:?}");
    let _ = Command::new("gpgconf").args(["--kill", "gpg-agent"]).env("GNUPGHOME", home.path()).output();
}

#[test]
fn signatures_are_committed_when_asked_for() {
    let case = world();
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(case.path(""))
            .args(["-c", "user.name=T", "-c", "user.email=t@example.org"])
            .args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    git(&["init", "--quiet"]);
    git(&["config", "user.name", "T"]);
    git(&["config", "user.email", "t@example.org"]);
    git(&["add", "layer"]);
    git(&["commit", "--quiet", "-m", "Begin"]);
    let signed = run(&case, &[BY_KEY, &["--commit", "--reason", "new key"]].concat());
    assert_eq!(signed.code, 0, "{signed:?}");
    let message = git(&["log", "-1", "--format=%B"]);
    assert!(
        message.starts_with("[l] Sign 2 packages\n\n- acme-1.0.0 ") && message.contains("Reason: new key"),
        "{message}"
    );
    let files = git(&["show", "--name-only", "--format="]);
    let expected =
        "layer/.epr-build/.gitignore\nlayer/.epr-build/log.jsonl\nlayer/acme-1.0.0.zip.sig\nlayer/beta/1.0.0.sig\n";
    assert_eq!(files, expected);
}
