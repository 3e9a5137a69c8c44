//! Deprecation and overrides of upstreams: a part of what they list says of a name what the whole says.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::world::{QUICK, Sample, World};
use crate::built::Generation;
use crate::harness::{Case, Run};
use crate::in_process::Server;
use crate::incremental::{settle, written};
use epr_build::serve::ServeOptions;
use serde_json::{Value, json};
use std::fs;

const FILE: &str = "up/.epr-build/deprecated.json";

/// An element with a notice.
fn deprecated(sample: &Sample, description: &str) -> String {
    let item = sample.item();
    let notice = json!({"since": "2.0.0", "description": description, "replaced_by": {"package": "beta"}});
    format!("{},\"deprecated\":{notice}}}", item.strip_suffix('}').unwrap())
}

fn list(world: &World, samples: &[Sample], description: &str) {
    let items: Vec<String> = samples
        .iter()
        .map(|sample| match sample.name {
            "alpha" if !description.is_empty() => deprecated(sample, description),
            _ => sample.item(),
        })
        .collect();
    world.list(&format!("[{}]", items.join(",\n")));
}

fn build(world: &World) -> Run {
    let run = world.case.run(&["--dist", "mirrored"]);
    assert_eq!(run.code, 0, "{run:#?}");
    run
}

/// The notice of the version that is held.
fn said(world: &World) -> Value {
    let generation = Generation::open(&world.case.path("out"), "mirrored");
    let document = generation.get_json("/package/alpha/1.0.0/")["deprecated"].clone();
    assert_eq!(generation.get_json("/search?package=alpha")[0]["deprecated"], document);
    document["description"].clone()
}

/// The version that deprecates its name is not held; the one that is says so all the same, as the upstream does.
#[test]
fn a_notice_of_a_version_that_is_left_out_is_carried_along() {
    let samples = [Sample::new("alpha", "1.0.0"), Sample::new("alpha", "2.0.0"), Sample::new("beta", "1.0.0")];
    let world = World::new(&samples, "", "");
    list(&world, &samples, "use beta");
    let mirror = |code: i32| {
        let run = world.mirror("--only alpha@1.0.0 --only beta@1.0.0");
        assert_eq!(run.code, code, "{run:#?}");
    };
    mirror(0);
    let text = "{\"schema\":\"epr-build/deprecated/1\",\"names\":[\n{\"name\":\"alpha\",\"version\":\"2.0.0\",\"deprecated\":\
                {\"since\":\"2.0.0\",\"description\":\"use beta\",\"replaced_by\":{\"package\":\"beta\"}}}\n]}\n";
    assert_eq!(fs::read_to_string(world.case.path(FILE)).unwrap(), text);
    let built = build(&world);
    assert!(
        built.stdout.contains("  deprecated         1 package by notices that mirrors carried along"),
        "{built:#?}"
    );
    assert_eq!(said(&world), "use beta");
    let report = world.case.json("out/mirrored/current/report.json");
    let carried = &report["carried_notices"];
    assert_eq!(
        (&carried[0]["name"], &carried[0]["version"], &carried[0]["layer"]),
        (&json!("alpha"), &json!("2.0.0"), &json!("up"))
    );
    let page = Generation::open(&world.case.path("out"), "mirrored").get("/ui/distribution/");
    assert!(String::from_utf8(page).unwrap().contains("deprecated, as the upstream of this layer says since 2.0.0"));
    // Another notice is another generation, and no notice is none.
    let first = fs::read_link(world.case.path("out/mirrored/current")).unwrap();
    list(&world, &samples, "use gamma");
    mirror(0);
    build(&world);
    assert_eq!(said(&world), "use gamma");
    list(&world, &samples, "");
    mirror(0);
    build(&world);
    assert_eq!(said(&world), Value::Null);
    list(&world, &samples, "use beta");
    mirror(0);
    build(&world);
    assert_eq!(fs::read_link(world.case.path("out/mirrored/current")).unwrap(), first);
    // Nothing changed: nothing is written by either.
    let before = world.state();
    mirror(0);
    assert_eq!(world.state(), before);
    settle();
    build(&world);
    let before = written(&world.case);
    build(&world);
    assert!(before == written(&world.case), "something was written");
    // A part for one Kibana, made of this part, says it too.
    let release = ["release", "8.12.0", "--kibana", "8.12.0", "--only-compatible", "--dist", "mirrored"];
    let run = world.case.run(&release);
    assert_eq!(run.code, 0, "{run:#?}");
    let document = fs::canonicalize(world.case.path("out/mirrored/releases/8.12.0/site")).unwrap();
    let document = fs::read_to_string(document.join("documents/alpha/1.0.0.json")).unwrap();
    assert!(document.contains("use beta"), "{document}");
}

/// What is damaged is told, and a build goes on without it; the next run of the mirror writes it anew if it is gone.
#[test]
fn a_damaged_file_of_notices_is_a_warning() {
    let samples = [Sample::new("alpha", "1.0.0"), Sample::new("alpha", "2.0.0")];
    let world = World::new(&samples, "", "");
    list(&world, &samples, "use beta");
    assert_eq!(world.mirror("").code, 0);
    let good = fs::read(world.case.path(FILE)).unwrap();
    for (bytes, words) in [
        (&b"{"[..], "it is not JSON of this form"),
        (b"", "it is not JSON of this form"),
        (b"{\"schema\":\"x\",\"names\":[]}", "it has the form `x`"),
        (b"{\"schema\":\"epr-build/deprecated/1\",\"names\":[7]}", "element 1: "),
        (&[0xff; 100], "it is not JSON of this form"),
    ] {
        fs::write(world.case.path(FILE), bytes).unwrap();
        let built = build(&world);
        let text = built.stdout + &built.stderr;
        assert!(text.contains(words) && text.contains("--> up/.epr-build/deprecated.json"), "{words}: {text}");
        assert_eq!(said(&world), Value::Null);
    }
    fs::remove_file(world.case.path(FILE)).unwrap();
    assert_eq!(world.mirror("").code, 0);
    assert_eq!(fs::read(world.case.path(FILE)).unwrap(), good);
    build(&world);
    assert_eq!(said(&world), "use beta");
    // A link leads nowhere, and no run writes through it.
    fs::remove_file(world.case.path(FILE)).unwrap();
    std::os::unix::fs::symlink("../../trusted.asc", world.case.path(FILE)).unwrap();
    let run = world.mirror("");
    assert!(run.code == 2 && run.stderr.contains("is no regular file"), "{run:#?}");
    let built = build(&world);
    assert!((built.stdout + &built.stderr).contains("symbolic link"));
}

/// A registry of our own with overrides is mirrored: what it hides is not fetched and no fault, what it changes is news.
#[test]
fn an_upstream_with_overrides_is_mirrored() {
    let samples = [Sample::new("alpha", "1.0.0"), Sample::new("alpha", "1.1.0"), Sample::new("beta", "2.0.0")];
    let config = |overrides: &str| {
        format!("distributions: {{mirrored: [up]}}\nlayers: {{up: {{paths: up{overrides}}}}}\nui: no\n")
    };
    let source = Case::new();
    for (path, bytes) in World::expected(&samples) {
        let path = source.path("up").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let build = |overrides: &str| {
        source.reconfigure(&config(overrides));
        let run = source.run(&["--dist", "mirrored", "--quiet"]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    };
    let hide = "{package: alpha, versions: 1.1.0, hide: yes, reason: x}";
    build(&format!(", overrides: [{hide}]"));
    let server = Server::start(ServeOptions::new(source.path("out/mirrored/current")));
    let world = World::new(&[], "", "");
    fs::write(
        world.case.path("epr-build.yml"),
        format!(
            "distributions: {{mirrored: [up]}}\nupstreams: {{up: {{url: \"http://{}\", {QUICK}}}}}\n\
             layers: {{up: {{paths: up, mirror: {{from: [up]}}}}}}\n",
            server.address
        ),
    )
    .unwrap();
    let outcome = || {
        let run = world.mirror("--format json");
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
        serde_json::from_str::<Value>(&run.stdout).unwrap()[0].clone()
    };
    let until_new = || {
        // The server sees the new generation in its own time.
        loop {
            let outcome = outcome();
            if outcome["unchanged"] == false {
                return outcome;
            }
        }
    };
    outcome();
    assert_eq!(world.placed(), World::expected(&[samples[0].clone(), samples[2].clone()]));
    assert_eq!(outcome()["unchanged"], true);
    // Who has it installed gets it; it is told once, and costs one conditional request from then on.
    let config = std::fs::read_to_string(world.case.path("epr-build.yml")).unwrap();
    let kept = World::new(&[], "", "");
    let line = "alpha@1.1.0 installed registry\n";
    fs::write(kept.case.path("site.keep"), super::keep::keep_file("9.1.3", "2025-06-01T00:00:00Z", "yes", line))
        .unwrap();
    fs::write(kept.case.path("epr-build.yml"), config.replace("{from: [up]}", "{from: [up], keep: site.keep}"))
        .unwrap();
    let run = kept.mirror("");
    assert!(
        run.code == 0 && run.stderr.contains("alpha 1.1.0: upstream up does not list it and gives it by name"),
        "{run:#?}"
    );
    assert_eq!(kept.placed(), World::expected(&samples));
    let run = kept.mirror("--format json");
    let second = serde_json::from_str::<Value>(&run.stdout).unwrap()[0].clone();
    assert_eq!((&second["requests"], &second["bytes"], &second["unchanged"]), (&json!(1), &json!(0), &json!(true)));
    // Only what is said of a version changes: no byte of an archive is news, and the listing is read all the same.
    let notice = "{package: beta, deprecated: {description: Use alpha, since: 1.0.0}, reason: x}";
    build(&format!(", overrides: [{hide}, {notice}]"));
    assert_eq!(until_new()["mirrored"], json!([]));
    let run = world.case.run(&["--dist", "mirrored", "--quiet"]);
    assert_eq!(run.code, 0, "{run:#?}");
    let beta =
        || Generation::open(&world.case.path("out"), "mirrored").get_json("/package/beta/2.0.0/")["deprecated"].clone();
    assert_eq!(beta(), json!({"since": "1.0.0", "description": "Use alpha"}));
    // Offered again, it is fetched; hidden again, it stays and is compared with what the index tells.
    build("");
    assert_eq!(until_new()["mirrored"][0]["version"], "1.1.0");
    build(&format!(", overrides: [{hide}]"));
    let hidden = until_new();
    let words = "upstream up hides it now; it is kept, and builds of this layer offer it still";
    assert!(hidden["warnings"][0]["why"].as_str().is_some_and(|why| why.starts_with(words)), "{hidden:#}");
    assert_eq!(hidden["gone"], json!([]));
    assert_eq!((&hidden["changed"], hidden["refused"].as_array().map(Vec::len)), (&json!([]), Some(0)), "{hidden:#}");
    assert_eq!(world.placed(), World::expected(&samples));
}
