//! Who is told of overrides: reports, summaries, pages, `which`, `check` and `diff`; and what is wrong with rules.

use super::{BUILD, EACH, config, run, world};
use crate::built::Generation;
use serde_json::{Value, json};
use std::fs;

/// The line of `which` with description, replacement and reason.
const DEPRECATED: &str =
    "  override           deprecated since 1.0.0 (Use acme; replaced by the package `acme`): nobody keeps it up\n";

#[test]
fn reports_and_summaries_list_them() {
    let case = world().config(&config(&EACH));
    let built = run(&case, &BUILD, 0);
    let line = "  overrides          3 versions hidden, 1 version for other Kibanas, 1 version deprecated; report.json lists them\n";
    assert!(built.stdout.contains(line), "{}", built.stdout);
    let report = case.json("out/production/current/report.json");
    let hidden = |name: &str, version: &str, reason: &str| json!({"name": name, "version": version, "layer": "production", "hidden": {"reason": reason}});
    let expected = json!([
        hidden("acme", "1.2.0", "breaks <b>pipelines</b>"),
        {"name": "beta", "version": "2.0.0", "layer": "production",
            "kibana": {"is": "^9.0.0", "was": "^8.11.0", "reason": "waits for the upgrade"}},
        hidden("gamma", "1.0.0", "not for us"),
        hidden("gamma", "1.1.0", "not for us"),
        {"name": "other", "version": "1.0.0", "layer": "production", "deprecated": {
            "is": {"since": "1.0.0", "description": "Use acme", "replaced_by":
                {"package": "acme", "policy_template": "", "input": "", "data_stream": "", "variable": ""}},
            "reason": "nobody keeps it up"}},
    ]);
    assert_eq!(report["overrides"], expected, "{report:#}");
    let problems: Vec<_> = report["problems"].as_array().unwrap().iter().map(|one| &one["rule"]).collect();
    assert_eq!((&report["versions"], problems), (&json!(8), vec![&json!("hidden-package")]));
    // A check says the same, and writes nothing.
    let checked = run(&case, &["check", "--dist", "production", "--format", "json"], 0);
    let checked: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(checked["distributions"][0]["overrides"], expected);
    case.reconfigure(&config(&[]));
    let built = run(&case, &BUILD, 0);
    assert!(!built.stdout.contains("overrides"), "{}", built.stdout);
    assert_eq!(case.json("out/production/current/report.json").get("overrides"), None);
}

#[test]
fn pages_say_what_the_registry_says_and_what_the_package_says() {
    let case = world().config(&config(&EACH));
    run(&case, &[&BUILD[..], &["--quiet"]].concat(), 0);
    let generation = Generation::open(&case.path("out"), "production");
    let page = |path: &str| String::from_utf8(generation.get(path)).unwrap();
    for (path, words) in [
        (
            "/ui/package/acme/",
            &[
                "hidden: breaks &lt;b&gt;pipelines&lt;",
                "<span class=\"badge bad\">hidden</span>",
                // What is shown in full is what is offered.
                "<span class=\"chip mono\">1.1.0</span>",
                "<a href=\"#overrides\">Overrides</a>",
            ][..],
        ),
        (
            "/ui/package/beta/",
            &[
                "<dt>Kibana</dt><dd class=\"mono\">^9.0.0 <span class=\"badge warn\">override</span> <a href=\"#overrides\">package: ^8.11.0</a></dd>",
                "the kibana constraint is `^9.0.0`, the package says `^8.11.0`: waits for the upgrade",
            ],
        ),
        ("/ui/package/other/", &["<strong>Deprecated since 1.0.0.</strong> Use acme", "nobody keeps it up"]),
        ("/ui/package/gamma/", &["<strong>Hidden.</strong> No Kibana is offered any version", "not for us"]),
        (
            "/ui/distribution/",
            &[
                "<a href=\"#overrides\">Overrides <span class=\"count\">5</span></a>",
                "hidden: breaks &lt;b&gt;pipelines&lt;",
                "waits for the upgrade",
            ],
        ),
        ("/ui/", &["<span class=\"badge bad\">Hidden</span>"]),
    ] {
        let html = page(path);
        for words in words {
            assert!(html.contains(words), "{path}: {words}\n{html}");
        }
    }
    // What no Kibana gets is no news, and in no table of Kibanas.
    let feed = page("/ui/feed.xml");
    assert!(feed.contains("acme:1.1.0") && !feed.contains("acme:1.2.0") && !feed.contains("gamma"), "{feed}");
    let kibanas: Value = serde_json::from_str(&page("/ui/data/kibana.json")).unwrap();
    assert_eq!((&kibanas["gamma"]["newest"], &kibanas["acme"]["newest"]), (&json!([null]), &json!(["1.1.0"])));
    let versions: Value = serde_json::from_str(&page("/ui/data/package/acme.json")).unwrap();
    let marks: Vec<_> = versions["versions"].as_array().unwrap().iter().map(|one| &one["hidden"]).collect();
    assert_eq!(marks, [&Value::Null, &Value::Null, &json!(true)]);
}

#[test]
fn which_says_why() {
    let case = world().config(&config(&EACH));
    let which = |name: &str, kibana: &str, code: i32| {
        run(&case, &["which", name, "--dist", "production", "--kibana", kibana], code).stdout
    };
    let expected = "\
production: Kibana 8.12.0 gets acme 1.1.0 from layer `production`
  package            acme/1.1.0
  it asks            /search?package=acme&prerelease=false&kibana.version=8.12.0&spec.max=3.0
  not 1.2.0          hidden by an override of layer `production`: breaks <b>pipelines</b>
";
    assert_eq!(which("acme", "8.12.0", 0), expected);
    let expected = "  not 2.0.0          the kibana constraint `^9.0.0`, set by an override of layer `production` (waits for the upgrade), excludes this Kibana\n";
    assert!(which("beta", "8.12.0", 0).ends_with(expected), "{}", which("beta", "8.12.0", 0));
    let expected =
        "  override           the kibana constraint is `^9.0.0`, the package says `^8.11.0`: waits for the upgrade\n";
    assert!(which("beta", "9.0.0", 0).contains(expected), "{}", which("beta", "9.0.0", 0));
    assert!(which("other", "8.12.0", 0).contains(DEPRECATED));
    let gone = which("gamma", "8.4.0", 1);
    assert!(gone.starts_with("production: Kibana 8.4.0 gets no version of gamma\n"), "{gone}");
    for version in ["1.0.0", "1.1.0"] {
        let line = format!(
            "  not {version}          hidden by an override of layer `production`: not for us; the kibana constraint `^8.11.0` excludes this Kibana"
        );
        assert!(gone.contains(&line), "{gone}");
    }
    assert!(!gone.contains("does not hold"), "{gone}");
    let json = run(&case, &["which", "acme", "--dist", "production", "--kibana", "8.12.0", "--format", "json"], 0);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    let newer = &json[0]["newer"][0];
    assert_eq!((&newer["version"], &newer["reasons"][0]["rule"]), (&json!("1.2.0"), &json!("hidden")));
    assert_eq!(newer["overrides"], json!({"hidden": {"reason": "breaks <b>pipelines</b>"}}));
    assert_eq!(json[0]["answer"].get("overrides"), None);
}

/// A generation knows from its report what overrides changed, also where there are no layers any more.
#[test]
fn which_says_why_of_a_generation_too() {
    let case = world().config(&config(&EACH)).broken("packages/production", "acme", "1.3.0");
    run(&case, &[&BUILD[..], &["--quiet"]].concat(), 1);
    let which = |name: &str, kibana: &str, code: i32, more: &[&str]| {
        let arguments = ["which", name, "--dist", "production", "--kibana", kibana];
        let answer = |built: &[&str]| {
            let told = run(&case, &[&arguments[..], built, more].concat(), code).stdout;
            let kept = |line: &&str| !line.starts_with("  package ") && !line.starts_with("  generation ");
            told.lines().filter(kept).map(|line| format!("{line}\n")).collect::<String>()
        };
        let (layers, generation) = (answer(&[]), answer(&["--built"]));
        if more.is_empty() {
            assert_eq!(layers, generation, "{name} {kibana}");
        }
        generation
    };
    assert!(which("acme", "8.12.0", 0, &[]).contains("  quarantined "), "what the build refused stands in its report");
    assert!(
        which("beta", "8.12.0", 0, &[]).contains("set by an override of layer `production` (waits for the upgrade)")
    );
    assert!(which("beta", "9.0.0", 0, &[]).contains("  override           the kibana constraint is `^9.0.0`"));
    assert!(which("other", "8.12.0", 0, &[]).contains("  override           deprecated since 1.0.0"));
    let json: Value = serde_json::from_str(&which("other", "8.12.0", 0, &["--format", "json"])).unwrap();
    assert_eq!(json[0]["answer"]["overrides"]["deprecated"]["is"]["since"], "1.0.0");
}

/// A rule that meets nothing is told and changes nothing; a build goes on, unless it is strict.
#[test]
fn rules_that_meet_nothing_are_warnings() {
    for (rule, message, hint) in [
        (
            "package: acmee, hide: yes, reason: x",
            "the override of `acmee` meets no version of layer `production`",
            "did you mean `acme`?",
        ),
        (
            "package: acme, versions: \"1.3.0\", hide: yes, reason: x",
            "the override of `acme 1.3.0` meets no version of layer `production`",
            "the layer holds 1.2.0, 1.1.0, 1.0.0; correct `versions`, or remove the override",
        ),
        (
            "package: [\"x*\", zzz], hide: yes, reason: x",
            "the override of `x*, zzz` meets no version of layer `production`",
            "correct `package` and `versions`, or remove the override",
        ),
        (
            "package: early, versions: \"<2.0.0\", kibana: ^9.0.0, reason: x",
            "the override of `early <2.0.0` meets no version of layer `production`",
            "the layer holds only pre-releases of it, and a constraint means one only if it names one",
        ),
    ] {
        let case = world().package("packages/production", "early", "1.0.0-rc1", "one").config(&config(&[rule]));
        let built = run(&case, &BUILD, 0);
        let expected = format!("warning: {message}\n  --> production\nhint: {hint}\n");
        assert!(built.stdout.contains(&expected) || built.stderr.contains(&expected), "{expected}: {built:#?}");
        let report = case.json("out/production/current/report.json");
        assert_eq!(report["problems"][0]["rule"], "unmatched-override", "{report:#}");
        assert_eq!(run(&case, &["check", "--dist", "production", "--strict"], 1).code, 1);
    }
}

/// What is in use stays in use when two rules contradict each other.
#[test]
fn rules_that_contradict_each_other_stop_a_build() {
    let case = world().config(&config(&EACH[..1]));
    run(&case, &[&BUILD[..], &["--quiet"]].concat(), 0);
    let before = fs::read_link(case.path("out/production/current")).unwrap();
    for (rules, message) in [
        (
            [
                "package: \"be*\", kibana: ^9.0.0, reason: x",
                "package: beta, versions: \"2.0.0\", kibana: ^9.1.0, reason: z",
            ],
            "two overrides of layer `production` say different things of the condition on Kibana, that of `be*` and that of `beta 2.0.0`: beta-2.0.0",
        ),
        (
            [
                "package: \"*\", versions: \"1.0.0\", deprecated: {description: a, since: 1.0.0}, reason: x",
                "package: acme, deprecated: {description: b, since: 1.0.0}, reason: z",
            ],
            "two overrides of layer `production` say different things of the deprecation, that of `* 1.0.0` and that of `acme`: acme-1.0.0",
        ),
    ] {
        case.reconfigure(&config(&rules));
        let refused = case.run(&BUILD);
        assert_ne!(refused.code, 0, "{refused:#?}");
        let text = refused.stdout + &refused.stderr;
        assert!(text.contains(&format!("error: {message}\n")), "{message}: {text}");
        assert!(text.contains("hint: narrow `package` or `versions` of one of the two"), "{text}");
        assert_eq!(fs::read_link(case.path("out/production/current")).unwrap(), before);
        let checked = run(&case, &["check", "--dist", "production", "--format", "json"], 1);
        let checked: Value = serde_json::from_str(&checked.stdout).unwrap();
        let problem = &checked["distributions"][0]["problems"][0];
        assert_eq!((&problem["rule"], &problem["message"]), (&json!("contradictory-overrides"), &json!(message)));
    }
    // Rules that say the same, or different things of different versions, are none.
    case.reconfigure(&config(&[
        "package: \"*\", kibana: ^9.0.0, reason: x",
        "package: beta, versions: \"2.0.0\", kibana: ^9.0.0, hide: yes, reason: z",
        "package: acme, versions: \"1.2.0\", hide: yes, reason: x",
        "package: acme, versions: \">1.1.0\", hide: yes, reason: z",
    ]));
    run(&case, &BUILD, 0);
    let report = case.json("out/production/current/report.json");
    let acme = report["overrides"].as_array().unwrap().iter().find(|one| one["version"] == "1.2.0").unwrap();
    assert_eq!((&acme["hidden"]["reason"], &acme["kibana"]["reason"]), (&json!("x"), &json!("x")));
}

/// The layer that a version is taken from decides what the registry says of it.
#[test]
fn an_upper_layer_counts() {
    let layers = |upper: &str| {
        format!(
            "distributions: {{production: [mine, production]}}\n{}  mine:\n    paths: packages/mine\n{upper}",
            config(&EACH[..1])
        )
    };
    let case = world().package("packages/mine", "acme", "1.2.0", "three").config(&layers(""));
    let built = run(&case, &BUILD, 0);
    let message = "warning: overrides of layer `production` do not reach 1 version, which the distribution takes from layer `mine`: acme-1.2.0";
    assert!((built.stdout + &built.stderr).contains(message));
    let latest =
        || Generation::open(&case.path("out"), "production").get_json("/search?package=acme")[0]["version"].clone();
    assert_eq!(latest(), "1.2.0");
    let report = case.json("out/production/current/report.json");
    assert_eq!((&report["problems"][0]["rule"], report.get("overrides")), (&json!("shadowed-override"), None));
    case.reconfigure(&layers("    overrides: [{package: acme, versions: 1.2.0, hide: yes, reason: here too}]\n"));
    let built = run(&case, &BUILD, 0);
    assert!(!(built.stdout + &built.stderr).contains("do not reach"));
    assert_eq!(latest(), "1.1.0");
}

/// A name that nobody is offered, and a way to a package that is not there.
#[test]
fn what_overrides_do_to_names_is_warned_of() {
    let case = world();
    let warned = |overrides: &[&str]| {
        case.reconfigure(&config(overrides));
        run(&case, &BUILD, 0);
        let report = case.json("out/production/current/report.json");
        let problems = report["problems"].as_array().unwrap().iter();
        problems.map(|one| format!("{} {}", one["rule"].as_str().unwrap(), one["message"].as_str().unwrap())).collect()
    };
    let hidden: Vec<String> = warned(&["package: beta, hide: yes, reason: broken"]);
    assert_eq!(hidden.len(), 1, "{hidden:?}");
    assert!(hidden[0].starts_with("hidden-package overrides hide all of `beta`, "), "{hidden:?}");
    let deprecated = |by: &str| {
        warned(&[&format!("package: beta, deprecated: {{since: 1.0.0, description: x, replaced_by: {by}}}, reason: x")])
    };
    let absent: Vec<String> = deprecated("acmee");
    assert_eq!(absent.len(), 1, "{absent:?}");
    let said = "overrides of layer `production` say that `acmee` takes the place of beta-";
    assert_eq!(absent[0].split_once(' ').map(|(rule, _)| rule), Some("absent-replacement"));
    assert!(absent[0].contains(said) && absent[0].ends_with(", and nobody has it"), "{absent:?}");
    assert_eq!(deprecated("acme"), [""; 0]);
}

/// No policy takes an override for other content or for a version that is gone, and no guard for a loss.
#[test]
fn policies_see_no_change() {
    let refusing = |overrides: &[&str]| config(overrides) + "    overwrite: refuse\n    removal: refuse\n";
    let case = world().config(&refusing(&[]));
    run(&case, &[&BUILD[..], &["--quiet"]].concat(), 0);
    let all = ["package: \"*\", hide: yes, kibana: ^9.0.0, deprecated: {description: x, since: 1.0.0}, reason: closed"];
    for overrides in [&EACH[..], &all, &[]] {
        case.reconfigure(&refusing(overrides));
        let built = run(&case, &BUILD, 0);
        let is_hidden = |line: &str| line.starts_with("warning: overrides hide all of ");
        let mut said = built.stderr.lines().filter(|line| line.starts_with("warning") || line.starts_with("error"));
        assert!(said.all(is_hidden), "{built:#?}");
        assert!(built.stdout.contains("8 → 8 versions: 0 new, 0 gone"), "{built:#?}");
    }
}

/// A changed override is seen between two generations, with what Kibanas see of it.
#[test]
fn diff_shows_them() {
    let case = world().config(&config(&[]));
    run(&case, &[&BUILD[..], &["--quiet", "--out", "old"]].concat(), 0);
    case.reconfigure(&config(&EACH));
    run(&case, &[&BUILD[..], &["--quiet"]].concat(), 0);
    let diff = |a: &str, b: &str, code: i32| run(&case, &["diff", a, b], code).stdout;
    let text = diff("old/production", "out/production", 1);
    for line in [
        "seen     acme: 1.2.0 -> 1.1.0 by Kibana 8.11.0 to before 9.0.0\n",
        "seen     beta: 2.0.0 -> 1.0.0 by Kibana 8.11.0 to before 9.0.0\n",
        "seen     beta: nothing -> 2.0.0 by Kibana 9.0.0 to before 10.0.0\n",
        "seen     gamma: 1.1.0 -> nothing by Kibana 8.11.0 to before 9.0.0\n",
        "override acme-1.2.0\n           + hidden: breaks <b>pipelines</b>\n",
        "override beta-2.0.0\n           + the kibana constraint is `^9.0.0`, the package says `^8.11.0`: waits for the upgrade\n",
        "override other-1.0.0\n           + deprecated since 1.0.0 (Use acme; replaced by the package `acme`): nobody keeps it up\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("changed") && !text.contains("removed"), "{text}");
    assert_eq!(diff("out/production", "out/production", 0), "no differences\n");
    // Another reason is another override, of which Kibanas see nothing.
    let before = fs::canonicalize(case.path("out/production/current")).unwrap();
    case.reconfigure(&config(&EACH).replace("not for us", "not for anybody"));
    run(&case, &[&BUILD[..], &["--quiet"]].concat(), 0);
    let text = diff(before.to_str().unwrap(), "out/production", 1);
    let expected = "override gamma-1.0.0\n           - hidden: not for us\n           + hidden: not for anybody\n";
    assert!(text.starts_with(expected) && !text.contains("seen"), "{text}");
    let markdown = run(&case, &["diff", "old/production", "out/production", "--format", "markdown"], 1).stdout;
    assert!(markdown.contains("### Overrides\n\n- `acme-1.2.0`\n  - `+ hidden: breaks"), "{markdown}");
    // Layers with the configuration are compared as a build would tell them.
    let text = run(&case, &["diff", "old/production", "packages", "--dist", "production"], 1).stdout;
    assert!(text.contains("override acme-1.2.0\n"), "{text}");
}
