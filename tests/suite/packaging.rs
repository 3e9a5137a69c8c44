//! What is made to be installed: the unit, the manifests and the Debian package, checked by the tools that know them.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::built::{Generation, build_samples};
use crate::image::static_program;
use crate::running;
use epr_build::answers::route::model::Routes;
use epr_build::hosts::{HostOptions, systemd};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Runs a checker, and fails with what it says.
fn check(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

// By the schemas of Kubernetes, strictly: a misspelt key is an error.
#[test]
fn kubernetes_takes_the_manifests() {
    let Some(validate) = running::binary("kubernetes-validate") else { return };
    let home = build_samples();
    let generation = Generation::open(&home.path().join("out"), "staging");
    let file = generation.folder.join("hosts/kubernetes/registry.yaml");
    let said = check(Command::new(&validate).arg("--strict").arg(&file));
    for kind in ["Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"] {
        assert!(fs::read_to_string(&file).unwrap().contains(&format!("kind: {kind}\n")), "{kind}");
    }
    assert!(!said.contains("ERROR"), "{said}");
    // The checker does see what is wrong.
    let wrong = home.path().join("wrong.yaml");
    fs::write(&wrong, fs::read_to_string(&file).unwrap().replace("replicas: 2", "replicas: many")).unwrap();
    assert!(!Command::new(&validate).arg("--strict").arg(&wrong).output().unwrap().status.success());
}

// systemd understands every key of the unit, and finds it well confined.
#[test]
fn systemd_takes_the_unit() {
    let Some(analyze) = running::binary("systemd-analyze") else { return };
    let home = build_samples();
    let generation = Generation::open(&home.path().join("out"), "staging");
    let unit = fs::read_to_string(generation.folder.join("hosts/systemd/epr-build@.service")).unwrap();
    let fallback = "unix:/run/epr-build/staging.sock".parse().unwrap();
    let options = HostOptions { fallback, ..HostOptions::default() };
    let files = systemd::render(&Routes::default(), &options).unwrap();
    let (_, fallback) = files.into_iter().find(|(name, _)| name == "epr-build-fallback.service").unwrap();
    for (name, unit) in [("epr-build@staging.service", unit), ("epr-build-fallback.service", fallback)] {
        // The checker looks for the program too.
        let unit = unit.replace("/usr/bin/epr-build", env!("CARGO_BIN_EXE_epr-build"));
        let path = home.path().join(name);
        fs::write(&path, unit).unwrap();
        // As it would be installed, whatever the umask.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let output = Command::new(&analyze).arg("verify").arg("--man=no").arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let ours: Vec<_> =
            said.lines().filter(|line| line.contains("epr-build@") || line.contains("fallback")).collect();
        assert!(output.status.success() && ours.is_empty(), "{said}");
    }
}

// The package is the same twice, has no errors by Debian's own checker, and what is in it runs.
#[test]
fn the_debian_package_is_good() {
    let Some(program) = static_program() else { return };
    let (Some(lintian), Some(dpkg)) = (running::binary("lintian"), running::binary("dpkg-deb")) else { return };
    let folder = TempDir::new().unwrap();
    let make = |name: &str| {
        let output = folder.path().join(name);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/debian.sh");
        let mut command = Command::new("bash");
        command.arg(script).arg(&program).arg(&output).env("DEB_MAINTAINER", "Nobody <nobody@example.org>");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let (first, second) = (make("first"), make("second"));
    assert!(fs::read(&first).unwrap() == fs::read(second).unwrap(), "two packages of the same program differ");
    check(
        Command::new(&lintian)
            .args(["--allow-root", "--fail-on", "error,warning", "--no-tag-display-limit"])
            .arg(&first),
    );
    let root = folder.path().join("root");
    check(Command::new(dpkg).arg("-x").arg(&first).arg(&root));
    let version = check(Command::new(root.join("usr/bin/epr-build")).arg("--version"));
    assert_eq!(version.trim(), concat!("epr-build ", env!("CARGO_PKG_VERSION")));
    for file in ["lib/systemd/system/epr-build@.service", "usr/share/man/man1/epr-build.1.gz"] {
        assert!(root.join(file).is_file(), "{file}");
    }
    let unit = fs::read_to_string(root.join("lib/systemd/system/epr-build@.service")).unwrap();
    assert!(!unit.contains("{{"), "{unit}");
}
