//! Slips of operators: what each is told, and that nothing is lost by it.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::{check, good};
use crate::harness::{Case, Run};
use snapbox::{assert_data_eq, str};
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn run(case: &Case, line: &str) -> Run {
    case.run(&line.split(' ').collect::<Vec<_>>())
}

/// A case that is built.
fn built() -> Case {
    let case = good();
    assert_eq!(run(&case, "build --dist staging -q").code, 0);
    case
}

/// Each command that names a file which is not there says what to do, after everything else that it says.
#[test]
fn missing_files_come_with_a_hint() {
    let case = built();
    for line in [
        "unbundle nope.bundle --out far",
        "verify nope.bundle",
        "verify out --public-key nope.pub",
        "add nope.zip --to staging",
        "diff nope.bundle out/staging",
        "check --dist staging --config nope.yml",
        "bundle --dist staging --output nowhere/epr.bundle",
        "bundle --dist staging --output epr.bundle --sign nope.key",
        "bundle --dist staging --output epr.bundle --program nope",
        "image --dist staging --output epr.tar --program nope",
        "publish --dist staging --to s3://bucket/x --ca nope.pem",
        "serve --dist staging --tls-cert nope.pem --tls-key nope.key",
        "serve --dist staging --access-log nowhere/log",
    ] {
        let found = run(&case, line);
        assert_eq!(found.code, 2, "{line}: {found:?}");
        let last = found.stderr.lines().last().unwrap_or_default();
        assert!(last.starts_with("hint: ") && !last.contains("os error"), "{line}: {}", found.stderr);
    }
}

#[test]
fn hints_are_commands_that_work() {
    let case = built();
    let found = run(&case, "rollback --dist staging --to 9.9.9");
    let expected = str![[r#"
error: `staging` has no generation or release `9.9.9`
hint: `epr-build generations --dist staging` lists those it has

"#]];
    check(&found, 2, expected);
    assert_eq!(run(&case, "build --dist staging --out far -q").code, 0);
    let found = run(&case, "rollback --dist staging --to 9.9.9 --out far");
    assert!(found.stderr.contains("\nhint: `epr-build generations --dist staging --out far` lists"), "{found:?}");
    assert_eq!(run(&case, "generations --dist staging --out far").code, 0);
}

#[test]
fn an_empty_manifest_is_told_once() {
    for text in ["", "\n\n", "# nothing yet\n", "---\n", "{}\n"] {
        let case = good().file("packages/production/gamma/1.0.0/manifest.yml", text);
        let expected = str![[r#"
error: the manifest is empty
  --> production/gamma/1.0.0/manifest.yml
hint: every package and every data stream needs a readable `manifest.yml`

"#]];
        check(&run(&case, "check --dist production -q"), 1, expected);
    }
    let case = good().file("packages/production/gamma/1.0.0/manifest.yml", "title: Gamma\n");
    let found = run(&case, "check --dist production -q");
    assert!(found.stderr.contains("error: no version set\n"), "{found:?}");
    assert!(found.stderr.contains("error: no format_version set\n"), "{found:?}");
}

#[test]
fn a_difference_to_a_clean_build_is_told_in_words() {
    let case = built();
    let file = case.path("out/staging/current/site/package/alpha/1.0.0/manifest.yml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let found = run(&case, "build --dist staging --verify-clean");
    assert_eq!(found.code, 2, "{found:?}");
    for words in
        ["/manifest.yml is a file with the mode 0600, changed at ", " of a clean build is a file with the mode 0644, "]
    {
        assert!(found.stderr.contains(words), "{words}: {}", found.stderr);
    }
}

#[test]
fn bundles_that_do_not_end_well_are_told_apart() {
    let case = built();
    assert_eq!(run(&case, "bundle --dist staging --output a.bundle -q").code, 0);
    let bytes = fs::read(case.path("a.bundle")).unwrap();
    fs::write(case.path("long.bundle"), [&bytes[..], b"more"].concat()).unwrap();
    fs::write(case.path("empty.bundle"), "").unwrap();
    let expected = str![[r#"
error: the file does not end as a bundle does
  --> long.bundle
hint: it was cut off, or has more at its end, or is no bundle; copy it again

"#]];
    check(&run(&case, "unbundle long.bundle --out far"), 1, expected);
    let expected = str![[r#"
error: the file is empty
  --> empty.bundle
hint: copy the bundle again

"#]];
    check(&run(&case, "unbundle empty.bundle --out far"), 1, expected);
}

/// Only what an earlier bundle left is replaced.
#[test]
fn a_bundle_does_not_take_the_place_of_another_file() {
    let case = built().file("notes.txt", "dear diary").file("a.bundle.minisig", "mine").file("empty", "");
    for (output, file) in [("notes.txt", "notes.txt"), ("a.bundle", "a.bundle.minisig"), ("out", "out")] {
        let found = run(&case, &format!("bundle --dist staging --output {output}"));
        assert_eq!(found.code, 2, "{found:?}");
        let expected = format!(
            "error: `{file}` is there, and is not a bundle\nhint: name another file with --output, or write over it with --force\n"
        );
        assert_eq!(found.stderr, expected);
    }
    let found = run(&case, "image --dist staging --output notes.txt");
    assert!(found.stderr.starts_with("error: `notes.txt` is there, and is not an image\nhint: "), "{found:?}");
    assert_eq!(fs::read_to_string(case.path("notes.txt")).unwrap(), "dear diary");
    assert_eq!(run(&case, "bundle --dist staging --output empty -q").code, 0);
    assert_eq!(run(&case, "bundle --dist staging --output empty -q").code, 0, "a bundle is replaced");
    assert_eq!(run(&case, "bundle --dist staging --output notes.txt --force -q").code, 0);
    assert_eq!(run(&case, "verify notes.txt -q").code, 0);
    assert_eq!(run(&case, "bundle --dist staging --output parts --split 4k --no-program -q").code, 0);
    assert_eq!(
        run(&case, "bundle --dist staging --output parts --split 8k --no-program -q").code,
        0,
        "parts are replaced"
    );
}

#[test]
fn a_promotion_the_wrong_way_round_is_refused() {
    let case = good();
    for line in ["beta@1.0.0", "beta --all-newer"] {
        let found = run(&case, &format!("promote {line} --from production --to staging"));
        let expected = str![[r#"
error: `staging` lies below `production`, and versions are promoted to layers further up
hint: write `--from staging --to production`

"#]];
        check(&found, 2, expected);
    }
}

/// It is there, and nobody can put it back.
#[test]
fn a_quarantined_version_is_not_gone() {
    let case = built();
    fs::remove_file(case.path("packages/production/alpha/1.0.0/manifest.yml")).unwrap();
    let expected = str![[r#"
error: layer `production` has lost all 1 of 1 version: alpha-1.0.0; 1 package of it is quarantined
  --> production
hint: [..]
error: alpha-1.0.0 is published from layer `production` and is quarantined now
  --> production/alpha/1.0.0
hint: correct what it is quarantined for, or allow it with `--allow-policy removed-version=alpha@1.0.0 --reason TEXT`
error: open manifest.yml: no such file or directory
  --> production/alpha/1.0.0/manifest.yml
hint: every package and every data stream needs a readable `manifest.yml`

"#]];
    check(&run(&case, "check --dist staging --against out -q"), 1, expected);
}

#[test]
fn a_diff_without_differences_says_so() {
    let case = built();
    for (line, expected) in [
        ("diff out/staging out/staging", "no differences\n"),
        ("diff out/staging out/staging -q", ""),
        ("diff out/staging out/staging --format markdown", "No differences.\n"),
    ] {
        let found = run(&case, line);
        assert_eq!((found.code, found.stdout.as_str(), found.stderr.as_str()), (0, expected, ""), "{line}");
    }
}

#[test]
fn a_diff_can_be_cut_and_its_exit_code_be_zero() {
    let mut case = good();
    for version in 1..40 {
        case = case.package("packages/staging", "many", &format!("1.0.{version}"), "");
    }
    let line = "diff packages/production packages/staging --format markdown";
    let whole = run(&case, line);
    assert_eq!(whole.code, 1);
    for max in [200, 500, whole.stdout.chars().count()] {
        let short = run(&case, &format!("{line} --max-chars {max} --exit-zero"));
        let (length, lines) = (short.stdout.chars().count(), short.stdout.lines().count());
        assert_eq!(short.code, 0, "{short:?}");
        assert!(length <= max && length + 60 > max.min(whole.stdout.chars().count()), "{max}: {length}");
        if short.stdout != whole.stdout {
            let missing = whole.stdout.lines().count() + 2 - lines;
            assert!(short.stdout.ends_with(&format!("\n… and {missing} more lines\n")), "{missing}: {}", short.stdout);
            let kept = short.stdout.rsplit_once("\n…").unwrap().0;
            assert!(whole.stdout.starts_with(kept));
        }
    }
    assert_eq!(run(&case, "diff out out --max-chars 300").code, 2, "only Markdown is cut");
}

/// It changes what the operator does.
#[test]
fn quiet_runs_warn_of_keeping_one_generation() {
    let case = good();
    let found = run(&case, "build --dist staging -q --keep 1");
    assert!(found.code == 0 && found.stderr.starts_with("warning: with `--keep 1` a generation"), "{found:?}");
    assert_eq!(run(&case, "bundle --dist staging --output a.bundle -q").code, 0);
    let found = run(&case, "unbundle a.bundle --out far -q --keep 1");
    assert!(found.code == 0 && found.stderr.starts_with("warning: with `--keep 1` a generation"), "{found:?}");
}

#[test]
fn permissions_that_nothing_needs_are_told() {
    let case = built().package("packages/staging", "stays", "1.0.0", "");
    assert_eq!(run(&case, "build --dist staging -q").code, 0);
    let policy = "--allow-policy removed-version=beta@1.0.0 --allow-policy changed-version=beta@1.0.0 --reason x";
    let both =
        "note: not needed: `--allow-policy removed-version=beta@1.0.0`, `--allow-policy changed-version=beta@1.0.0`";
    for (line, expected) in [
        (format!("build --dist staging --accept-loss {policy}"), format!("{both}, `--accept-loss`\n")),
        (format!("check --dist staging --against out {policy}"), format!("{both}\n")),
        (
            format!("remove beta@1.0.0 --from staging --dry-run {policy}"),
            "note: not needed: `--allow-policy changed-version=beta@1.0.0`\n".to_owned(),
        ),
        (format!("check --dist staging --against out -q {policy}"), String::new()),
    ] {
        let found = run(&case, &line);
        assert_eq!((found.code, found.stderr.as_str()), (0, expected.as_str()), "{line}");
    }
    assert_eq!(run(&case, "bundle --dist staging --output a.bundle -q").code, 0);
    let found = run(&case, "unbundle a.bundle --out far --accept-loss");
    assert_eq!((found.code, found.stderr.as_str()), (0, "note: not needed: `--accept-loss`\n"));
    fs::remove_dir_all(case.path("packages/production/alpha")).unwrap();
    let allow = "--allow-policy removed-version=alpha@1.0.0 --reason x";
    let found = run(&case, &format!("build --dist staging --accept-loss {allow} -v"));
    assert!(found.code == 0 && !found.stderr.contains("not needed"), "both were needed: {found:?}");
}

/// An output lies neither in a layer nor in another output, whatever command writes it.
#[test]
fn outputs_lie_apart() {
    let case = built().package("elsewhere", "alpha", "1.0.0", "");
    assert_eq!(run(&case, "bundle --dist staging --output a.bundle -q").code, 0);
    let layer = "lies in layer `staging` (`packages/staging`)";
    let output = "lies in the output folder `";
    let packages = "lies in a layer (`";
    let here = case.path("").display().to_string();
    for (line, expected) in [
        ("unbundle a.bundle --out packages/staging".to_owned(), layer),
        ("unbundle a.bundle --out packages/staging/deep/er".to_owned(), layer),
        ("unbundle a.bundle --out out/store/far".to_owned(), output),
        ("unbundle a.bundle --out elsewhere/out".to_owned(), packages),
        ("build --dist staging --out out/store".to_owned(), output),
        ("build --dist staging --out out/production".to_owned(), output),
        ("build --dist staging --out packages/staging/out".to_owned(), layer),
        ("build --dist staging --out elsewhere".to_owned(), packages),
        (format!("publish --dist staging --to file://{here}/packages/staging/x"), layer),
        (format!("publish --dist staging --to file://{here}/out/x"), output),
    ] {
        let before = case.tree();
        let found = run(&case, &line);
        assert_eq!(found.code, 2, "{line}: {found:?}");
        assert!(found.stderr.contains(expected) && found.stderr.contains("\nhint: "), "{line}: {}", found.stderr);
        assert_eq!(case.tree(), before, "{line}");
    }
    assert_eq!(run(&case, "build --dist staging --out other/out -q").code, 0);
    assert_eq!(run(&case, "build --dist staging --out out --verify-clean -q").code, 0);
}

#[test]
fn a_check_tells_what_is_lost() {
    let mut case = good();
    for version in 0..21 {
        case = case.package("packages/snapshot", "many", &format!("1.0.{version}"), "");
    }
    assert_eq!(run(&case, "build --dist snapshot -q").code, 0);
    let remove = |versions: std::ops::Range<usize>| {
        for version in versions {
            fs::remove_dir_all(case.path(&format!("packages/snapshot/many/1.0.{version}"))).unwrap();
        }
    };
    remove(0..2);
    let found = run(&case, "check --dist snapshot --against out");
    assert_eq!(found.code, 0, "{found:?}");
    assert_data_eq!(
        found.stderr,
        str![[r#"
note: layer `snapshot` has lost 2 of 21 versions: many-1.0.0, many-1.0.1
  --> snapshot
hint: put back what should not be gone; a build goes on without it

"#]]
    );
    assert!(found.stdout.contains("  change             23 → 21 versions: 0 new, 2 gone\n"), "{}", found.stdout);
    remove(2..13);
    let found = run(&case, "check --dist snapshot --against out -q");
    assert_eq!(found.code, 1, "{found:?}");
    assert!(found.stderr.starts_with("error: layer `snapshot` has lost 13 of 21 versions: many-1.0.0, "), "{found:?}");
    let found = run(&case, "check --dist snapshot --against out -q --accept-loss");
    assert_eq!((found.code, found.stderr.as_str()), (0, ""));
    assert_eq!(run(&case, "build --dist snapshot -q").code, 2, "as a build counts");
}

#[test]
fn serve_says_whose_address_the_configuration_has() {
    let help = Case::new().run(&["serve", "--help"]).stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("`listen` of the configuration is for the generated server configurations"), "{help}");
}
