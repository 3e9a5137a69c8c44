//! Layers that are container images: as other tools write them, and our own.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::built::{Generation, build_samples};
use crate::harness::{Case, Run};
use crate::image::static_program;
use crate::running;
use std::fs;
use std::path::Path;
use std::process::Command;

const DISTRIBUTION: &str = "elastic";

#[track_caller]
fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Zips and signatures of the sample packages, in the folder `zips`.
fn zips(case: &Case) {
    let samples = build_samples();
    let generation = Generation::open(&samples.path().join("out"), "snapshot");
    fs::create_dir(case.path("zips")).unwrap();
    let archives = generation.files().into_iter().filter(|(path, _)| path.starts_with("/epr/"));
    let copied = archives.map(|(path, file)| fs::copy(file, case.path("zips").join(path.rsplit('/').next().unwrap())));
    assert!(copied.map(Result::unwrap).count() > 20);
}

/// Builds the distribution from a path, and returns the name of its generation.
#[track_caller]
fn built(case: &Case, path: &str, out: &str) -> String {
    let run = build(case, path, out);
    assert_eq!(run.code, 0, "{path}: {run:#?}");
    let current = fs::read_link(case.path(out).join(DISTRIBUTION).join("current")).unwrap();
    current.file_name().unwrap().to_str().unwrap().to_owned()
}

fn build(case: &Case, path: &str, out: &str) -> Run {
    let text =
        format!("layers:\n  elastic:\n    paths: {path}\ndistributions:\n  {DISTRIBUTION}: {{layers: [elastic]}}\n");
    fs::write(case.path("epr-build.yml"), text).unwrap();
    case.run(&["--dist", DISTRIBUTION, "--out", out, "--quiet"])
}

/// An image with the zips where the registry has them, as a folder of OCI. One more layer removes what is no package.
fn made_by_umoci(case: &Case, umoci: &Path) {
    let layout = case.path("oci");
    let image = format!("{}:production", layout.display());
    succeed(Command::new(umoci).args(["init", "--layout"]).arg(&layout));
    succeed(Command::new(umoci).args(["new", "--image", &image]));
    fs::write(case.path("other.zip"), "no package").unwrap();
    for (file, to) in
        [("other.zip", "/packages/package-storage/other-1.0.0.zip"), ("zips", "/packages/package-storage")]
    {
        succeed(Command::new(umoci).args(["insert", "--rootless", "--image", &image]).arg(case.path(file)).arg(to));
    }
    let whiteout = "/packages/package-storage/other-1.0.0.zip";
    succeed(Command::new(umoci).args(["insert", "--rootless", "--image", &image, "--whiteout", whiteout]));
}

/// The same packages make the same generation, in whatever form other tools hand them over. A second build reads nothing,
/// and a damaged image replaces nothing.
#[test]
fn images_of_other_tools_are_layers() {
    let (Some(skopeo), Some(umoci)) = (running::binary("skopeo"), running::binary("umoci")) else { return };
    let case = Case::new();
    zips(&case);
    let expected = built(&case, "zips", "plain");
    made_by_umoci(&case, &umoci);
    assert_eq!(built(&case, "oci", "folder"), expected);
    for form in ["docker-archive:docker.tar:registry:production", "oci-archive:archive.tar:production"] {
        let mut copy = Command::new(&skopeo);
        succeed(copy.current_dir(case.path(".")).args(["copy", "--quiet", "oci:oci:production", form]));
        let file = form.split(':').nth(1).unwrap();
        assert_eq!(built(&case, file, "out"), expected, "{form}");
        assert_eq!(fs::read_dir(case.path("out/.images")).unwrap().count(), if file == "docker.tar" { 1 } else { 2 });
    }
    // What is unpacked is told, and goes when no layer of the configuration is that image any more.
    let info = case.run(&["cache", "info"]);
    assert_eq!(info.stdout.matches("  image ").count(), 2, "{info:#?}");
    let prune = case.run(&["cache", "prune"]);
    assert_eq!((prune.code, prune.stdout.matches("  image ").count()), (0, 1), "{prune:#?}");
    assert!(prune.stdout.lines().next().unwrap().contains("1 image, "), "{prune:#?}");
    assert!(prune.stdout.contains("/docker.tar, ") && !prune.stdout.contains("/archive.tar, "), "{prune:#?}");
    assert_eq!(fs::read_dir(case.path("out/.images")).unwrap().count(), 1);
    let config = fs::read(case.path("epr-build.yml")).unwrap();
    fs::remove_file(case.path("epr-build.yml")).unwrap();
    let prune = case.run(&["cache", "prune"]);
    assert_eq!((prune.code, prune.stdout.matches("  image ").count()), (0, 0), "{prune:#?}");
    fs::write(case.path("epr-build.yml"), config).unwrap();
    // The second build reads no package again.
    let run = case.run(&["--dist", DISTRIBUTION, "--out", "out"]);
    assert_eq!(run.code, 0, "{run:#?}");
    assert!(!format!("{}{}", run.stdout, run.stderr).contains("read "), "{run:#?}");

    let image = fs::read(case.path("docker.tar")).unwrap();
    fs::write(case.path("docker.tar"), &image[..image.len() / 2]).unwrap();
    fs::remove_dir_all(case.path("out/.images")).unwrap();
    let run = build(&case, "docker.tar", "out");
    assert_eq!(run.code, 2, "{run:#?}");
    assert!(run.stderr.contains("cannot read the image docker.tar: the tar file was cut short"), "{}", run.stderr);
    let current = fs::read_link(case.path("out").join(DISTRIBUTION).join("current")).unwrap();
    assert!(current.ends_with(&expected));
    let left = walkdir::WalkDir::new(case.path("out/.images")).into_iter().filter_map(Result::ok);
    assert_eq!(left.filter(|entry| entry.file_type().is_file()).count(), 0);

    // What was unpacked of a file that is gone is forgotten, and nothing is written into an image.
    fs::remove_file(case.path("archive.tar")).unwrap();
    assert_eq!(built(&case, "oci", "out"), expected);
    assert_eq!(fs::read_dir(case.path("out/.images")).unwrap().count(), 1);
    let before = case.tree().into_keys().filter(|path| path.starts_with(case.path("oci"))).count();
    let run = case.run(&["add", "zips/acme_access-1.0.0.zip", "--to", "elastic"]);
    assert_eq!(run.code, 2, "{run:#?}");
    assert!(run.stderr.contains("oci, into which nothing is written"), "{}", run.stderr);
    assert_eq!(case.tree().into_keys().filter(|path| path.starts_with(case.path("oci"))).count(), before);
    // Commands that write nothing read it, too.
    let run = case.run(&["check", "--dist", DISTRIBUTION]);
    assert_eq!(run.code, 0, "{run:#?}");
}

/// An image that `epr-build image` wrote gives back the packages that it was made of.
#[test]
fn our_own_images_are_layers() {
    let Some(program) = static_program() else { return };
    let case = Case::new();
    zips(&case);
    let expected = built(&case, "zips", "plain");
    let program = program.to_str().unwrap();
    let run =
        case.run(&["image", "--dist", DISTRIBUTION, "--out", "plain", "--output", "own.tar", "--program", program]);
    assert_eq!(run.code, 0, "{run:#?}");
    assert_eq!(built(&case, "own.tar", "again"), expected);
    // As an upstream it fills a layer with the same zips and signatures.
    case.reconfigure(
        "upstreams: {saved: {image: own.tar}}\nlayers: {filled: {paths: filled, mirror: {from: [saved]}}}\n\
         distributions: {elastic: {layers: [filled]}}\n",
    );
    let run = case.run(&["mirror"]);
    assert_eq!(run.code, 0, "{run:#?}");
    let mut count = 0;
    for entry in walkdir::WalkDir::new(case.path("filled")).into_iter().map(Result::unwrap) {
        let name = entry.file_name().to_str().unwrap();
        if name.contains(".zip") {
            assert!(fs::read(entry.path()).unwrap() == fs::read(case.path("zips").join(name)).unwrap(), "{name}");
            count += 1;
        }
    }
    assert_eq!(count, fs::read_dir(case.path("zips")).unwrap().count());
}
