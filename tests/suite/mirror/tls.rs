//! HTTPS: an authority of one's own, and certificates that are not to be trusted.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::world::{QUICK, Sample, World};
use crate::harness::Case;
use crate::in_process::Server;
use crate::running;
use epr_build::serve::{ServeOptions, TlsFiles};
use std::path::Path;
use std::process::Command;

/// A certificate, valid for so many days from now on and for this name.
fn certificate(openssl: &Path, folder: &Path, days: &str, name: &str) -> TlsFiles {
    std::fs::create_dir_all(folder).unwrap();
    let files = TlsFiles { certificate: folder.join("epr.crt"), key: folder.join("epr.key"), only_v13: false };
    let names = format!("subjectAltName={name}");
    let made = Command::new(openssl)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", "/CN=mirror", "-addext", &names, "-addext", "basicConstraints=critical,CA:FALSE"])
        .args(if days.starts_with("2020") {
            vec!["-not_before", "20200101000000Z", "-not_after", days]
        } else {
            vec!["-days", days]
        })
        .arg("-out")
        .arg(&files.certificate)
        .arg("-keyout")
        .arg(&files.key)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    files
}

#[test]
fn certificates_are_checked_and_an_authority_of_ones_own_counts() {
    let Some(openssl) = running::binary("openssl") else { return };
    let sample = Sample::new("alpha", "1.0.0");
    let source = Case::new().config("distributions: {mirrored: [up]}\nlayers: {up: {paths: up}}\nui: no\n");
    for (path, bytes) in World::expected(std::slice::from_ref(&sample)) {
        let path = source.path("up").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    assert_eq!(source.run(&["--dist", "mirrored", "--quiet"]).code, 0);
    let good = "IP:127.0.0.1";
    for (name, days, names, has_ca, expected) in [
        ("own authority", "2", good, true, Ok(())),
        ("unknown authority", "2", good, false, Err("UnknownIssuer")),
        ("another name", "2", "DNS:other.example", true, Err("NotValidForName")),
        ("expired", "20200201000000Z", good, true, Err("Expired")),
    ] {
        let folder = source.path(&name.replace(' ', "-"));
        let has_dates = Command::new(&openssl).args(["req", "-help"]).output().unwrap();
        if days.starts_with("2020") && !String::from_utf8_lossy(&has_dates.stderr).contains("-not_before") {
            // Only newer ones can make what has expired.
            continue;
        }
        let tls = certificate(&openssl, &folder, days, names);
        let mut options = ServeOptions::new(source.path("out/mirrored/current"));
        options.tls = Some(tls.clone());
        let server = Server::start(options);
        let world = World::new(&[], "", "");
        let ca = if has_ca { format!(", ca: \"{}\"", tls.certificate.display()) } else { String::new() };
        std::fs::write(
            world.case.path("epr-build.yml"),
            format!(
                "distributions: {{mirrored: [up]}}\nupstreams: {{up: {{url: \"https://{}\", {QUICK}{ca}}}}}\n\
                 layers: {{up: {{paths: up, mirror: {{from: [up]}}}}}}\n",
                server.address
            ),
        )
        .unwrap();
        let run = world.mirror("");
        match expected {
            Ok(()) => {
                assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{name}: {run:#?}");
                assert_eq!(world.placed(), World::expected(std::slice::from_ref(&sample)));
            }
            Err(word) => {
                assert_eq!(run.code, 3, "{name}: {run:#?}");
                assert!(run.stderr.contains("the certificate of the server is not trusted"), "{name}: {run:#?}");
                assert!(run.stderr.contains(word) && run.stderr.contains("name that in `ca`"), "{name}: {run:#?}");
                assert!(world.placed().is_empty());
            }
        }
    }
    // A file that holds no certificate is said before anything is asked.
    let world = World::new(&[sample], "", "ca: trusted.asc");
    let run = world.mirror("");
    assert_eq!(run.code, 2, "{run:#?}");
    assert!(run.stderr.contains("trusted.asc` holds no certificate\nhint: `ca` names a file in PEM"), "{run:#?}");
}
