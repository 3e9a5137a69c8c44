//! Keep files: written from a Kibana that is asked, listed, and compared with what a layer holds.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::upstream::{Answer, Upstream};
use super::world::{Sample, World};
use crate::harness::{Case, Run};
use std::path::Path;
use std::process::Output;

/// 2026-11-28T22:00:00Z, as in the expected files.
const TAKEN: &str = "1795903200";

/// The paths of a Kibana, each with the file of a case that answers it.
const PATHS: [(&str, &str); 8] = [
    ("/api/status", "status"),
    ("/api/fleet/settings", "settings"),
    ("/api/fleet/epm/verification_key_id", "key"),
    (
        "/api/saved_objects/_find?type=epm-packages&per_page=1000&page=1&fields=name&fields=version&fields=install_version\
         &fields=install_status&fields=install_source&fields=previous_version&fields=previous_dependency_versions\
         &fields=dependencies&fields=is_dependency_of&fields=pending_upgrade_review",
        "stored",
    ),
    ("/api/fleet/epm/packages?prerelease=true", "shown"),
    ("/api/fleet/epm/packages/installed?perPage=1000&sortOrder=asc", "installed"),
    ("/api/fleet/package_policies?perPage=1000&page=1", "policies"),
    ("/api/spaces/space", "spaces"),
];

fn fixture(case: &str, file: &str) -> Option<Vec<u8>> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keep").join(case).join(file)).ok()
}

/// A Kibana that answers as a case says, below a path.
fn kibana(case: &str, below: &str) -> Upstream {
    let kibana = Upstream::start();
    for (path, file) in PATHS {
        if let Some(bytes) = fixture(case, &format!("{file}.json")) {
            kibana.answer(&format!("{below}{path}"), Answer::ok(&bytes));
        }
    }
    kibana
}

fn run_at(case: &Case, time: &str, arguments: &[&str]) -> Run {
    let mut command = case.command(arguments);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    let Output { status, stdout, stderr } = command.env("SOURCE_DATE_EPOCH", time).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: status.code().unwrap(), stdout: text(stdout), stderr: text(stderr) }
}

fn ask(case: &Case, url: &str, more: &[&str]) -> Run {
    let arguments = ["keep", "import", "--kibana", url, "--api-key-file", "key", "--output", "site.keep"];
    run_at(case, TAKEN, &[&arguments[..], more].concat())
}

fn text(case: &Case) -> String {
    std::fs::read_to_string(case.path("site.keep")).unwrap()
}

#[test]
fn a_kibana_is_asked_and_the_file_written() {
    let kibana = kibana("8.19", "/base");
    let case = Case::new().file("key", "aWQ6c2VjcmV0\n");
    let run = ask(&case, &format!("{}/base/", kibana.url()), &[]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    assert_eq!(text(&case).as_bytes(), fixture("8.19", "expected.keep").unwrap());
    assert!(run.stdout.starts_with("site.keep: Kibana 8.19.5, 5 versions of 3 package names\n"), "{run:?}");
    for asked in kibana.asked() {
        let header = |name: &str| asked.headers.get(name).map(String::as_str).unwrap_or_default();
        assert_eq!(header("authorization"), "ApiKey aWQ6c2VjcmV0", "{}", asked.path);
        assert_eq!((header("kbn-xsrf"), header("elastic-api-version")), ("epr-build", "2023-10-31"));
    }
    // The same again gives the same bytes, and says so.
    let again = ask(&case, &format!("{}/base", kibana.url()), &["--format", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        (&answer["written"], &answer["added"], &answer["gone"]),
        (&true.into(), &serde_json::json!([]), &serde_json::json!([]))
    );
    assert_eq!(text(&case).as_bytes(), fixture("8.19", "expected.keep").unwrap());
}

#[test]
fn a_complete_file_is_not_replaced_by_one_that_is_not() {
    let whole = kibana("8.19", "");
    let case = Case::new().file("key", "aWQ6c2VjcmV0");
    assert_eq!(ask(&case, &whole.url(), &[]).code, 0);
    whole.answer(PATHS[3].0, Answer::status(403));
    let run = ask(&case, &whole.url(), &[]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr.contains("warning: site.keep: the packages as Kibana stores them may not be read (403 Forbidden)"),
        "{run:?}"
    );
    assert!(run.stderr.contains("error: site.keep was not written: the file that is there is complete"), "{run:?}");
    assert_eq!(text(&case).as_bytes(), fixture("8.19", "expected.keep").unwrap());
    let run = ask(&case, &whole.url(), &["--force"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(text(&case).contains("complete: no") && text(&case).contains("# note: the packages as Kibana stores them"));
    // A complete one takes the place of one that is not.
    whole.answer(PATHS[3].0, Answer::ok(&fixture("8.19", "stored.json").unwrap()));
    assert_eq!(ask(&case, &whole.url(), &[]).code, 0);
    // Another Kibana, by a slip.
    let other = kibana("9.2", "");
    let run = ask(&case, &other.url(), &[]);
    assert!(run.code == 1 && run.stderr.contains("would be gone: is it the same Kibana?"), "{run:?}");
}

#[test]
fn what_is_no_kibana_or_not_there_changes_nothing() {
    let case = Case::new().file("key", "aWQ6c2VjcmV0").file("other.keep", "# somebody's notes\n");
    let run = ask(&case, "http://127.0.0.1:9", &[]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.stderr.starts_with("error: Kibana could not be reached: no connection"), "{run:?}");
    let elsewhere = Upstream::start();
    let kibana = kibana("8.19", "");
    kibana.answer(
        "/api/status",
        Answer::redirect(302, &format!("http://localhost:{}/x", elsewhere.address.split(':').nth(1).unwrap())),
    );
    let run = ask(&case, &kibana.url(), &[]);
    assert!(run.code == 2 && run.stderr.contains("which the configuration does not name"), "{run:?}");
    assert!(elsewhere.asked().is_empty());
    kibana.answer("/api/status", Answer::ok(b"<html>Log in</html>"));
    let run = ask(&case, &kibana.url(), &[]);
    assert!(run.code == 2 && run.stderr.contains("is no JSON") && run.stderr.contains("hint: is it Kibana"), "{run:?}");
    kibana.answer("/api/status", Answer::status(401));
    let run = ask(&case, &kibana.url(), &[]);
    assert!(run.code == 2 && run.stderr.contains("does not accept the API key (401)"), "{run:?}");
    assert!(!case.path("site.keep").exists());
    // Nothing is written over that is no keep file.
    let over =
        ["keep", "import", "--kibana", &kibana.url(), "--api-key-file", "key", "--output", "other.keep", "--force"];
    let run = case.run(&over);
    assert!(run.code == 2 && run.stderr.contains("a keep file begins with"), "{run:?}");
    assert_eq!(std::fs::read_to_string(case.path("other.keep")).unwrap(), "# somebody's notes\n");
    let run = case.run(&["keep", "import", "--from", "key", "--output", "site.txt"]);
    assert!(run.code == 2 && run.stderr.contains("does not end in `.keep`"), "{run:?}");
}

/// The registry that Kibana asks is down: Fleet's own list does not come, and the others do.
#[test]
fn a_list_that_does_not_come_is_not_missed_where_others_have_all() {
    let kibana = kibana("8.19", "");
    kibana.answer("/api/fleet/epm/packages?prerelease=true", Answer::status(502));
    let case = Case::new().file("key", "aWQ6c2VjcmV0");
    let run = ask(&case, &kibana.url(), &[]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    assert_eq!(text(&case).as_bytes(), fixture("8.19", "expected.keep").unwrap());
}

#[test]
fn saved_answers_are_read_and_files_are_listed() {
    let mut case = Case::new();
    let mut arguments = vec!["keep", "import", "--output", "site.keep", "--from"];
    for (_, file) in PATHS {
        if let Some(bytes) = fixture("8.15", &format!("{file}.json")) {
            case = case.file(&format!("{file}.json"), &String::from_utf8(bytes).unwrap());
        }
    }
    let files: Vec<_> =
        PATHS.iter().map(|(_, file)| format!("{file}.json")).filter(|file| case.path(file).exists()).collect();
    arguments.extend(files.iter().map(String::as_str));
    let run = run_at(&case, "1700000000", &arguments);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    // Their age is that of the oldest file, and none is newer than now.
    assert!(text(&case).contains("taken: 2023-11-14T22:13:20Z"), "{}", text(&case));
    let case = case.file("b.keep", "# epr-build keep 1\n# kibana: 9.1.3 prerelease: no taken: 2026-01-01T00:00:00Z complete: yes\nnginx@1.20.0 rollback\n");
    let run = case.run(&["keep", "list", "*.keep", "--format", "csv"]);
    let lines: Vec<_> = run.stdout.lines().collect();
    assert_eq!(lines[0], "name,version,site,reasons,source,optional,kibana,prerelease,taken,complete,key");
    assert!(lines.iter().any(|line| line.starts_with("acme,0.3.0,site,policy,upload,no,8.15.")), "{run:?}");
    let [here, there] = &lines[lines.len() - 2..] else { panic!("{run:?}") };
    assert_eq!(*here, "nginx,1.20.0,b,rollback,,no,9.1.3,no,2026-01-01T00:00:00Z,yes,");
    assert!(there.starts_with("nginx,1.20.0,site,installed policy,registry,no,8.15."), "{run:?}");
    let run = case.run(&["keep", "list", "site.keep", "b.keep"]);
    assert!(run.stdout.contains("nginx 1.20.0\n  b                  rollback\n  site "), "{run:?}");
    assert!(
        run.stdout.starts_with("b: Kibana 9.1.3, taken 2026-01-01T00:00:00Z, complete, 1 version\nsite: Kibana 8.15."),
        "{run:?}"
    );
    let run = case.run(&["keep", "list", "site.keep", "--format", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let site = &answer["sites"][0];
    assert_eq!(
        (&site["site"], &site["complete"], &site["taken"]),
        (&"site".into(), &true.into(), &"2023-11-14T22:13:20Z".into())
    );
    assert_eq!(site["versions"], answer["versions"].as_array().unwrap().len());
    // What was cut off on the way is no keep file.
    let cut = text(&case);
    let case = case.file("cut.keep", &cut[..cut.len() - 5]);
    let run = case.run(&["keep", "list", "cut.keep"]);
    assert!(run.code == 2 && run.stderr.contains("cut.keep:"), "{run:?}");
    let run = case.run(&["keep", "list", "no*.keep"]);
    assert!(run.code == 2 && run.stderr.contains("hint: "), "{run:?}");
}

/// The pins of a site, in a file of it.
pub(super) fn keep_file(kibana: &str, taken: &str, complete: &str, lines: &str) -> String {
    format!("# epr-build keep 1\n# kibana: {kibana}   prerelease: no   taken: {taken}   complete: {complete}\n{lines}")
}

#[test]
fn a_layer_is_checked_against_what_sites_have() {
    let samples = [Sample::new("alpha", "1.0.0"), Sample::new("beta", "1.0.0")];
    let world = World::new(&samples, "keys: trusted.asc", "");
    assert_eq!(world.mirror("").code, 0);
    let check = |lines: &str, more: &[&str]| {
        let file = keep_file("8.19.5", "2025-06-01T00:00:00Z", "yes", lines);
        std::fs::write(world.case.path("site.keep"), file).unwrap();
        let arguments = ["keep", "check", "site.keep", "--layer", "up"];
        let Output { status, stdout, stderr } = world.command(&[&arguments[..], more].concat()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run { code: status.code().unwrap(), stdout: text(stdout), stderr: text(stderr) }
    };
    let run = check("alpha@1.0.0 installed registry\nbeta@1.0.0 policy\n", &[]);
    assert_eq!(
        (run.code, run.stdout.as_str(), run.stderr.as_str()),
        (0, "1 site, 2 versions: all held\n  of these           1 from a registry, 1 of unknown source\n", ""),
        "{run:?}"
    );
    let run = check("alpha@0.4.0 installed\n", &[]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr
            .contains("error: site.keep: alpha@0.4.0 is installed and nobody has it: not upstream, not held\nhint: "),
        "{run:?}"
    );
    // Of a package that is not there at all nothing can be installed again.
    let run = check("gamma@0.5.0 installed\n", &["--format", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let messages: Vec<_> =
        answer["problems"].as_array().unwrap().iter().map(|one| one["message"].as_str().unwrap()).collect();
    let cannot = "Kibana 8.19.5 accepts no version of gamma, so it cannot reinstall 0.5.0 that site has installed";
    assert!(run.code == 1 && messages.len() == 2 && messages[1] == cannot, "{run:?}");
    // What Kibana has in its own files, and what nobody but the site has.
    let run = check("apm@9.1.3 installed bundled optional\nacme@0.1.0 installed upload\n", &[]);
    assert_eq!(run.code, 0, "{run:?}");
    let bundled = "note: site.keep: apm@9.1.3 is installed, and Kibana has it itself: no registry needs to\n";
    assert!(run.stderr.contains(bundled) && run.stderr.matches("apm").count() == 1, "{run:?}");
    assert!(
        run.stdout.contains("  of these           1 bundled with Kibana, 1 uploaded\n"),
        "as imports say it: {run:?}"
    );
    assert!(run.stderr.contains("were uploaded or made in Kibana, and no registry has them: acme 0.1.0"), "{run:?}");
    // Listed, and not held yet.
    world.serve(&[&samples[..], &[Sample::new("beta", "1.1.0")]].concat());
    world.mirror("--only alpha");
    let run = check("beta@1.1.0 installed\n", &[]);
    assert!(
        run.code == 1
            && run.stderr.contains("is installed and not held; an upstream lists it\nhint: run `epr-build mirror up`"),
        "{run:?}"
    );
    // A zip that is there and is none is no version that was never fetched: a run of the mirror leaves it alone.
    std::fs::write(world.case.path("up/alpha/alpha-1.0.0.zip"), "no zip").unwrap();
    let run = check("alpha@1.0.0 installed registry\n", &[]);
    assert!(
        run.code == 1
            && run
                .stderr
                .contains("alpha@1.0.0 is installed, and alpha/alpha-1.0.0.zip in layer `up` is damaged or refused: ")
            && run.stderr.contains("hint: move it away, and run `epr-build mirror up`"),
        "{run:?}"
    );
    let run = world.case.run(&["keep", "check", "--layer", "up"]);
    assert!(run.code == 2 && run.stderr.contains("layer `up` has no keep file"), "{run:?}");
}
