//! What a layer holds by a selection and by keep files: what is asked, fetched, told and recorded.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::upstream::Answer;
use super::world::{INDEX, LISTING, Sample, World};
use serde_json::{Value, json};

/// The bounds that Kibanas send, as listings are asked with them.
const BOUNDS: [&str; 6] =
    ["spec.min=2.3", "spec.max=3.0", "spec.max=3.3", "spec.max=3.4", "spec.max=3.5", "spec.max=3.6"];

fn samples() -> Vec<Sample> {
    let versions = ["1.0.0", "1.1.0", "1.2.0-beta.1"];
    let alpha = versions.into_iter().map(|version| Sample::new("alpha", version));
    alpha.chain([Sample::new("beta", "1.0.0"), Sample::new("system", "1.0.0")]).collect()
}

/// A layer with these settings of its `mirror`, and a selection.
fn world(mirror: &str, selection: &str) -> World {
    let world = World::new(&samples(), "", "");
    configure(&world, mirror, selection);
    world
}

fn configure(world: &World, mirror: &str, selection: &str) {
    let quick = super::world::QUICK;
    world.case.reconfigure(&format!(
        "distributions: {{mirrored: [up]}}\nupstreams:\n  up: {{url: \"{}\", {quick}}}\n\
         layers:\n  up: {{paths: up, mirror: {{from: [up]{mirror}}}}}\nselections:\n  few: {selection}\n",
        world.upstream.url()
    ));
}

fn outcome(world: &World, arguments: &str, code: i32) -> Value {
    let run = world.mirror(&format!("{arguments} --format json"));
    assert_eq!(run.code, code, "{run:#?}");
    serde_json::from_str::<Value>(&run.stdout).unwrap()[0].clone()
}

/// Whether nothing was new, and how much is wanted, held of that, and held beside it.
fn counts(outcome: &Value) -> Value {
    Value::from(["unchanged", "wanted", "held", "unwanted"].map(|key| outcome[key].clone()).to_vec())
}

fn held(world: &World) -> Vec<String> {
    let zips = world.placed().into_keys().filter(|path| path.ends_with(".zip"));
    zips.map(|path| path.rsplit_once('/').unwrap().1.trim_end_matches(".zip").to_owned()).collect()
}

fn keep(world: &World, lines: &[&str]) {
    let head = "# epr-build keep 1\n# kibana: 9.1.3   prerelease: no   taken: 2026-11-28T22:00:00Z   complete: yes\n";
    let line = |line: &&str| {
        let (version, reasons) = line.split_once(' ').unwrap();
        format!("{version:<41}{reasons}\n")
    };
    let text: String = lines.iter().map(line).collect();
    std::fs::create_dir_all(world.case.path("keep")).unwrap();
    std::fs::write(world.case.path("keep/site-a.keep"), format!("{head}{text}")).unwrap();
}

const SELECT: &str = ", select: few";

#[test]
fn only_what_is_selected_is_fetched_and_nothing_new_is_one_listing() {
    let world = world(SELECT, "{prerelease: no, take: [{preset: fleet}, {name: alpha}]}");
    let before = world.case.tree();
    let run = world.mirror("--dry-run");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert_eq!(world.case.tree(), before, "a dry run leaves nothing behind");
    // The preset comes first, and each line has its rule.
    let told = "up: would fetch 2 versions\n  system 1.0.0 from up: it is new\n    take 1 (preset: fleet)";
    assert!(run.stdout.starts_with(told), "{run:#?}");
    assert!(run.stdout.contains("  selection  `few` leaves out 3 versions ("), "{run:#?}");
    assert!(
        run.stdout.contains("; nothing of 1 package is wanted\n    take 1 (preset: fleet): 1 version\n"),
        "{run:#?}"
    );
    world.upstream.asked();

    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert_eq!(held(&world), ["alpha-1.1.0", "system-1.0.0"]);
    // Formats are asked of packages that are taken alone, and zips of versions that are.
    let mut expected: Vec<String> = ["/", INDEX, LISTING].map(str::to_owned).into();
    let known = ["alpha/1.0.0", "alpha/1.1.0", "alpha/1.2.0-beta.1", "system/1.0.0"];
    expected.extend(known.iter().map(|version| format!("/package/{version}/")));
    for sample in [&samples()[1], &samples()[4]] {
        expected.extend([sample.path(), format!("{}.sig", sample.path())]);
    }
    expected.sort();
    assert_eq!(world.upstream.paths(), expected);
    let record = world.record("system", "1.0.0");
    assert!(record["wanted"][0].as_str().unwrap().starts_with("take 1 (preset: fleet)"), "{record}");

    let state = world.state();
    for _ in 0..2 {
        let second = outcome(&world, "", 0);
        assert_eq!(counts(&second), json!([true, 2, 2, 0]), "{second}");
        assert_eq!(world.upstream.paths(), [LISTING]);
        assert_eq!(world.state(), state);
    }
    // Without the network it is the same.
    let run = world.mirror("--offline");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
}

#[test]
fn another_selection_fetches_what_is_missing_and_removes_nothing() {
    let world = world(SELECT, "{prerelease: no, take: [{name: alpha}, {name: beta}]}");
    assert_eq!(world.mirror("").code, 0);
    assert_eq!(held(&world), ["alpha-1.1.0", "beta-1.0.0"]);
    configure(&world, SELECT, "{prerelease: no, take: [{name: alpha}], previous: 1}");
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert_eq!(held(&world), ["alpha-1.0.0", "alpha-1.1.0", "beta-1.0.0"]);
    assert!(run.stdout.contains("  besides    1 version, "), "{run:#?}");
    assert!(
        run.stdout.contains("that are not wanted any more; `epr-build keep prune up` says which of them may go\n"),
        "{run:#?}"
    );
    let second = outcome(&world, "", 0);
    assert_eq!(counts(&second), json!([true, 2, 2, 1]), "{second}");
    assert_eq!(world.record("beta", "1.0.0")["wanted"], Value::Null);
    // What is held and not wanted is still looked after.
    world.serve(&samples()[..3]);
    let run = world.mirror("--accept-loss");
    assert!(run.stderr.contains("gone upstream, and kept here: beta 1.0.0"), "{run:#?}");
    assert_eq!(held(&world).len(), 3);
    // Everything again.
    world.serve(&samples());
    configure(&world, "", "{take: [{name: alpha}]}");
    let run = world.mirror("");
    assert_eq!(run.code, 0, "{run:#?}");
    assert_eq!(held(&world).len(), 5);
    assert_eq!(world.record("alpha", "1.0.0")["wanted"], Value::Null);
}

#[test]
fn what_sites_have_installed_comes_first_and_is_missed() {
    let world = world(", select: few, keep: [keep/*.keep]", "{kibana: [9.1.3], prerelease: no, take: [{name: alpha}]}");
    let run = world.mirror("");
    let words = "no keep file is like `keep/*.keep`\nhint: `epr-build keep import --kibana https://kibana.example.org:5601 --api-key-file key --output keep/site-a.keep` writes one";
    assert!(run.code == 2 && run.stderr.contains(words), "{run:#?}");
    keep(&world, &["alpha@1.0.0 installed registry", "gamma@2.0.0 rollback registry", "beta@1.0.0 policy registry"]);
    let plan = outcome(&world, "--dry-run", 1)["plan"].clone();
    let order: Vec<_> =
        plan.as_array().unwrap().iter().map(|one| format!("{}-{}", one["name"], one["version"])).collect();
    assert_eq!(order.join(" ").replace('"', ""), "alpha-1.0.0 alpha-1.1.0 beta-1.0.0");
    assert!(plan[0]["reasons"].to_string().contains("keep: installed at site-a"), "{plan}");
    let run = world.mirror("");
    let missing = "error: gamma 2.0.0: it is rollback at site-a, and nobody has it: not upstream, not held\n";
    assert!(run.code == 1 && run.stderr.contains(missing), "{run:#?}");
    assert_eq!(held(&world), ["alpha-1.0.0", "alpha-1.1.0", "beta-1.0.0"]);
    // It stays missing, and costs no more than a listing.
    world.upstream.asked();
    let run = world.mirror("");
    assert!(run.code == 1 && run.stderr.contains(missing), "{run:#?}");
    assert_eq!(world.upstream.paths(), [LISTING]);
    // A keep file that says something else is news.
    keep(&world, &["alpha@1.0.0 installed registry"]);
    let second = outcome(&world, "", 0);
    assert_eq!((&second["unchanged"], &second["unwanted"]), (&false.into(), &1.into()), "{second}");
    // Without a selection everything is wanted, and what is missing is told all the same.
    keep(&world, &["gamma@2.0.0 installed registry", "apm@9.1.3 installed bundled optional"]);
    configure(&world, ", keep: keep/site-a.keep", "{take: [{name: alpha}]}");
    let run = world.mirror("");
    assert!(run.code == 1 && run.stderr.contains("error: gamma 2.0.0: it is installed at site-a"), "{run:#?}");
    assert!(!run.stderr.contains("apm"), "a bundled version is not missed: {run:#?}");
    assert_eq!(held(&world).len(), 5);
}

#[test]
fn slips_are_told() {
    let world = world(SELECT, "{take: [{name: alpha}]}");
    for (selection, arguments, code, words) in [
        ("{take: [{name: alhpa}]}", "", 2, "did you mean `alpha`?"),
        ("{take: [{name: alpha}], exclude: [{name: alpha}]}", "", 0, "everything that it would take is excluded"),
        (
            "{take: [{name: alpha}]}",
            "--only beta",
            1,
            "error: --only: selection `few` leaves out beta 1.0.0: no rule takes the package\n",
        ),
        ("{take: [{name: alpha}]}", "--only bteta", 1, "did you mean `beta`?"),
    ] {
        configure(&world, SELECT, selection);
        let run = world.mirror(arguments);
        assert!(run.code == code && run.stderr.contains(words), "{words}: {run:#?}");
        assert!(held(&world).is_empty(), "{words}");
    }
    // An element that cannot be understood is told, and hinders no other.
    let items: Vec<_> = samples().iter().map(Sample::item).collect();
    let odd = items[3].replace("\"type\"", "\"requires\":{\"content\":5},\"type\"");
    world.list(&format!("[{},{odd},{}]", items[..3].join(","), items[4]));
    let run = world.mirror("");
    let said = "warning: beta 1.0.0: cannot understand what is listed of beta 1.0.0: `requires`: ";
    assert!(run.code == 0 && run.stderr.contains(said), "{run:#?}");
}

/// Many versions: one listing for each bound says which Kibanas read which, and it is asked for once.
#[test]
fn formats_of_many_versions_come_from_listings() {
    let newest = Sample::new("many", "1.0.250");
    let oldest = Sample::new("many", "1.0.100");
    let item = |minor: u32| newest.item().replace("1.0.250", &format!("1.0.{minor}"));
    let list = |highest: u32| {
        let items: Vec<_> = (1..=highest).map(item).collect();
        format!("[{}]", items.join(",\n"))
    };
    for answers in [true, false] {
        let world = World::new(&[oldest.clone(), newest.clone()], "", "");
        configure(&world, SELECT, "{kibana: [8.12.0, 9.5.0], prerelease: no, take: [{name: many}]}");
        world.list(&list(250));
        // Up to 1.0.100 format 3.0, then 3.6.
        for bound in BOUNDS {
            let highest = if matches!(bound, "spec.min=2.3" | "spec.max=3.6") { 250 } else { 100 };
            let answer = if answers { Answer::ok(list(highest).as_bytes()) } else { Answer::status(501) };
            world.upstream.answer(&format!("{LISTING}&{bound}"), answer);
        }
        if !answers {
            for minor in 1..=250 {
                let format = if minor > 100 { "3.6.0" } else { "3.0.0" };
                let document =
                    format!("{{\"name\":\"many\",\"version\":\"1.0.{minor}\",\"format_version\":\"{format}\"}}");
                world.upstream.answer(&format!("/package/many/1.0.{minor}/"), Answer::ok(document.as_bytes()));
            }
        }
        let run = world.mirror("--requests 16 --rate off");
        // The zip of the newest is of another format than its document says.
        assert_eq!(run.code, if answers { 0 } else { 1 }, "{run:#?}");
        let expected: &[&str] = if answers { &["many-1.0.100", "many-1.0.250"] } else { &["many-1.0.100"] };
        assert_eq!(held(&world), expected, "Kibana 8.12 gets what it can read");
        let paths = world.upstream.paths();
        let asked = |what: &str| paths.iter().filter(|path| path.contains(what)).count();
        // Of what is fetched documents are asked in any case: zips must be what these promise.
        let documents = if answers { 2 } else { 250 };
        assert_eq!((asked("/package/"), asked("&spec.")), (documents, if answers { 6 } else { 1 }));
        // Known for ever: a new version is asked for alone.
        if answers {
            let next = Sample::new("many", "1.0.251");
            world.serve(std::slice::from_ref(&next));
            let all = format!("[{},{}]", list(250).trim_matches(['[', ']']), next.item());
            world.list(&all);
            let run = world.mirror("");
            assert_eq!(run.code, 0, "{run:#?}");
            let paths = world.upstream.paths();
            assert!(paths.contains(&"/package/many/1.0.251/".to_owned()), "{paths:?}");
            assert!(!paths.iter().any(|path| path.contains("&spec.")), "{paths:?}");
        }
    }
}
