//! A real Apache httpd with the generated configuration.

use super::check_bytes;
use super::client::Client;
use super::driver::{self, all, options, write};
use super::fallback;
use super::site::Site;
use crate::built::{program, run, sample_packages};
use crate::conformance::copy_host;
use crate::running::{self, Running};
use epr_build::hosts::HostOptions;
use epr_build::hosts::apache::render;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program, under the name that Debian gives it or under its own.
pub(crate) fn binary() -> Option<PathBuf> {
    let found = ["/usr/sbin/apache2", "/usr/sbin/httpd"].map(PathBuf::from).into_iter().find(|path| path.is_file());
    if found.is_some() { found } else { running::binary("apache2") }
}

/// httpd with the configuration in a folder, and everything that the generation holds in another.
///
/// It refuses to run as root, and another user could not read the folders of a test; so a root gives up being root, but
/// keeps the right to read.
pub(crate) fn command(binary: &Path, folder: &Path, generation: &Path) -> Command {
    let mut command = command_of_readme(binary, folder);
    command.arg("-C").arg(format!("Define EPR_GENERATION {}", generation.display()));
    command
}

/// As the README beside the configuration starts it: the folder alone leads to the generation.
fn command_of_readme(binary: &Path, folder: &Path) -> Command {
    let mut command = if rustix::process::getuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.args(["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]).arg(binary);
        command
    } else {
        Command::new(binary)
    };
    command.arg("-d").arg(folder).args(["-f", "httpd.conf", "-D", "FOREGROUND"]);
    command.stdin(std::process::Stdio::null());
    command
}

fn start(site: &Site, prefix: &str) -> Running {
    start_with_fallback(site, prefix, "")
}

fn start_with_fallback(site: &Site, prefix: &str, fallback: &str) -> Running {
    let binary = binary().unwrap();
    running::start("apache", |address| {
        let options = HostOptions { fallback: fallback.parse().unwrap(), ..options(site, prefix, address) };
        let folder = write(site, "apache", render(&site.routes, &options).unwrap(), &options);
        command(&binary, &folder, folder.parent().unwrap().parent().unwrap())
    })
}

/// The same with the tables as databases.
fn start_with_databases(site: &Site, prefix: &str) -> Running {
    let binary = binary().unwrap();
    let databases = site.folder.path().join("databases");
    running::start("apache", |address| {
        let options = options(site, prefix, address);
        let folder = write(site, "apache", render(&site.routes, &options).unwrap(), &options);
        let made = databases.join(&options.generation_id);
        fs::create_dir_all(&made).unwrap();
        for map in fs::read_dir(folder.parent().unwrap().join("tables")).unwrap() {
            let map = map.unwrap().path();
            let database = made.join(map.file_stem().unwrap());
            let mut command = Command::new("httxt2dbm");
            let output = command.args(["-f", "SDBM", "-i"]).arg(&map).arg("-o").arg(database).output().unwrap();
            assert!(output.status.success(), "{}: {output:?}", map.display());
        }
        // Without its text no table can be read by accident.
        fs::remove_dir_all(folder.parent().unwrap().join("tables")).unwrap();
        let mut command = command(&binary, &folder, folder.parent().unwrap().parent().unwrap());
        command.arg("-C").arg(format!("Define EPR_DBM {}", databases.display()));
        command
    })
}

/// httpd with the configuration of a generation, of which only the address and the file of its process id are changed.
pub(crate) fn start_generated(generation: &Path) -> Option<Running> {
    let binary = binary()?;
    let folder = copy_host(generation, "apache");
    Some(start_changed(&folder, || command(&binary, &folder, generation)))
}

fn start_changed(folder: &Path, command: impl Fn() -> Command) -> Running {
    let generated = fs::read_to_string(folder.join("httpd.conf")).unwrap();
    running::start("apache", |address| {
        let change = |line: &str| match line.split(' ').next() {
            Some("Listen") => format!("Listen {address}\n"),
            Some("PidFile") => format!("PidFile \"{}\"\n", folder.join("pid").display()),
            Some("DefaultRuntimeDir") => format!("DefaultRuntimeDir \"{}\"\n", folder.display()),
            _ => format!("{line}\n"),
        };
        fs::write(folder.join("httpd.conf"), generated.lines().map(change).collect::<String>()).unwrap();
        command()
    })
}

// Its paths are relative then, and rewritten ones must not be.
#[test]
fn apache_started_as_its_readme_says_tells_in_text_that_its_fallback_is_down() {
    let Some(binary) = binary() else { return };
    let home = tempfile::tempdir().unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(home.path().join("epr-build.yml"), "fallback: http://127.0.0.1:1\n").unwrap();
    let built = run(program(home.path()).args(["--dist", "staging", "--packages"]).arg(sample_packages()));
    assert_eq!(built.status, Some(0), "{built:#?}");
    let folder = copy_host(&home.path().join("out/staging/current"), "apache");
    let server = start_changed(&folder, || command_of_readme(&binary, &folder));
    let mut client = Client::connect(&server.address);
    let response = client.get("/search?all=true&category=security");
    assert_eq!(response.status, 503, "{response:?}");
    assert_eq!(response.body, b"this registry cannot compute the answer at the moment\n", "{response:?}");
    assert!(response.header("cache-control").unwrap().contains("no-store"), "{response:?}");
    assert_eq!(client.get("/search?prerelease=true").status, 200);
}

#[test]
fn apache_routes_as_the_reference_router() {
    if binary().is_some() {
        driver::by_chance(&start, all);
    }
}

#[test]
fn apache_routes_below_a_path() {
    if binary().is_some() {
        driver::below_a_path(&start, all);
    }
}

#[test]
fn apache_routes_by_tables_of_a_catalog() {
    if binary().is_some() {
        driver::by_a_catalog(&start, all);
    }
}

#[test]
fn apache_routes_by_databases() {
    if binary().is_some() && running::binary("httxt2dbm").is_some() {
        driver::by_a_catalog(&start_with_databases, all);
    }
}

#[test]
fn apache_sees_through_every_spelling() {
    if binary().is_some() {
        driver::by_spelling(&start, all, 1);
    }
}

#[test]
fn apache_takes_empty_tables() {
    if binary().is_some() {
        driver::empty_tables(&start);
    }
}

#[test]
fn apache_says_500_for_a_lost_answer() {
    if binary().is_some() {
        driver::lost_answers(&start);
    }
}

#[test]
fn apache_refuses_malformed_paths_with_text() {
    if binary().is_some() {
        driver::malformed(&start, &[400, 404]);
    }
}

#[test]
fn apache_asks_a_fallback_for_what_it_does_not_hold() {
    if binary().is_some() {
        fallback::all(&start_with_fallback, all, true);
    }
}

#[test]
fn apache_sends_bytes_as_asked_for() {
    if binary().is_some() {
        let site = Site::build();
        check_bytes(&site, || start(&site, ""), |server| server.address.clone());
    }
}
