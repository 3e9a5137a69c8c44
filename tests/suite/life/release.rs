//! Releases: hosted beside what moves on, never changed, never forgotten, and never half there.

use crate::built::{Generation, program, run, sample_packages};
use crate::conformance;
use crate::crash::{can_trace, spread, traced};
use crate::harness::{Case, Run};
use crate::image::static_program;
use crate::routers::client::Client;
use crate::routers::{apache, caddy, haproxy};
use crate::running::{self, Running};
use epr_build::build::verify::same;
use epr_build::generation::distribution::Distribution;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A distribution of its own: servers keep state in files that are named after it.
const DISTRIBUTION: &str = "released";

/// Starts a server for the distribution below a folder; `None` where the server is absent.
type Start = fn(&Path) -> Option<Running>;

const SERVERS: [(&str, Start); 4] = [
    ("serve", |home| Some(conformance::serve(home, DISTRIBUTION))),
    ("nginx", |home| conformance::nginx(home, DISTRIBUTION)),
    ("apache", |home| apache::start_generated(&current(home))),
    ("caddy", |home| Some(caddy::start_generated(&running::binary("caddy")?, &home.join("out").join(DISTRIBUTION)))),
];

fn current(home: &Path) -> PathBuf {
    fs::canonicalize(home.join("out").join(DISTRIBUTION).join("current")).unwrap()
}

fn succeed(home: &Path, arguments: &[&str]) -> String {
    let run = run(program(home).args(arguments).args(["--dist", DISTRIBUTION]));
    assert_eq!(run.status, Some(0), "{arguments:?} {run:#?}");
    run.stdout
}

/// Bytes that a folder takes on the disk, each file once.
fn used(folder: &Path) -> u64 {
    let mut seen = BTreeSet::new();
    let entries = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap().metadata().unwrap());
    entries.filter(|stat| seen.insert((stat.dev(), stat.ino()))).map(|stat| stat.blocks() * 512).sum()
}

/// The sample packages below a prefix, released as 8.5.0, for one Kibana as 8.4.0, and built again without a package.
fn moved_on(prefix: &str) -> (TempDir, Generation, Generation, Generation) {
    let home = TempDir::new().unwrap();
    let packages = home.path().join("packages");
    assert!(Command::new("cp").arg("-r").arg(sample_packages()).arg(&packages).status().unwrap().success());
    let layers = format!("{{layers: [production, staging], prefix: '{prefix}'}}");
    fs::write(home.path().join("epr-build.yml"), format!("distributions: {{{DISTRIBUTION}: {layers}}}\n")).unwrap();
    succeed(home.path(), &["build"]);
    let out = home.path().join("out");
    let before = Generation::open(&out, DISTRIBUTION);
    let bytes = used(&out);
    let told = succeed(home.path(), &["release", "8.5.0"]);
    assert!(told.contains(&format!("{prefix}/release/8.5.0/")), "{told}");
    let more = used(&out) - bytes;
    println!("a release of {bytes} bytes takes {more} more");
    assert!(more < bytes / 20, "{more} of {bytes}");
    succeed(home.path(), &["release", "8.4.0", "--kibana", "8.4.0", "--only-compatible"]);
    fs::remove_dir_all(packages.join("production/acme_access")).unwrap();
    succeed(home.path(), &["build", "--keep", "1"]);
    let after = Generation::open(&out, DISTRIBUTION);
    let only = fs::canonicalize(out.join(DISTRIBUTION).join("releases/8.4.0/manifest.json")).unwrap();
    let only = Generation::at(only.parent().unwrap());
    (home, before, after, only)
}

/// Every server answers from the generation in use and, below their paths, from the releases, as each alone would.
fn check_servers(prefix: &str) {
    let (home, before, after, only) = moved_on(prefix);
    assert_ne!(before.folder, after.folder);
    let targets = [
        "/search",
        "/search?prerelease=true",
        "/search?kibana.version=8.5.0",
        "/search?package=acme_access&kibana.version=8.4.0",
        "/search?category=security&all=false",
        "/categories",
        "/categories?prerelease=true&include_policy_templates=true",
        "/index.json",
        "/package/acme_http_poll/1.0.0/",
    ];
    for (name, start) in SERVERS {
        let Some(server) = start(home.path()) else { continue };
        let mut client = Client::connect(&server.address);
        for (path, generation) in [("", &after), ("/release/8.5.0", &before), ("/release/8.4.0", &only)] {
            for target in targets {
                let answer = client.get(&format!("{prefix}{path}{target}"));
                let expected = match generation.find(target) {
                    Some(bytes) => (200, bytes),
                    None => (404, b"package revision not found\n".to_vec()),
                };
                assert!(
                    (answer.status, &answer.body) == (expected.0, &expected.1),
                    "{name}: {path}{target}: {answer:?}"
                );
            }
        }
        let gone = "/package/acme_access/1.0.0/manifest.yml";
        assert_eq!(client.get(&format!("{prefix}{gone}")).status, 404, "{name}");
        let kept = client.get(&format!("{prefix}/release/8.5.0{gone}"));
        assert_eq!((kept.status, kept.body), (200, before.get(gone)), "{name}");
        let zip = "/epr/acme_access/acme_access-1.0.0.zip";
        let kept = client.send("GET", &format!("{prefix}/release/8.5.0{zip}"), &[("Range", "bytes=0-9")]);
        assert_eq!((kept.status, kept.body), (206, before.get(zip)[..10].to_vec()), "{name}");
        let moved = client.get(&format!("{prefix}/release/8.5.0/search/?a=b"));
        assert_eq!(moved.header("location"), Some(format!("{prefix}/release/8.5.0/search?a=b").as_str()), "{name}");
        assert_eq!(client.get(&format!("{prefix}/release/9.9.9/search")).status, 404, "{name}");
        assert_eq!(client.get(&format!("{prefix}/release/8.5.0/nothing")).status, 404, "{name}");
        assert_eq!(client.get(&format!("{prefix}/release/8.5.0/../../search")).body, after.get("/search"), "{name}");
        assert_eq!(client.send("OPTIONS", &format!("{prefix}/release/8.5.0/search"), &[]).status, 204, "{name}");
    }
}

/// HAProxy serves a release as a process of its own, on the same path.
#[test]
fn haproxy_answers_from_a_release() {
    let (home, before, _, _) = moved_on("/epr");
    let release = home.path().join("out").join(DISTRIBUTION).join("releases/8.5.0");
    let Some(server) = haproxy::start_release(&release, &home.path().join("origin")) else { return };
    let mut client = Client::connect(&server.address);
    for target in ["/search", "/search?kibana.version=8.5.0", "/categories", "/package/acme_access/1.0.0/manifest.yml"]
    {
        let answer = client.get(&format!("/epr/release/8.5.0{target}"));
        assert!((answer.status, &answer.body) == (200, &before.get(target)), "{target}: {answer:?}");
    }
    assert_eq!(client.get("/epr/search").status, 404);
}

#[test]
fn every_server_answers_from_releases() {
    check_servers("");
}

#[test]
fn every_server_answers_from_releases_below_a_path() {
    check_servers("/epr/mine");
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn built() -> Case {
    let case = Case::new()
        .config(&format!("distributions: {{{DISTRIBUTION}: [snapshot]}}\n"))
        .package("packages/snapshot", "acme", "1.0.0", "one")
        .package("packages/snapshot", "other", "1.0.0", "other");
    good(&case, &["build", "--quiet"]);
    case
}

fn ran(case: &Case, arguments: &[&str]) -> Run {
    case.run(&[arguments, &["--dist", DISTRIBUTION]].concat())
}

fn good(case: &Case, arguments: &[&str]) -> String {
    let run = ran(case, arguments);
    assert_eq!(run.code, 0, "{arguments:?} {run:#?}");
    run.stdout
}

fn id(case: &Case) -> String {
    distribution(case).current().unwrap()
}

fn distribution(case: &Case) -> Distribution {
    Distribution::new(&case.path("out"), DISTRIBUTION)
}

/// Changes the package and builds.
fn edit(case: &Case, text: &str, options: &[&str]) {
    fs::write(case.path("packages/snapshot/acme/1.0.0/docs/README.md"), format!("# {text}\n")).unwrap();
    good(case, &[&["build", "--quiet"], options].concat());
}

/// A running server takes over releases that are made and removed, and a second release of a name.
#[test]
fn the_server_takes_over_releases() {
    let case = built();
    let server = conformance::serve(&case.path("."), DISTRIBUTION);
    let mut client = Client::connect(&server.address);
    let file = "/release/8.5.0/package/acme/1.0.0/docs/README.md";
    assert_eq!(client.get(file).status, 404);
    for text in ["first", "second"] {
        edit(&case, text, &[]);
        good(&case, &["release", "8.5.0"]);
        wait_until("the release", || client.get(file).body == format!("# {text}\n").as_bytes());
        edit(&case, "something else", &[]);
        assert_eq!(client.get(file).body, format!("# {text}\n").as_bytes());
        good(&case, &["release", "--remove", "8.5.0", "--reason", "a test"]);
        wait_until("its end", || client.get(file).status == 404);
    }
}

/// What is said, in the order in which it happens.
#[test]
fn a_name_stands_for_one_content() {
    let case = built();
    let first = id(&case);
    assert!(
        good(&case, &["release", "8.5.0"])
            .starts_with(&format!("{DISTRIBUTION}: release 8.5.0 is generation {first}\n"))
    );
    let again = good(&case, &["release", "8.5.0"]);
    assert_eq!(again, format!("{DISTRIBUTION}: release 8.5.0 already exists, as generation {first}\n"));
    edit(&case, "other", &[]);
    let second = id(&case);
    let tree = case.tree();
    let refused = format!(
        "error: release 8.5.0 of `{DISTRIBUTION}` is already generation {first}, and cannot become {second}\n\
         hint: choose another name, or first run `epr-build release --remove 8.5.0 --dist {DISTRIBUTION} --reason TEXT`\n"
    );
    let run = ran(&case, &["release", "8.5.0"]);
    assert_eq!((run.code, run.stderr), (2, refused));
    good(&case, &["release", "8.5.0", "--generation", &first]);
    for (arguments, words) in [
        (["release", "../8.6.0"].as_slice(), "`../8.6.0` is not a stack version\nhint: write for example `8.5.0`"),
        (&["release", "latest"], "not a stack version"),
        (
            &["release", "8.6.0", "--generation", "8.5.1"],
            "has no generation or release `8.5.1`\nhint: did you mean `8.5.0`?",
        ),
        (&["release", "--remove", "8.5.1", "--reason", "x"], "has no release `8.5.1`\nhint: did you mean `8.5.0`?"),
        (&["release", "--remove", "8.5.0"], "--reason"),
        (&["release", "--remove", "8.5.0", "--reason", ""], "--reason"),
        (&["release", "8.6.0", "--kibana", "8.6.0"], "--only-compatible"),
        (&["release", "8.6.0", "--only-compatible"], "--kibana"),
        (&["release"], "VERSION"),
        (&["rollback", "--to", "8.7"], "has no generation or release `8.7`"),
    ] {
        let run = ran(&case, arguments);
        assert!(run.code == 2 && run.stderr.contains(words), "{arguments:?} {run:#?}");
    }
    let changed: Vec<_> = case.tree().into_iter().filter(|(path, seen)| tree.get(path) != Some(seen)).collect();
    assert!(changed.iter().all(|(path, _)| path.ends_with(".lock")), "a refusal writes nothing: {changed:?}");
    assert_eq!(good(&case, &["release", "--list"]), format!("8.5.0        {first}  2 versions of 2 packages\n"));
    let listed = good(&case, &["generations"]);
    let is_pinned = |line: &str| {
        line.starts_with(&format!("{first}  2 versions of 2 packages  ")) && line.ends_with("  release 8.5.0")
    };
    assert!(listed.lines().any(is_pinned), "{listed}");
    good(&case, &["rollback", "--to", "8.5.0"]);
    assert_eq!(id(&case), first);
    let told = good(&case, &["release", "--remove", "8.5.0", "--reason", "nobody uses it"]);
    assert_eq!(told, format!("{DISTRIBUTION}: release 8.5.0 is removed; generation {first} is still in use\n"));
    let log = fs::read_to_string(case.path(&format!("out/{DISTRIBUTION}/releases.log"))).unwrap();
    // Each line ends with a sum.
    let said = |line: &str| line.split_once(",\"sum\":").map(|(said, _)| format!("{said}}}\n"));
    assert_eq!(
        log.lines().map(|line| said(line).unwrap()).collect::<String>(),
        format!(
            "{{\"generation\":\"{first}\",\"released\":\"8.5.0\"}}\n\
             {{\"generation\":\"{first}\",\"reason\":\"nobody uses it\",\"removed\":\"8.5.0\"}}\n"
        )
    );
    // Now the name is free.
    good(&case, &["release", "8.5.0", "--generation", &second]);
}

/// Builds that keep one generation and the pruning of the store leave a release whole, until it is removed.
#[test]
fn a_release_is_never_forgotten() {
    let case = built();
    let first = id(&case);
    good(&case, &["release", "8.5.0"]);
    for round in 0..12 {
        edit(&case, &format!("round {round}"), &["--keep", "1"]);
    }
    assert_eq!(case.run(&["cache", "prune"]).code, 0);
    assert_eq!(distribution(&case).generations().unwrap(), [id(&case), first.clone()]);
    assert!(
        fs::read_to_string(
            case.path(&format!("out/{DISTRIBUTION}/releases/8.5.0/site/package/acme/1.0.0/docs/README.md"))
        )
        .unwrap()
        .contains("one")
    );
    let verified = case.run(&["verify", "out"]);
    assert_eq!(verified.code, 0, "{verified:#?}");
    let rules = case.path(&format!("out/{DISTRIBUTION}/releases/8.5.0/hosts/nginx/release.inc"));
    let text = fs::read(&rules).unwrap();
    fs::write(&rules, [&text[..], b"#"].concat()).unwrap();
    let verified = case.run(&["verify", "out"]);
    assert!(verified.code == 1 && format!("{verified:?}").contains("release.inc is damaged"), "{verified:#?}");
    fs::write(&rules, text).unwrap();
    fs::write(case.path(&format!("out/{DISTRIBUTION}/releases/README")), "no release").unwrap();
    let told = good(&case, &["release", "--remove", "8.5.0", "--reason", "x"]);
    assert!(told.contains("is now kept like any other"), "{told}");
    edit(&case, "at last", &["--keep", "1"]);
    assert_eq!(distribution(&case).generations().unwrap(), [id(&case)]);
}

/// Killed at any call that writes, a release is whole or not there, and the next attempt gives the same as without.
#[test]
fn a_kill_leaves_no_half_release() {
    if !can_trace() {
        return;
    }
    let case = built();
    let place = case.path(&format!("out/{DISTRIBUTION}/releases/8.5.0"));
    let reference = case.path(&format!("out/{DISTRIBUTION}/reference"));
    good(&case, &["release", "8.5.0"]);
    fs::create_dir(&reference).unwrap();
    assert!(Command::new("cp").arg("-a").arg(&place).arg(&reference).status().unwrap().success());
    let reference = reference.join("8.5.0");
    let remove = ["release", "--remove", "8.5.0", "--reason", "x", "--dist", DISTRIBUTION];
    let make = ["release", "8.5.0", "--dist", DISTRIBUTION];
    let mut killed = 0;
    for (call, last) in [
        ("symlinkat", 6),
        ("mkdirat", 6),
        ("openat", 40),
        ("write", 20),
        ("linkat", 12),
        ("utimensat", 24),
        ("rename", 2),
        ("unlinkat", 20),
    ] {
        for number in spread(1, last, 5) {
            for arguments in [&remove[..], &make[..]] {
                let inject = format!("inject={call}:signal=KILL:when={number}");
                let (code, stderr) =
                    traced(&case, &["-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject], arguments);
                killed += usize::from(code.is_none());
                assert!(matches!(code, None | Some(0 | 2)), "{call} {number}: {stderr}");
                let there = distribution(&case).releases().unwrap();
                assert_eq!(there.len(), usize::from(place.exists()), "{call} {number}");
                if place.exists() {
                    same(&place, &reference).unwrap_or_else(|error| panic!("{call} {number}: {error:#}"));
                }
            }
            good(&case, &["release", "8.5.0"]);
            same(&place, &reference).unwrap_or_else(|error| panic!("{call} {number}: {error:#}"));
        }
    }
    println!("killed {killed} times");
    assert!(killed > 20, "{killed}");
    edit(&case, "after", &[]);
    let left = fs::read_dir(case.path(&format!("out/{DISTRIBUTION}"))).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_str().unwrap().starts_with('.')), "the next build clears up");
}

/// What takes a generation takes a release by its name.
#[test]
fn releases_travel_by_name() {
    let case = built();
    let first = id(&case);
    good(&case, &["release", "8.5.0"]);
    edit(&case, "moved on", &[]);
    good(&case, &["bundle", "--generation", "8.5.0", "--output", "epr.bundle"]);
    assert_eq!(case.run(&["unbundle", "epr.bundle", "--out", "far"]).code, 0);
    assert_eq!(Distribution::new(&case.path("far"), DISTRIBUTION).current().as_ref(), Some(&first));
    let store = format!("file://{}", case.path("store").display());
    let told = good(&case, &["publish", "--generation", "8.5.0", "--to", &store]);
    assert!(told.contains(&format!("generation {first} is in use now")), "{told}");
    for command in [["bundle", "--output"], ["publish", "--to"], ["image", "--output"]] {
        let run = ran(&case, &[command[0], command[1], "file:///nowhere", "--generation", "8.5.1"]);
        assert!(
            run.code == 2 && run.stderr.contains("has no generation or release `8.5.1`\nhint: did you mean `8.5.0`?"),
            "{run:#?}"
        );
    }
    let Some(program) = static_program() else { return };
    let program = program.to_str().unwrap();
    let told = good(&case, &["image", "--generation", "8.5.0", "--output", "epr.tar", "--program", program]);
    assert!(told.contains(&format!("epr:{first}, epr:8.5.0")), "{told}");
}

/// What is left for one Kibana answers it as the whole does, and holds nothing that it could not need.
#[test]
fn a_release_for_one_kibana_answers_it_as_the_whole() {
    let home = crate::built::build_samples();
    for kibana in ["7.17.0", "8.4.0", "8.11.2", "9.1.0"] {
        let release = ["release", "--kibana", kibana, "--only-compatible", "--dist", "snapshot"];
        let made = run(program(home.path()).args(release));
        if made.status == Some(2) {
            assert!(made.stderr.contains(&format!("holds nothing for Kibana {kibana}\nhint: ")), "{made:#?}");
            continue;
        }
        assert_eq!(made.status, Some(0), "{made:#?}");
        let again = run(program(home.path()).args(release));
        assert!(again.stdout.contains("already exists"), "{again:#?}");
        let out = home.path().join("out");
        let whole = Generation::open(&out, "snapshot");
        let only = fs::canonicalize(out.join(format!("snapshot/releases/{kibana}/manifest.json"))).unwrap();
        let only = Generation::at(only.parent().unwrap());
        let names: BTreeSet<String> = whole
            .packages()
            .iter()
            .map(|package| package["path"].as_str().unwrap().split('/').nth(2).unwrap().to_owned())
            .collect();
        let version: epr_build::dialect::version::Version =
            epr_build::dialect::version::Version::loose(kibana).unwrap();
        let mut differ = 0;
        for prerelease in [false, true] {
            for name in &names {
                let query = epr_build::answers::questions::query_of_kibana(name, &version, prerelease, None);
                let target = epr_build::answers::questions::question(&query);
                assert_eq!(only.get_json(&target), whole.get_json(&target), "{kibana}: {target}");
                let free = format!("/search?package={name}&all=true&prerelease=true");
                differ += usize::from(only.get_json(&free) != whole.get_json(&free));
            }
            let client = epr_build::config::routing::of_kibana(version.numbers());
            let way =
                if client.experimental { "experimental=true".to_owned() } else { format!("prerelease={prerelease}") };
            let bound = |key: &str, spec: Option<epr_build::package::Spec>| {
                spec.map(|spec| format!("&{key}={}.{}", spec.major, spec.minor)).unwrap_or_default()
            };
            let query = format!(
                "?{way}&kibana.version={kibana}{}{}",
                bound("spec.min", client.spec_min),
                bound("spec.max", client.spec_max)
            );
            for target in
                [format!("/search{query}"), format!("/categories{query}"), format!("/search{query}&category=security")]
            {
                assert_eq!(only.get_json(&target), whole.get_json(&target), "{kibana}: {target}");
            }
        }
        println!(
            "{kibana}: {} of {} versions, {differ} answers without a Kibana differ",
            only.packages().len(),
            whole.packages().len()
        );
        assert!(only.packages().len() <= whole.packages().len());
    }
    let far = home.path().join("out/cache");
    fs::remove_dir_all(far).unwrap();
    let run = run(program(home.path()).args([
        "release",
        "8.99.0",
        "--kibana",
        "8.4.0",
        "--only-compatible",
        "--dist",
        "snapshot",
    ]));
    assert!(run.status == Some(2) && run.stderr.contains("is not remembered\nhint: build again"), "{run:#?}");
}
