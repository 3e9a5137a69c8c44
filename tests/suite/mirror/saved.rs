//! Saved images as upstreams, beside registries and alone: as `docker save` writes them, made here member by member.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use super::kills::traced;
use super::world::{QUICK, Sample, World};
use crate::crash::{Dice, can_trace};
use crate::harness::{Run, package};
use crate::running;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::Command;

/// Files of an image, by their paths.
type Files = BTreeMap<String, Vec<u8>>;

/// What an image holds of some packages, where today's images have it.
fn zips(samples: &[Sample]) -> Files {
    let mut files = Files::new();
    for Sample { name, version, zip, signature } in samples {
        let path = format!("packages/package-storage/{name}-{version}.zip");
        files.extend(signature.iter().map(|text| (format!("{path}.sig"), text.clone())));
        files.insert(path, zip.clone());
    }
    files
}

/// A version folder, where older images have them.
fn folder(name: &str, version: &str) -> Files {
    let files = package(name, version, "in a folder").into_iter();
    files.map(|(path, bytes)| (format!("packages/{name}/{version}/{path}"), bytes)).collect()
}

fn tar(files: &Files) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, bytes.as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// An image with these layers, the lowest first, as `docker save` writes it. The second one and those above are packed.
fn image(layers: &[Files]) -> Vec<u8> {
    let digest = |bytes: &[u8]| format!("sha256:{}", epr_build::base::digest::Digest::of(bytes));
    let tars: Vec<_> = layers.iter().map(tar).collect();
    let ids: Vec<_> = tars.iter().map(|tar| digest(tar)).collect();
    let config = serde_json::json!({ "rootfs": { "type": "layers", "diff_ids": ids } }).to_string();
    let names: Vec<_> = (0..tars.len()).map(|number| format!("{number}/layer.tar")).collect();
    let packed = tars.iter().enumerate().map(|(number, tar)| if number == 0 { tar.clone() } else { gzip(tar) });
    let mut files: Files = names.iter().cloned().zip(packed).collect();
    files.insert("config.json".to_owned(), config.into_bytes());
    let list = serde_json::json!([{ "Config": "config.json", "RepoTags": ["epr:1"], "Layers": names }]);
    files.insert("manifest.json".to_owned(), list.to_string().into_bytes());
    tar(&files)
}

/// A layer `up` that is mirrored from the image `epr.tar`, the registry `up`, or both in this order.
fn world(from: &str, samples: &[Sample], layer: &str) -> World {
    let world = World::new(samples, layer, "");
    configure(&world, from, layer);
    world
}

fn configure(world: &World, from: &str, layer: &str) {
    let more = if layer.is_empty() { String::new() } else { format!(", {layer}") };
    world.case.reconfigure(&format!(
        "distributions: {{mirrored: [up]}}\nupstreams:\n  saved: {{image: epr.tar}}\n  other: {{image: other.tar}}\n  \
         up: {{url: \"{}\", {QUICK}}}\nlayers:\n  up: {{paths: up, mirror: {{from: [{from}]}}{more}}}\n",
        world.upstream.url()
    ));
}

fn save(world: &World, layers: &[Files]) {
    std::fs::write(world.case.path("epr.tar"), image(layers)).unwrap();
}

#[track_caller]
fn good(world: &World, arguments: &str) -> Run {
    let run = world.mirror(arguments);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    run
}

fn outcome(run: &Run) -> Value {
    serde_json::from_str::<Value>(&run.stdout).unwrap()[0].clone()
}

fn samples() -> [Sample; 3] {
    [Sample::new("alpha", "1.0.0"), Sample::new("alpha", "1.1.0"), Sample::new("beta", "1.0.0")]
}

/// The trusted key signs what is mirrored.
const REQUIRED: &str = "keys: trusted.asc, signatures: require";

/// The layer is the same as from a registry, and the second run reads nothing of the image.
#[test]
fn an_image_is_mirrored_as_a_registry_is() {
    let samples = samples();
    let world = world("saved", &[], REQUIRED);
    // The upper layer has a newer file and takes one away.
    let mut old = zips(&samples[..2]);
    old.insert("packages/package-storage/gone-1.0.0.zip".to_owned(), Sample::new("gone", "1.0.0").zip);
    let mut new = zips(&samples[2..]);
    new.insert("packages/package-storage/.wh.gone-1.0.0.zip".to_owned(), Vec::new());
    new.insert("usr/bin/package-registry".to_owned(), vec![7; 4096]);
    save(&world, &[old, new]);
    let dry = good(&world, "--dry-run");
    let bytes: usize = samples.iter().map(|sample| sample.zip.len()).sum();
    assert!(dry.stdout.starts_with("up: would fetch 3 versions, "), "{dry:#?}");
    assert!(world.files_below_layer().is_empty());
    let planned = outcome(&good(&world, "--dry-run --format json"));
    let told: u64 = planned["plan"].as_array().unwrap().iter().map(|one| one["bytes"].as_u64().unwrap()).sum();
    assert_eq!(told, bytes as u64);
    good(&world, "");
    assert_eq!(world.placed(), World::expected(&samples));
    let record = world.record("alpha", "1.1.0");
    assert_eq!(record["url"], "image://saved/epr/alpha/alpha-1.1.0.zip");
    assert_eq!(record["format_version"], world.record("beta", "1.0.0")["format_version"]);
    assert!(record["signature"].as_str().unwrap().starts_with("good("), "{record}");
    assert!(world.upstream.asked().is_empty());
    // Nothing is read again: the layers of the image are not even there any more.
    let before = world.state();
    let names = tar_without_layers(&std::fs::read(world.case.path("epr.tar")).unwrap());
    std::fs::write(world.case.path("epr.tar"), names).unwrap();
    let again = outcome(&good(&world, "--format json"));
    assert_eq!((&again["unchanged"], &again["requests"], &again["bytes"]), (&true.into(), &0.into(), &0.into()));
    assert_eq!(world.state(), before);
    // A version that was lost is missed, and what the image said of it is no proof that it is still there.
    std::fs::remove_dir_all(world.case.path("up/beta")).unwrap();
    let run = world.mirror("");
    assert_eq!(run.code, 2, "{run:#?}");
    assert!(run.stderr.contains("cannot read the image"), "{run:#?}");
}

/// The same image with empty layers: its configuration, and so its name, is the same.
fn tar_without_layers(image: &[u8]) -> Vec<u8> {
    let mut files = Files::new();
    for entry in tar::Archive::new(image).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        std::io::copy(&mut entry, &mut bytes).unwrap();
        files.insert(path.clone(), if path.ends_with("layer.tar") { tar(&Files::new()) } else { bytes });
    }
    tar(&files)
}

/// Only what is wanted, a plan, the record as a lock file, and nobody asked.
#[test]
fn the_ways_of_mirroring_work_with_images_too() {
    let samples = samples();
    let world = world("saved", &[], REQUIRED);
    save(&world, &[zips(&samples)]);
    good(&world, "--only alpha@1.1.0");
    assert_eq!(world.placed(), World::expected(&samples[1..2]));
    let plan = world.mirror("--plan plan.json --exit-code");
    assert_eq!(plan.code, 10, "{plan:#?}");
    good(&world, "--apply plan.json");
    assert_eq!(world.placed(), World::expected(&samples));
    good(&world, "--offline");
    good(&world, "--audit");
    let before = std::fs::read(world.case.path("up/.epr-build/mirror.json")).unwrap();
    for name in ["alpha", "beta"] {
        std::fs::remove_dir_all(world.case.path("up").join(name)).unwrap();
    }
    good(&world, "--locked");
    assert_eq!(world.placed(), World::expected(&samples));
    assert_eq!(std::fs::read(world.case.path("up/.epr-build/mirror.json")).unwrap(), before);
}

/// A newer image adds; one that lost most of its versions is stopped; what is held stays, whatever an image holds now.
#[test]
fn layers_grow_from_image_to_image() {
    let samples = samples();
    let world = world("saved", &[], "keys: trusted.asc, signatures: verify");
    save(&world, &[zips(&samples[..2])]);
    good(&world, "");
    // Another image has other versions, and only one of those of the first.
    save(&world, &[zips(&[samples[1].clone(), samples[2].clone(), Sample::new("delta", "1.0.0")])]);
    let run = world.mirror("");
    assert_eq!(run.code, 0, "{run:#?}");
    assert!(run.stderr.contains("gone upstream, and kept here: alpha 1.0.0"), "{run:#?}");
    assert_eq!(world.placed().len(), 8);
    save(&world, &[zips(&samples[..1])]);
    let run = world.mirror("");
    assert_eq!(run.code, 2, "{run:#?}");
    assert!(run.stderr.contains("upstream saved lists 1 versions, the last time 3: nothing was done"), "{run:#?}");
    assert!(run.stderr.contains("hint: look at epr.tar; --accept-loss goes on"), "{run:#?}");
    let run = world.mirror("--accept-loss");
    assert_eq!(run.code, 0, "{run:#?}");
    assert_eq!(world.placed().len(), 8);
    // One catalogue is kept: that of the image in use.
    assert_eq!(std::fs::read_dir(world.case.path("up/.epr-build/images")).unwrap().count(), 1);
    // Other bytes under a version that is held.
    let changed = Sample::of("alpha", "1.0.0", "changed");
    save(&world, &[zips(std::slice::from_ref(&changed))]);
    let run = world.mirror("");
    assert_eq!(run.code, 1, "{run:#?}");
    assert!(run.stderr.contains("alpha 1.0.0: the upstream gives other bytes under this version now"), "{run:#?}");
    assert_eq!(world.placed()["alpha/alpha-1.0.0.zip"], samples[0].zip);
    let run = world.mirror("--audit --only alpha@1.0.0");
    assert_eq!(run.code, 1, "{run:#?}");
    let run = world.mirror("--accept-changed alpha@1.0.0 --reason tested");
    assert_eq!(run.code, 0, "{run:#?}");
    assert_eq!(world.placed()["alpha/alpha-1.0.0.zip"], changed.zip);
    assert_eq!(Some(&world.placed()["alpha/alpha-1.0.0.zip.sig"]), changed.signature.as_ref());
}

/// Whoever is named first gives a version, be it a registry or an image; several images are upstreams like several registries.
#[test]
fn the_first_upstream_that_lists_a_version_gives_it() {
    let (here, there) = (Sample::of("alpha", "1.0.0", "image"), Sample::of("alpha", "1.0.0", "registry"));
    let (own, other) = (Sample::new("beta", "1.0.0"), Sample::new("gamma", "1.0.0"));
    for (from, expected) in [("saved, up, other", &here), ("up, other, saved", &there)] {
        let world = world(from, std::slice::from_ref(&there), REQUIRED);
        save(&world, &[zips(&[here.clone(), own.clone()])]);
        std::fs::write(world.case.path("other.tar"), image(&[zips(&[other.clone(), own.clone()])])).unwrap();
        // An image tells digests, and so that it has other bytes than the registry gave; a registry's listing tells none.
        let run = world.mirror("");
        let warns = run.stderr.contains("warning: alpha 1.0.0: it is held as up gave it");
        assert!(run.code == 0 && warns == from.starts_with("up"), "{run:#?}");
        assert_eq!(world.placed(), World::expected(&[expected.clone(), own.clone(), other.clone()]), "{from}");
        assert_eq!(outcome(&good(&world, "--format json"))["unchanged"], true, "{from}");
        assert_eq!(std::fs::read_dir(world.case.path("up/.epr-build/images")).unwrap().count(), 2);
    }
}

/// What is no package, or is not signed as it must be, is named and refused; the rest comes.
#[test]
fn what_is_wrong_in_an_image_is_refused_and_the_rest_comes() {
    let samples = samples();
    let world = world("saved", &[], REQUIRED);
    let mut files = zips(&samples);
    let unsigned = Sample { signature: None, ..Sample::new("gamma", "1.0.0") };
    let wrong = Sample { signature: Sample::new("delta", "1.0.0").signature, ..Sample::new("delta", "1.1.0") };
    files.extend(zips(&[unsigned, wrong]));
    let cut = &samples[0].zip[..samples[0].zip.len() / 2];
    files.insert("packages/package-storage/cut-1.0.0.zip".to_owned(), cut.to_vec());
    let other = Sample::of("beta", "1.0.0", "other").zip;
    files.insert("packages/package-storage/more/beta-1.0.0.zip".to_owned(), other);
    files.extend(folder("omega", "1.0.0").into_iter().map(
        |(path, bytes)| match path.ends_with("1.0.0/manifest.yml") {
            true => (path, b"name: omega\nversion: 1.0.0\n".to_vec()),
            false => (path, bytes),
        },
    ));
    save(&world, &[files]);
    let run = world.mirror("");
    assert_eq!(run.code, 1, "{run:#?}");
    assert!(run.stdout.contains("; that asks no server\n") && !run.stdout.contains("asked"), "{run:#?}");
    for part in [
        "error: gamma 1.0.0: it has no signature, and the layer requires one",
        "error: delta 1.1.0: the signature",
        "error: packages/package-storage/cut-1.0.0.zip: ",
        "error: packages/package-storage/more/beta-1.0.0.zip: it is beta 1.0.0, which lies there twice; the first one counts",
        "error: packages/omega/1.0.0: ",
    ] {
        assert!(run.stderr.contains(part), "{part}: {run:#?}");
    }
    assert_eq!(world.placed(), World::expected(&samples));
    // All of it lasts, is told again, and the image is not read again.
    let again = world.mirror("--format json");
    assert_eq!(again.code, 1, "{again:#?}");
    assert_eq!(outcome(&again)["unchanged"], true, "{again:#?}");
    assert_eq!(outcome(&again)["refused"].as_array().unwrap().len(), 5, "{again:#?}");
}

/// Version folders of older images become the zips that a build makes of them, unsigned.
#[test]
fn folders_become_the_zips_of_a_build() {
    let world = world("saved", &[], "");
    let mut files = folder("omega", "1.0.0");
    files.extend(folder("omega", "1.1.0"));
    let signature = Sample::new("omega", "1.0.0").signature.unwrap();
    files.insert("packages/omega/1.0.0.zip.sig".to_owned(), signature.clone());
    let (lower, upper): (Files, Files) = files.into_iter().partition(|(path, _)| path.contains("manifest"));
    save(&world, &[lower, upper]);
    good(&world, "");
    let placed = world.placed();
    assert_eq!(placed.keys().collect::<Vec<_>>(), ["omega/omega-1.0.0.zip", "omega/omega-1.1.0.zip"]);
    // The same folders as a layer.
    let case = crate::harness::Case::new().package("own", "omega", "1.0.0", "in a folder");
    let case = case.package("own", "omega", "1.1.0", "in a folder");
    case.reconfigure("distributions: {mirrored: [own]}\nlayers: {own: {paths: own}}\n");
    assert_eq!(case.run(&["--dist", "mirrored", "--quiet"]).code, 0);
    for (path, bytes) in &placed {
        let made = case.path("out/mirrored/current/site/epr").join(path);
        assert!(std::fs::read(&made).unwrap() == *bytes, "{path}");
    }
    assert_eq!(outcome(&good(&world, "--format json"))["unchanged"], true);
}

/// Once an image was mirrored its file may go: it is an upstream that cannot be asked, and hinders no other.
#[test]
fn an_image_that_is_gone_hinders_nothing_that_needs_it_not() {
    let samples = samples();
    let world = world("saved, up", &samples[2..], REQUIRED);
    save(&world, &[zips(&samples[..2])]);
    good(&world, "");
    let known = good(&world, "");
    assert!(known.stdout.contains("  known      epr.tar, and nothing of it was read again; that asks"), "{known:#?}");
    std::fs::remove_file(world.case.path("epr.tar")).unwrap();
    for arguments in ["--locked", "--offline", "--audit --offline"] {
        good(&world, arguments);
    }
    let more = Sample::new("gamma", "1.0.0");
    world.serve(&[samples[2].clone(), more.clone()]);
    for arguments in ["--dry-run", "", ""] {
        let run = world.mirror(arguments);
        assert_eq!(run.code, 3, "{arguments}: {run:#?}");
        let words = "error: the listing of upstream saved cannot be had: cannot read the image epr.tar: there is no such file\n\
                     hint: is the disk there on which it lies? If it may be gone, take `saved` out of `from` of the layer; \
                     --offline asks nobody\n";
        assert_eq!(run.stderr, words, "{arguments}");
        assert_eq!(run.stdout.contains("would fetch 1 version"), arguments == "--dry-run", "{run:#?}");
    }
    assert_eq!(world.placed(), World::expected(&[samples.to_vec(), vec![more]].concat()));
    // What only the image has cannot be had now, and nothing of it counts as gone.
    std::fs::remove_dir_all(world.case.path("up/alpha")).unwrap();
    let run = world.mirror("");
    assert!(run.code == 3 && run.stderr.contains("alpha 1.0.0: upstream saved cannot be asked for it now"), "{run:#?}");
    assert!(!run.stderr.contains("gone upstream"), "{run:#?}");
    let run = world.mirror("--locked");
    assert!(run.code == 3 && run.stderr.contains("upstream saved: cannot read the image epr.tar"), "{run:#?}");
    configure(&world, "up", REQUIRED);
    let run = world.mirror("");
    assert!(
        run.code == 1 && run.stderr.contains("it was held, lies no more in the layer, and no upstream"),
        "{run:#?}"
    );
}

/// A damaged image, and one that is not there, change nothing.
#[test]
fn what_is_damaged_or_absent_changes_nothing() {
    let samples = samples();
    let world = world("saved", &[], REQUIRED);
    let run = world.mirror("");
    assert_eq!(run.code, 3, "{run:#?}");
    assert!(run.stderr.contains("cannot read the image epr.tar: there is no such file"), "{run:#?}");
    assert!(
        run.stderr.contains("hint: is the disk there on which it lies? If it may be gone, take `saved`"),
        "{run:#?}"
    );
    let whole = image(&[zips(&samples[..1]), zips(&samples[1..])]);
    let digit = whole.windows(9).position(|window| window == b"diff_ids\"").unwrap() + 30;
    let mut flipped = whole.clone();
    flipped[digit] ^= 1;
    for (bytes, part) in [
        (&whole[..whole.len() / 3], "cut short"),
        (&flipped, "is damaged"),
        (&gzip(&whole)[..2000], "damaged, or was cut short"),
        (&b"nonsense"[..], "cannot read the image epr.tar"),
    ] {
        std::fs::write(world.case.path("epr.tar"), bytes).unwrap();
        let run = world.mirror("");
        assert_eq!(run.code, 2, "{part}: {run:#?}");
        assert!(run.stderr.contains(part), "{part}: {run:#?}");
        assert!(world.placed().is_empty());
    }
    std::fs::write(world.case.path("epr.tar"), whole).unwrap();
    good(&world, "");
    assert_eq!(world.placed(), World::expected(&samples));
}

/// `docker save | gzip`: read from end to end once, and then known by its state.
#[test]
fn images_that_are_packed_as_a_whole_are_read_too() {
    let samples = samples();
    let whole = image(&[zips(&samples[..2]), zips(&samples[2..])]);
    for packed in [gzip(&whole), zstd::encode_all(whole.as_slice(), 1).unwrap()] {
        let world = world("saved", &[], REQUIRED);
        std::fs::write(world.case.path("epr.tar"), packed).unwrap();
        good(&world, "");
        assert_eq!(world.placed(), World::expected(&samples));
        assert_eq!(outcome(&good(&world, "--format json"))["unchanged"], true);
        assert_eq!(std::fs::read_dir(world.case.path("up/.epr-build/images")).unwrap().count(), 2);
        // As a layer it gives the same packages, and is not read again either.
        world.case.reconfigure("distributions: {mirrored: [up]}\nlayers: {up: {paths: epr.tar}}\n");
        for _ in 0..2 {
            let build = world.case.run(&["--dist", "mirrored", "--quiet"]);
            assert_eq!((build.code, build.stderr.as_str()), (0, ""), "{build:#?}");
        }
        for (path, bytes) in World::expected(&samples) {
            assert!(std::fs::read(world.case.path("out/mirrored/current/site/epr").join(&path)).unwrap() == bytes);
        }
    }
}

/// A little file of which much comes out fills no disk and is not read for ever.
#[test]
fn little_files_of_which_much_comes_out_are_refused() {
    let world = world("saved", &[], "");
    // A gigabyte of nothing behind the packages.
    let nothing = std::io::repeat(0).take((1 << 30) + (1 << 24));
    let layer = zstd::encode_all(std::io::Cursor::new(tar(&zips(&samples()))).chain(nothing), 1).unwrap();
    let config = serde_json::json!({ "rootfs": { "diff_ids": ["sha256:00"] } }).to_string();
    let list = serde_json::json!([{ "Config": "c", "Layers": ["l"] }]).to_string();
    let files = Files::from([
        ("c".to_owned(), config.into_bytes()),
        ("l".to_owned(), layer),
        ("manifest.json".to_owned(), list.into_bytes()),
    ]);
    std::fs::write(world.case.path("epr.tar"), tar(&files)).unwrap();
    let run = world.mirror("");
    assert_eq!(run.code, 2, "{run:#?}");
    assert!(run.stderr.contains("more than 200 times smaller"), "{run:#?}");
    assert!(world.placed().is_empty());
}

/// Runs that are killed end as if nothing had happened.
#[test]
fn a_run_that_was_killed_is_finished_by_the_next_one() {
    if !can_trace() {
        return;
    }
    let samples = samples();
    let layers = [zips(&samples[..2]), zips(&samples[2..])];
    let start = || {
        let world = world("saved", &[], REQUIRED);
        save(&world, &layers);
        world
    };
    let undisturbed = start();
    good(&undisturbed, "");
    let expected = undisturbed.state();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut killed = 0;
    for call in ["openat", "write", "renameat2", "fsync", "unlink", "mkdirat"] {
        for _ in 0..3 {
            let world = start();
            let inject = format!("inject={call}:signal=KILL:when={}", dice.below(25) + 1);
            let trace = format!("trace=?{call}");
            let (code, stderr) = traced(&world, &[], &["-o", "/dev/null", "-e", &trace, "-e", &inject]);
            assert!(matches!(code, None | Some(0)), "{inject}: {code:?} {stderr}");
            killed += usize::from(code.is_none());
            good(&world, "");
            assert_eq!(world.state(), expected, "{inject}");
        }
    }
    assert!(killed > 4, "{killed}");
}

/// Images that other tools write, in all forms.
#[test]
fn images_of_other_tools_are_upstreams() {
    let (Some(skopeo), Some(umoci)) = (running::binary("skopeo"), running::binary("umoci")) else { return };
    let samples = samples();
    let world = world("saved", &[], REQUIRED);
    let run = |command: &mut Command| {
        let output = command.current_dir(world.case.path(".")).output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    for (path, bytes) in zips(&samples) {
        std::fs::create_dir_all(world.case.path("zips")).unwrap();
        std::fs::write(world.case.path("zips").join(path.rsplit('/').next().unwrap()), bytes).unwrap();
    }
    run(Command::new(&umoci).args(["init", "--layout", "oci"]));
    run(Command::new(&umoci).args(["new", "--image", "oci:production"]));
    let to = "/packages/package-storage";
    run(Command::new(&umoci).args(["insert", "--rootless", "--image", "oci:production", "zips", to]));
    let forms = ["docker-archive:docker.tar:registry:production", "oci-archive:archive.tar:production"];
    for form in forms {
        run(Command::new(&skopeo).args(["copy", "--quiet", "oci:oci:production", form]));
    }
    for form in ["oci", "docker.tar", "archive.tar"] {
        let _ = std::fs::remove_dir_all(world.case.path("up"));
        let config = std::fs::read_to_string(world.case.path("epr-build.yml")).unwrap();
        world.case.reconfigure(&config.replace("image: epr.tar", &format!("image: {form}")));
        good(&world, "");
        assert_eq!(world.placed(), World::expected(&samples), "{form}");
        world.case.reconfigure(&config);
    }
}

/// What an image holds can be chosen from before anything is mirrored, whether it is an upstream or only a file.
#[test]
fn selections_choose_from_images() {
    let world = world("saved", &samples(), "");
    save(&world, &[zips(&samples()), folder("alpha", "0.9.0")]);
    let config = std::fs::read_to_string(world.case.path("epr-build.yml")).unwrap();
    world.case.reconfigure(&format!("{config}selections: {{few: {{take: [{{name: alpha, latest: all}}]}}}}\n"));
    // What is unpacked meanwhile lies in a folder for what passes, which is inside of this one here.
    let files = || world.case.tree().into_iter().filter(|(path, _)| path.is_file()).collect::<Vec<_>>();
    let before = files();
    let select = |from: &[&str]| {
        let arguments = [&["select", "few", "--format", "json"], from].concat();
        let output = world.command(&arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let (named, file) = (select(&["--from", "saved"]), select(&["--from", "epr.tar"]));
    assert_eq!(files(), before, "nothing is written");
    assert_eq!((&named["from"][0], &file["from"][0]), (&"upstream saved (epr.tar)".into(), &"image epr.tar".into()));
    let versions: Vec<_> =
        named["versions"].as_array().unwrap().iter().map(|one| one["version"].as_str().unwrap()).collect();
    assert!(versions.len() >= 3 && versions.contains(&"0.9.0"), "{named:#}");
    assert_eq!(named["versions"], file["versions"]);
    assert_eq!(
        (&named["taken"]["of_unknown_size"], &named["warnings"]),
        (&0.into(), &serde_json::json!([])),
        "{named:#}"
    );
    // After a mirror the layer says the same.
    good(&world, "");
    assert_eq!(select(&[])["taken"]["versions"], named["taken"]["versions"]);
}
