//! Layers that stand beside a mirrored one in distributions: what may go of it, and what sites can install again, follows from
//! all of them together, with overrides and selections.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::keep::keep_file;
use super::prune::{LATER, prune, samples, world, world_of};
use super::world::{Sample, World, signed, zip_from};
use crate::harness::{Run, package};
use std::fs;

/// A distribution with a layer of its own on top.
const BOTH: &str = "mirrored: {layers: [own, up], select: fleet}";
const ALONE: &str = "mirrored: {layers: [up], select: fleet}";

/// Adds a package to the layer `own`, with these lines at the end of its manifest.
fn own(world: &World, name: &str, version: &str, manifest: &str) {
    for (path, mut bytes) in package(name, version, "") {
        let path = world.case.path(&format!("own/{name}/{version}/{path}"));
        if path.ends_with("manifest.yml") && path.parent().unwrap().ends_with(version) {
            bytes.extend_from_slice(manifest.as_bytes());
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn with_own(world: &World) {
    world.reconfigure(|config| {
        config.replace(ALONE, BOTH).replace("layers:\n  up:", "layers:\n  own: {paths: own}\n  up:")
    });
}

const REQUIRES: &str = "requires: {content: [{package: alpha, version: ~1.0.0}]}\n";

#[test]
fn what_another_layer_requires_does_not_go() {
    let world = world();
    fs::create_dir_all(world.case.path("own")).unwrap();
    with_own(&world);
    let listed = prune(&world, LATER, "");
    assert!(listed.code == 0 && listed.stdout.contains("\nalpha@1.0.0 "), "{listed:?}");
    own(&world, "mine", "1.0.0", REQUIRES);
    let listed = prune(&world, LATER, "-v");
    assert!(listed.code == 0 && listed.stdout.lines().all(|line| line.starts_with('#')), "{listed:?}");
    let why = "alpha 1.0.0 wanted: distribution mirrored, fleet, closure: mine 1.0.0 requires alpha ~1.0.0";
    assert!(listed.stderr.contains(why), "{listed:?}");
    // A layer further up that has the version gives it, so that of the mirrored layer may go.
    own(&world, "alpha", "1.0.0", "");
    let listed = prune(&world, LATER, "");
    assert!(listed.code == 0 && listed.stdout.contains("\nalpha@1.0.0 "), "{listed:?}");
}

/// A version for a newer Kibana covers another content of it further down, for the Kibana that there is.
#[test]
fn what_covers_another_content_of_a_layer_below_does_not_go() {
    let files = package("alpha", "2.0.0", "").into_iter().map(|(path, bytes)| {
        let text = String::from_utf8_lossy(&bytes).replace("\"^8.11.0\"", "\"^9.0.0\"");
        (format!("alpha-2.0.0/{path}"), if path == "manifest.yml" { text.into_bytes() } else { bytes })
    });
    let zip = zip_from(&files.collect());
    let newer = Sample { name: "alpha", version: "2.0.0", signature: Some(signed("trusted", &zip)), zip };
    let all: Vec<Sample> = samples().into_iter().chain([newer]).collect();
    let world = world_of(&all, &[("2.0.0", "^9.0.0")]);
    let listed = prune(&world, LATER, "--accept-many");
    assert!(listed.code == 0 && listed.stdout.contains("\nalpha@2.0.0 "), "{listed:?}");
    own(&world, "alpha", "2.0.0", "");
    world.reconfigure(|config| {
        let config = config.replace(ALONE, "mirrored: {layers: [up, own], select: fleet}");
        config.replace("layers:\n  up:", "layers:\n  own: {paths: own}\n  up:")
    });
    let which = || {
        assert_eq!(world.case.run(&["build", "--dist", "mirrored", "--quiet", "--out", "o"]).code, 0);
        world.case.run(&["which", "alpha", "--kibana", "8.19.5", "--dist", "mirrored", "--out", "o"])
    };
    let before = which();
    let listed = prune(&world, LATER, "-v --accept-many --output gone.list");
    let why = "alpha 2.0.0 wanted: it covers another content of alpha 2.0.0 in layer own";
    assert!(listed.code == 0 && listed.stdout.contains(why), "{listed:?}");
    let applied = prune(&world, LATER, "--apply gone.list --reason nobody");
    assert!(applied.code == 0 && applied.stdout.starts_with("up: removed 1 version, "), "{applied:?}");
    assert_eq!(which().stdout.lines().next(), before.stdout.lines().next());
}

/// A zip of another mirrored layer that lies there and is damaged gives builds nothing.
#[test]
fn what_a_build_cannot_read_does_not_cover_anything() {
    let world = world();
    own(&world, "mine", "1.0.0", REQUIRES);
    world.reconfigure(|config| {
        let config = config.replace(ALONE, "mirrored: {layers: [own, top, up], select: fleet}");
        let top = "  top: {paths: top, mirror: {from: [up]}}\n";
        config.replace("layers:\n  up:", &format!("layers:\n  own: {{paths: own}}\n{top}  up:"))
    });
    let run = world.mirror("top");
    assert_eq!(run.code, 0, "{run:?}");
    let listed = prune(&world, LATER, "");
    assert!(listed.code == 0 && listed.stdout.contains("\nalpha@1.0.0 "), "{listed:?}");
    fs::write(world.case.path("top/alpha/alpha-1.0.0.zip"), "damaged").unwrap();
    let listed = prune(&world, LATER, "-v");
    assert!(listed.code == 0 && listed.stderr.contains("alpha 1.0.0 wanted: distribution mirrored"), "{listed:?}");
    assert!(!listed.stdout.contains("\nalpha@1.0.0 "), "{listed:?}");
}

#[test]
fn a_query_that_takes_nothing_stops_the_removal() {
    let world = world();
    let queries =
        |text: &str| fs::write(world.case.path("lite.yaml"), format!("surplus: 1\nqueries:\n{text}")).unwrap();
    queries("- {package: beta}\n- {package: alpha, type: input}\n");
    world.reconfigure(|config| {
        config.replace("fleet: {kibana: [8.19.5], take: [{name: '*'}]}", "fleet: {distribution: lite.yaml}")
    });
    let refused = prune(&world, LATER, "--accept-many");
    let why = "selection `fleet` cannot be used: lite.yaml:4: `queries.1`: it takes nothing, whichever row";
    assert!(
        refused.code == 2 && refused.stderr.contains(why) && refused.stderr.contains("hint: look at"),
        "{refused:?}"
    );
    // What is ignored is told, as runs of the mirror tell it.
    let said = "warning: selection `fleet`: lite.yaml:1: the key `surplus` is not known and ignored";
    assert!(refused.stderr.contains(said), "{refused:?}");
    // What is excluded is meant so.
    queries("- {package: beta}\n- {package: alpha}\n");
    world.reconfigure(|config| config.replace("lite.yaml}", "lite.yaml, exclude: [{name: alpha}]}"));
    let listed = prune(&world, LATER, "--accept-many");
    assert!(listed.code == 0 && listed.stdout.contains("\nalpha@1.0.0 "), "{listed:?}");
    let told = world.case.run(&["select", "fleet", "--from", "up"]);
    assert!(told.code == 0 && told.stderr.contains("everything that it would take is excluded or hidden"), "{told:?}");
    // Without what sites keep nothing is left.
    queries("- {type: nosuch}\n");
    world.reconfigure(|config| config.replace(", keep: ['*.keep']", ""));
    let nothing = world.case.run(&["select", "fleet", "--from", "up"]);
    assert!(nothing.code == 2 && nothing.stderr.contains("selection `fleet` gives nothing"), "{nothing:?}");
}

/// What may be absent may hold what requires something all the same.
#[test]
fn a_path_that_is_not_there_stops_the_removal_also_where_it_is_optional() {
    let world = world();
    own(&world, "mine", "1.0.0", REQUIRES);
    own(&world, "other", "1.0.0", "");
    fs::create_dir(world.case.path("own2")).unwrap();
    fs::rename(world.case.path("own/other"), world.case.path("own2/other")).unwrap();
    with_own(&world);
    world.reconfigure(|config| config.replace("own: {paths: own}", "own: {paths: [own, own2], optional: yes}"));
    let listed = prune(&world, LATER, "");
    assert!(listed.code == 0 && !listed.stdout.contains("\nalpha@1.0.0 "), "{listed:?}");
    fs::rename(world.case.path("own"), world.case.path("away")).unwrap();
    let refused = prune(&world, LATER, "");
    let why = "layer `own` cannot be read, so what its packages require of layer `up` is not known: `own` is not there";
    let hint = "hint: put it in place; where nothing belongs there, an empty folder says so";
    assert!(refused.code == 2 && refused.stderr.contains(why) && refused.stderr.contains(hint), "{refused:?}");
    fs::create_dir(world.case.path("own")).unwrap();
    let listed = prune(&world, LATER, "");
    let said = "warning: layer `own`: `own` is empty, so nothing there requires anything of layer `up`\nhint: ";
    assert!(listed.code == 0 && listed.stderr.contains(said), "{listed:?}");
}

#[test]
fn a_layer_that_cannot_be_read_stops_the_removal() {
    let world = world();
    own(&world, "mine", "1.0.0", REQUIRES);
    with_own(&world);
    let refused = |said: &str| {
        let run = prune(&world, LATER, "");
        assert!(run.code == 2 && run.stderr.contains(said) && run.stderr.contains("hint: "), "{said}: {run:?}");
    };
    assert_eq!(world.case.run(&["build", "--dist", "mirrored", "--quiet"]).code, 0);
    let away = world.case.path("away");
    fs::rename(world.case.path("own"), &away).unwrap();
    refused("layer `own` cannot be read, so what its packages require of layer `up` is not known: `own` is not there");
    // A disk that is not mounted leaves an empty folder.
    fs::create_dir(world.case.path("own")).unwrap();
    refused("layer `own` holds nothing, and mirrored in use shows packages of it");
    fs::remove_dir(world.case.path("own")).unwrap();
    fs::rename(&away, world.case.path("own")).unwrap();
    world.reconfigure(|config| config.replace("take: [{name: '*'}]", "take: [{name: '*'}, {name: thteta}]"));
    refused("no package is called `thteta`");
}

fn check(world: &World, lines: &str, more: &[&str]) -> Run {
    let file = keep_file("8.19.5", "2025-06-01T00:00:00Z", "yes", lines);
    // The configuration does not name it.
    fs::create_dir_all(world.case.path("files")).unwrap();
    fs::write(world.case.path("files/other.keep"), file).unwrap();
    let arguments = ["keep", "check", "files/other.keep", "--layer", "up"];
    let output = world.command(&[&arguments[..], more].concat()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn a_check_asks_what_distributions_would_answer() {
    let world = world();
    let beta = "beta@1.0.0 installed registry\n";
    let run = check(&world, beta, &[]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    let plain = fs::read_to_string(world.case.path("epr-build.yml")).unwrap();
    let overridden = |rule: &str| {
        let rule = format!("signatures: require, overrides: [{{package: beta, {rule}, reason: broken}}]");
        let config = plain.replace("signatures: require", &rule);
        config.replace("keep: ['*.keep']", "keep: ['*.keep', 'files/*.keep']")
    };
    let cannot = "Kibana 8.19.5 accepts no version of beta that distribution `mirrored` offers, so it cannot reinstall 1.0.0 \
                  that other has installed\nhint: it would accept 1.0.0, if no override changed it";
    for rule in ["hide: yes", "kibana: ^9.0.0"] {
        world.case.reconfigure(&overridden(rule));
        let run = check(&world, beta, &[]);
        assert!(run.code == 1 && run.stderr.contains(cannot) && !run.stderr.contains(" held"), "{rule}: {run:?}");
    }
    // One that is hidden may be downloaded still, where another one is offered.
    let hidden = overridden("hide: yes").replace("package: beta,", "package: alpha, versions: 1.1.0,");
    world.case.reconfigure(&hidden);
    let run = check(&world, "alpha@1.1.0 installed registry\n", &["--quiet"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    // What the selection of the distribution leaves out is not there for its Kibanas, unless another distribution has it.
    world.case.reconfigure(&plain);
    let run = check(&world, "alpha@1.0.0 policy\n", &[]);
    let left_out = "alpha@1.0.0 is what a policy was made with and held, and distribution `mirrored` leaves it out: ";
    assert!(run.code == 1 && run.stderr.contains(&format!("error: other.keep: {left_out}")), "{run:?}");
    let all = plain.replace("distributions: {", "distributions: {whole: [up], ");
    assert_ne!(all, plain);
    world.case.reconfigure(&all);
    let run = check(&world, "alpha@1.0.0 policy\n", &[]);
    assert!(run.code == 0 && run.stderr.contains(&format!("warning: other.keep: {left_out}")), "{run:?}");
    // Why versions stay is a note, and the age of a file is told.
    assert!(run.stderr.contains("note: other.keep: alpha 1.0.0 stays though the selection leaves it out"), "{run:?}");
    assert!(!check(&world, "alpha@1.0.0 policy\n", &["--quiet"]).stderr.contains("note: "));
    fs::write(world.case.path("files/old.keep"), keep_file("8.19.5", "2025-03-01T00:00:00Z", "no", beta)).unwrap();
    let output = world.command(&["keep", "check", "files/old.keep", "--layer", "up"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("warning: old.keep: it is 106 days old, and 30 are allowed\nhint: import it again"),
        "{said}"
    );
    assert!(said.contains("warning: old.keep: it does not have all that is installed"), "{said}");
}
