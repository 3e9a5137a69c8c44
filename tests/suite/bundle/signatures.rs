//! Signatures that `minisign` itself makes and verifies.

use super::{build, bundle, check_arrived, current, good, unbundle, world};
use crate::harness::Case;
use crate::running::binary;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs `minisign` in the folder of a case.
fn minisign(program: &Path, case: &Case, arguments: &[&str]) -> bool {
    let output = Command::new(program).args(arguments).current_dir(case.path(".")).output().unwrap();
    println!("{arguments:?}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    output.status.success()
}

#[test]
fn minisign_and_this_program_believe_each_other() {
    let Some(program) = binary("minisign") else { return };
    let case = world();
    build(&case);
    assert!(minisign(&program, &case, &["-G", "-W", "-p", "key.pub", "-s", "key"]));
    assert!(minisign(&program, &case, &["-G", "-W", "-p", "other.pub", "-s", "other"]));

    let run = bundle(&case, "a", &["--sign", "key"]);
    assert!(run.stdout.contains("in a.minisig"), "{run:#?}");
    assert!(minisign(&program, &case, &["-Vm", "a", "-p", "key.pub"]));
    assert!(!minisign(&program, &case, &["-Vm", "a", "-p", "other.pub"]));
    let id = current(&case, "out");
    let taken = good(&case, &["unbundle", "a", "--out", "far", "--public-key", "key.pub"]);
    assert!(
        taken.stdout.contains(&format!("the signature: epr-build bundle of staging, generation {id}")),
        "{taken:#?}"
    );
    check_arrived(&case, "far");
    let unasked = unbundle(&case, "a", "far");
    assert!(unasked.stdout.contains("all digests, but not the signature"), "{unasked:#?}");

    // The other way round, and over parts.
    assert!(minisign(&program, &case, &["-Sm", "a", "-s", "other"]));
    good(&case, &["verify", "a", "--public-key", "other.pub"]);
    bundle(&case, "p", &["--sign", "key", "--split", "9000"]);
    good(&case, &["unbundle", "p", "--out", "far2", "--public-key", "key.pub"]);
    let joined: Vec<u8> =
        (1..).map_while(|number| fs::read(case.path(&format!("p.{number:03}"))).ok()).flatten().collect();
    fs::write(case.path("p"), joined).unwrap();
    assert!(minisign(&program, &case, &["-Vm", "p", "-p", "key.pub"]));
}

/// Whoever demands a signature gets no bundle without the right one, and what is in use stays.
#[test]
fn what_is_not_signed_as_demanded_is_refused() {
    let case = world();
    for name in ["key", "other"] {
        let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
        fs::write(case.path(name), pair.sk.to_box(None).unwrap().to_string()).unwrap();
        fs::write(case.path(&format!("{name}.pub")), pair.pk.to_box().unwrap().to_string()).unwrap();
    }
    let id = build(&case);
    bundle(&case, "a", &[]);
    unbundle(&case, "a", "far");
    let case = case.package("packages/production", "new", "1.0.0", "");
    assert_ne!(build(&case), id);
    bundle(&case, "b", &["--sign", "key"]);
    let signature = fs::read_to_string(case.path("b.minisig")).unwrap();
    let bytes = fs::read(case.path("b")).unwrap();
    let refuse = |public: &str, said: &str| {
        for command in
            [&["unbundle", "b", "--out", "far", "--public-key", public][..], &["verify", "b", "--public-key", public]]
        {
            let run = case.run(command);
            assert_eq!(run.code, 1, "{said}: {run:#?}");
            assert!(run.stderr.contains(said) && run.stderr.contains("b.minisig\nhint: "), "{said}: {run:#?}");
            assert_eq!(current(&case, "far"), id);
        }
    };
    refuse("other.pub", "the bundle is signed with the key ");
    let lines: Vec<_> = signature.lines().collect();
    for (changed, said) in [
        (signature.replace("generation", "Generation"), "the signature is wrong"),
        (signature.replace(lines[1], &lines[1].replace(&lines[1][40..44], "AAAA")), "the signature is wrong"),
        (signature.replace(lines[3], &lines[3].replace(&lines[3][40..44], "AAAA")), "the signature is wrong"),
        (lines[..3].join("\n"), "this is no signature"),
        (String::new(), "this is no signature"),
        ("untrusted comment: \u{fc}\nRW\u{fc}\n\u{fc}\u{fc}\n\u{fc}".to_owned(), "this is no signature"),
        ("x".repeat(1 << 20), "this is no signature"),
    ] {
        fs::write(case.path("b.minisig"), changed).unwrap();
        refuse("key.pub", said);
    }
    fs::remove_file(case.path("b.minisig")).unwrap();
    refuse("key.pub", "the bundle has no signature");
    fs::write(case.path("b.minisig"), &signature).unwrap();
    for place in [0, bytes.len() / 2, bytes.len() - 73] {
        let mut changed = bytes.clone();
        changed[place] ^= 0x10;
        fs::write(case.path("b"), &changed).unwrap();
        refuse("key.pub", "the signature is wrong");
    }
    fs::write(case.path("b"), &bytes).unwrap();
    for key in ["b", "key", "b.minisig", "nowhere"] {
        let run = case.run(&["unbundle", "b", "--out", "far", "--public-key", key]);
        assert!(run.code == 2 && run.stderr.contains("hint: name the file that `minisign -G`"), "{key}: {run:#?}");
    }
    good(&case, &["unbundle", "b", "--out", "far", "--public-key", "key.pub"]);
    check_arrived(&case, "far");
}

/// A key may have a password, which scripts give in the environment.
#[test]
fn keys_with_passwords() {
    let case = world();
    build(&case);
    let pair = minisign::KeyPair::generate_encrypted_keypair(Some("secret".to_owned())).unwrap();
    fs::write(case.path("key"), pair.sk.to_box(None).unwrap().to_string()).unwrap();
    fs::write(case.path("key.pub"), pair.pk.to_box().unwrap().to_string()).unwrap();
    let sign = |password: &str| {
        let mut command =
            case.command(&["bundle", "--dist", "staging", "--output", "a", "--no-program", "--sign", "key"]);
        command.env("MINISIGN_PASSWORD", password).output().unwrap()
    };
    let refused = sign("wrong");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("password"), "{said}");
    assert!(!case.path("a").exists());
    assert!(sign("secret").status.success());
    good(&case, &["unbundle", "a", "--out", "far", "--public-key", "key.pub"]);
}
