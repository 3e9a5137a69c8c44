//! Options have the same name and meaning in every command, and old spellings still work.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::{check, good};
use crate::harness::{Case, Run};
use snapbox::str;

/// The names of all commands, as help lists them.
pub(super) fn commands() -> Vec<String> {
    let help = Case::new().run(&["--help"]).stdout;
    let listing = help.split("\n\nOptions:\n").next().unwrap();
    let names = listing.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.map(str::to_owned).filter(|name| !name.is_empty() && name != "help").collect()
}

#[test]
fn commands_are_listed_in_groups() {
    let help = Case::new().run(&["--help"]).stdout;
    let listing = help.split_once("\n\nBuild and serve:\n").unwrap().1.split("\n\nOptions:\n").next().unwrap();
    let expected = str![[r#"
  init           Write a first configuration file, and say what to do next
  build          Build distributions (the default command)
  check          Report problems and conflicts, and write nothing
  serve          Serve a distribution, and compute the answers that its tables do not hold
  include        Let a web server that you have include a generation
  probe          Ask a registry whether it answers, for health checks
  kibana-config  Print the lines of kibana.yml that point Kibana to the registry

Layers:
  mirror         Fetch packages from other registries into layers
  select         Show which versions a selection gives, and why
  add            Add packages to a layer
  promote        Move versions of packages to a layer further up
  remove         Remove versions of packages from a layer
  keys           Show keys, verify signatures by them, and sign the packages of a layer
  keep           Keep what Kibanas have installed, and remove what nobody wants

Generations:
  generations    List the generations of a distribution, the newest first
  rollback       Go back to an earlier generation
  release        Keep a generation as the registry of a stack version, beside later builds
  cache          Show or clean up what builds remember

Carry:
  publish        Upload a distribution to an object store, and switch to it there
  image          Write a container image that serves a distribution; no container engine is needed
  bundle         Pack a distribution into one file, to carry it across an air gap
  unbundle       Unpack a bundle into an output folder, and take its generation into use
  verify         Compare the contents of output folders and bundles with their digests

Explain:
  which          Say which version of a package a Kibana gets, and why not a newer one
  coverage       Tell which questions a host that only looks answers up would refuse
  diff           Compare generations, releases, distributions, folders of packages or bundles
  log            Show the history of a package over the kept generations and releases

Help:
  generate       Print the manual page or shell completions
  help           Print the help of a command
"#]];
    snapbox::assert_data_eq!(listing, expected);
}

/// What an option is said to do is the same in every command that has it.
#[test]
fn shared_options_are_worded_alike() {
    let wordings = [
        ("-v, --verbose", "Print more: what is read"),
        ("--color <WHEN>", "Colours in messages"),
        ("--packages <DIR>", "Folder that holds one folder for each layer, or git+file:CLONE"),
        ("--config <FILE>", "Configuration file [default: epr-build.yml, if it exists]"),
        ("--jobs <N>", "Number of threads [default: one for each processor]"),
        ("-q, --quiet", "Print only problems and failures"),
        ("--keep <N>", "Number of generations to keep for each distribution"),
    ];
    let mut seen = [0; 7];
    for command in commands() {
        let help = Case::new().run(&[&command, "--help"]).stdout;
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for (index, (option, wording)) in wordings.iter().enumerate() {
            if let Some((_, after)) = help.split_once(&format!(" {option} ")) {
                assert!(after.starts_with(wording), "{command} {option}: {help}");
                seen[index] += 1;
            }
        }
    }
    assert_eq!(seen, [28, 28, 9, 12, 12, 28, 2], "commands with each option");
}

#[test]
fn quiet_commands_print_nothing() {
    let case = good();
    for arguments in [
        "build --dist staging -q",
        "bundle --dist staging -o a.bundle -q",
        "verify a.bundle out -q",
        "unbundle a.bundle --out far --quiet",
        "release 8.5.0 --dist staging -q",
        "rollback --dist staging --to 8.5.0 -q",
        "include nginx --dist staging --at link -q",
        "cache prune -q",
        "bundle --dist staging -o b.bundle --since a.bundle -q",
        "release --remove 8.5.0 --dist staging --reason x -q",
        "promote beta@1.0.0 --from staging --to production -q",
    ] {
        let arguments: Vec<_> = arguments.split(' ').collect();
        check(&case.run(&arguments), 0, "");
    }
}

#[test]
fn the_number_of_threads_can_be_set_where_packages_or_files_are_read() {
    let case = good();
    for arguments in [
        "build --dist staging",
        "check --dist staging",
        "which beta --kibana 8.17.3 --dist staging",
        "add packages/staging/beta/1.0.0 --to production --dry-run",
        "diff out/staging out/staging",
        "bundle --dist staging --output a.bundle",
        "unbundle a.bundle --out far",
        "verify far",
    ] {
        let arguments: Vec<_> = arguments.split(' ').chain(["--jobs", "1"]).collect();
        let Run { code, stderr, .. } = case.run(&arguments);
        assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
    }
}

/// Colours are for terminals, and whoever asks for them.
#[test]
fn messages_are_coloured_when_asked_for() {
    let case = good().broken("packages/production", "gamma", "1.0.0");
    let plain = case.run(&["check", "--dist", "production", "--quiet"]).stderr;
    assert!(plain.contains("\nhint: ") && !plain.contains('\x1b'), "{plain}");
    let strip = |text: &str| {
        let parts =
            text.split('\x1b').map(|part| part.strip_prefix('[').map_or(part, |rest| rest.split_once('m').unwrap().1));
        parts.collect::<String>()
    };
    let arguments = ["check", "--dist", "production", "--quiet", "--color"];
    let run = |color: &str, no_color: &str| {
        let mut command = case.command(&[&arguments[..], &[color]].concat());
        let output = command.env("NO_COLOR", no_color).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(run("never", ""), plain);
    assert_eq!(run("auto", "1"), plain);
    for no_color in ["", "1"] {
        let painted = run("always", no_color);
        assert!(painted.starts_with("\x1b[1;31merror:\x1b[0m open manifest.yml"), "{painted}");
        assert_eq!(strip(&painted), plain);
    }
    for (arguments, said) in [
        (["check", "--dist", "nope", "--color", "always"], "unknown distribution"),
        (["check", "--dist", "--bogus", "--color", "always"], "--bogus"),
    ] {
        let run = case.run(&arguments);
        assert!(run.code == 2 && run.stderr.contains('\x1b') && run.stderr.contains(said), "{run:?}");
        let plain = case.run(&arguments[..3]).stderr;
        assert!(!plain.contains('\x1b'), "{plain}");
        assert_eq!(strip(&run.stderr), plain);
    }
}

#[test]
fn verbose_commands_say_what_they_read() {
    let case = good();
    let run = case.run(&["check", "--dist", "staging", "-v"]);
    let expected = str![[r#"
note: there is no `epr-build.yml` here; the built-in distributions are used
note: layer `production` is read from `packages/production`
note: layer `staging` is read from `packages/staging`

"#]];
    snapbox::assert_data_eq!(run.stderr, expected);
    let case = case.config("listen: 8081");
    let run = case.run(&["check", "--dist", "production", "--verbose"]);
    assert!(run.stderr.starts_with("note: the configuration is `epr-build.yml`\n"), "{run:?}");
    let case = (0..25).fold(case, |case, minor| case.broken("packages/production", "gamma", &format!("1.{minor}.0")));
    assert_eq!(case.run(&["--dist", "production", "-v"]).stderr.matches("error: ").count(), 25);
}

/// One of a thing is not spoken of as several.
#[test]
fn numbers_agree_with_their_nouns() {
    let case = Case::new().package("packages/production", "alpha", "1.0.0", "").package("other", "alpha", "1.0.0", "");
    let case = case.broken("other", "beta", "1.0.0");
    let mut said = String::new();
    for arguments in [
        "--dist production",
        "generations --dist production",
        "release 8.5.0 --dist production",
        "release --list --dist production",
        "cache info",
        "cache prune",
        "log alpha",
        "publish --dist production --to file://DIR/store",
        "release --kibana 8.6.0 --only-compatible --dist production",
        "diff packages/production other",
    ] {
        let arguments = arguments.replace("DIR", case.path("").to_str().unwrap().trim_end_matches('/'));
        let run = case.run(&arguments.split(' ').collect::<Vec<_>>());
        said += &format!("{}{}", run.stdout, run.stderr);
    }
    for words in ["1 version of 1 package", "1 package and ", "in 1 generation", "1 path to", "1 package in `other` is"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    let words: Vec<_> = said.split_whitespace().collect();
    for pair in words.windows(2) {
        assert!(pair[0] != "1" || !pair[1].trim_end_matches([',', '.']).ends_with('s'), "{pair:?}: {said}");
    }
}

#[test]
fn old_spellings_still_work() {
    let case = good();
    check(&case.run(&["--dist", "staging", "-q"]), 0, "");
    let log = |arguments: &[&str]| case.run(&[&["log", "beta"], arguments].concat());
    let json = log(&["--format", "json"]);
    assert!(json.code == 0 && json.stdout.starts_with("[\n"), "{json:?}");
    for arguments in [&["--json"][..], &["--json", "--format", "json"]] {
        assert_eq!(log(arguments).stdout, json.stdout, "{arguments:?}");
    }
    let contradiction = str![[r#"
error: --json contradicts --format text
hint: leave out one of the two

"#]];
    check(&log(&["--json", "--format", "text"]), 2, contradiction);
    let target = format!("file://{}", case.path("origin").display());
    for option in ["--jobs", "--requests"] {
        let run = case.run(&["publish", "--dist", "staging", "--to", &target, option, "2"]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{option}");
    }
    for hidden in [["log", "--json"], ["publish", "--jobs"]] {
        assert!(!case.run(&[hidden[0], "--help"]).stdout.contains(hidden[1]), "{hidden:?}");
    }
}

/// An option that has no effect without another one is refused, rather than ignored.
#[test]
fn options_that_need_another_one_say_so() {
    for (arguments, missing) in [
        (
            ["release", "8.5.0", "--dist", "staging", "--config", "x.yml"].as_slice(),
            "--only-compatible|--select <NAME>",
        ),
        (&["diff", "a", "b", "--config", "x.yml"], "--dist <NAME>"),
        (&["build", "--dist", "staging", "--reason", "x"], "--allow-policy <RULE=PACKAGE@VERSION>"),
    ] {
        let run = Case::new().run(arguments);
        assert!(run.code == 2 && run.stderr.contains(missing), "{arguments:?} {run:?}");
    }
}
