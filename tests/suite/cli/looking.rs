//! Commands that look, and commands that refuse, write nothing at all; errors of stores say what to do.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::good;
use crate::harness::Case;
use crate::running;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Each command in forms that look or that refuse, with its exit code in an empty folder and in one with a build.
/// `DIR` stands for the folder itself.
const FORMS: &[(&str, i32, i32)] = &[
    ("init --yes --output epr-build.yml --upstream nonsense", 2, 2),
    ("init --yes --no-upstream --no-in-house", 2, 2),
    ("build --dist nope", 2, 2),
    ("build --dist staging --packages nowhere", 2, 2),
    ("build --dist staging --config nowhere.yml", 2, 2),
    ("check --dist staging", 2, 0),
    ("check --dist nope", 2, 2),
    ("check --dist staging --against nowhere", 2, 2),
    ("serve --dist nope", 2, 2),
    ("serve --dist staging --listen nonsense", 2, 2),
    ("probe http://127.0.0.1:1", 2, 2),
    ("include nginx --dist nope --at epr", 2, 2),
    ("include nginx --dist staging --at epr --dry-run", 2, 0),
    ("include nginx --dist staging --at epr --generation nope", 2, 2),
    ("include nginx --dist staging --at epr --remove", 2, 2),
    ("include nginx --dist staging --at packages", 2, 2),
    ("kibana-config --url http://epr.example.org:8080", 0, 0),
    ("mirror", 2, 2),
    ("mirror production --dry-run", 2, 2),
    ("mirror nope", 2, 2),
    ("mirror --apply nope.json", 2, 2),
    ("select nope", 2, 2),
    ("select all --config nowhere.yml", 2, 2),
    ("select all --config selections.yml", 2, 0),
    ("select all --config selections.yml --explain beta --format json", 2, 0),
    ("select all --config selections.yml --from staging --diff all --format csv", 2, 0),
    ("select all --config selections.yml --from nope", 2, 2),
    ("select all --config selections.yml --from http://127.0.0.1:1", 2, 2),
    ("select vain --config selections.yml", 2, 2),
    ("add packages/staging/beta/1.0.0 --to production --dry-run", 2, 0),
    ("add nowhere --to production --dry-run", 2, 2),
    ("promote beta@1.0.0 --from staging --to production --dry-run", 2, 0),
    ("promote none@1.0.0 --from staging --to production --dry-run", 2, 1),
    ("remove beta@1.0.0 --from staging --dry-run", 2, 1),
    ("remove beta@1.0.0 --from staging --dry-run --allow-policy removed-version=beta@1.0.0 --reason x", 2, 0),
    ("remove beta --from staging --dry-run", 2, 2),
    ("keys list", 0, 0),
    ("keys list --config nowhere.yml", 2, 2),
    ("keys verify --layer staging", 2, 1),
    ("keys verify nowhere.zip", 2, 2),
    ("keys export", 0, 0),
    ("keys export --layer staging", 2, 2),
    ("keys sign --layer staging --signer cat --dry-run", 2, 2),
    ("keys sign --layer staging --signer cat --key elastic --dry-run", 2, 0),
    ("keys sign --layer staging --secret-key nowhere.asc", 2, 2),
    ("keep list", 2, 2),
    ("keep list nowhere.keep", 2, 2),
    ("keep import --from nowhere.json --output site.keep", 2, 2),
    ("keep import --from packages --output site.txt", 2, 2),
    ("keep import --kibana http://127.0.0.1:9 --api-key-file nowhere --output site.keep", 2, 2),
    ("keep check --layer staging", 2, 2),
    ("keep check --layer nope", 2, 2),
    ("keep prune staging", 2, 2),
    ("keep prune nope", 2, 2),
    ("keep prune staging --apply nowhere.list --reason x", 2, 2),
    ("generations --dist staging", 2, 0),
    ("generations --dist nope", 2, 2),
    ("rollback --dist nope", 2, 2),
    ("rollback --dist staging", 2, 2),
    ("rollback --dist staging --to nope", 2, 2),
    ("release --list --dist staging", 2, 0),
    ("release --list --dist nope", 2, 2),
    ("release 8.5.0 --dist nope", 2, 2),
    ("release not/aname --dist staging", 2, 2),
    ("release --remove 8.5.0 --reason x --dist staging", 2, 2),
    ("cache info", 2, 0),
    ("cache info --config nowhere.yml", 2, 0),
    ("cache prune --config nowhere.yml", 2, 2),
    ("init --yes --image nowhere.tar --output epr-build.yml", 2, 2),
    ("init --yes --key nowhere.asc --output epr-build.yml", 2, 2),
    ("which beta --kibana 8.17.3 --built --dist staging", 2, 0),
    ("which beta --kibana 8.17.3 --built --dist nope", 2, 2),
    ("cache info --out nope", 2, 2),
    ("cache prune --out nope", 2, 2),
    ("cache prune --out packages", 2, 2),
    ("publish --dist staging --to file://DIR/store --dry-run", 2, 0),
    (
        "publish --dist staging --to file://DIR/store --dry-run --purge-list list.txt --nginx front --origin http://a/b",
        2,
        0,
    ),
    ("publish --dist staging --to file:store", 2, 2),
    ("publish --dist staging --to nonsense", 2, 2),
    ("publish --dist nope --to file://DIR/store", 2, 2),
    ("image --dist nope --output epr.tar", 2, 2),
    ("image --dist staging --output epr.tar --program /bin/sh", 2, 2),
    ("bundle --dist nope --output epr.bundle", 2, 2),
    ("bundle --dist staging --output epr.bundle --since nope", 2, 2),
    ("unbundle nope.bundle --out far", 2, 2),
    ("unbundle /bin/sh --out far", 1, 1),
    ("verify out", 2, 0),
    ("verify nope", 2, 2),
    ("which beta --kibana 8.17.3 --dist staging", 2, 0),
    ("which nope --kibana 8.17.3 --dist staging", 2, 1),
    ("coverage --dist staging", 2, 0),
    ("coverage --dist nope", 2, 2),
    ("coverage --dist staging nope.log", 2, 2),
    ("diff out/staging out/staging", 2, 0),
    ("diff packages/staging packages/production", 2, 1),
    ("diff out/staging nope", 2, 2),
    ("log beta", 2, 0),
    ("log nope", 2, 1),
    ("log beta --dist nope", 2, 2),
    ("generate man", 0, 0),
];

/// Everything but the note of who has the lock, which a command that could have changed something leaves behind.
fn tree(case: &Case) -> BTreeMap<PathBuf, String> {
    let mut tree = case.tree();
    tree.retain(|path, _| path != &case.path("out/.lock"));
    tree
}

#[test]
fn commands_that_look_or_refuse_write_nothing() {
    let (empty, built) = (Case::new(), good());
    for case in [&empty, &built] {
        let selections = "selections: {all: {take: [{name: '*'}]}, vain: {take: [{name: nobody}]}}\n";
        std::fs::write(case.path("selections.yml"), selections).unwrap();
    }
    let run = built.run(&["--dist", "staging", "--quiet"]);
    assert_eq!(run.code, 0, "{run:?}");
    let mut wrong = Vec::new();
    for (form, in_empty, in_built) in FORMS {
        for (case, expected) in [(&empty, in_empty), (&built, in_built)] {
            let before = tree(case);
            let form = form.replace("DIR", case.path("").to_str().unwrap().trim_end_matches('/'));
            let run = case.run(&form.split(' ').collect::<Vec<_>>());
            if run.code != *expected {
                wrong.push(format!("{form}: {run:?}"));
            }
            let after = tree(case);
            let differ = after.iter().filter(|(path, entry)| before.get(*path) != Some(entry)).map(|(path, _)| path);
            let gone = before.keys().filter(|path| !after.contains_key(*path));
            wrong.extend(differ.chain(gone).map(|path| format!("{form}: changes {}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!Path::new("/store").exists(), "a relative address is not one from the root");
}

/// A new command gets a line above.
#[test]
fn every_command_is_tried() {
    let tried: BTreeSet<String> = FORMS.iter().map(|(form, ..)| form.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(tried, super::options::commands().into_iter().collect());
}

/// What a store refuses is said with what to do about it.
#[test]
fn errors_of_stores_name_the_remedy() {
    let case = good();
    assert_eq!(case.run(&["--dist", "staging", "--quiet"]).code, 0);
    let publish = |to: &str, variables: &[(&str, &str)]| {
        let mut command = case.command(&["publish", "--dist", "staging", "--to", to]);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_") || name.starts_with("AZURE_")) {
            command.env_remove(name);
        }
        let output = command.envs(variables.iter().copied()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let keys = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let plain = [&keys[..], &[("AWS_ENDPOINT_URL", "http://127.0.0.1:9")]].concat();
    for (to, variables, remedy) in [
        ("s3://bucket/a", plain.as_slice(), "AWS_ALLOW_HTTP=true"),
        ("az://container/a", &[], "AZURE_STORAGE_ACCOUNT_NAME"),
        ("file:store", &[], "file:///absolute/path"),
    ] {
        let (code, said) = publish(to, variables);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.lines().any(|line| line.starts_with("hint: ") && line.contains(remedy)), "{remedy}: {said}");
    }
}

/// A store whose certificate is from an authority of one's own is reached with `--ca`, and the way there is told.
#[test]
fn an_authority_of_ones_own_is_named() {
    let Some(openssl) = running::binary("openssl") else { return };
    let case = good();
    assert_eq!(case.run(&["--dist", "staging", "--quiet"]).code, 0);
    let extensions = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"];
    let made = Command::new(openssl)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=store", "-out", "store.crt", "-keyout", "store.key"])
        .args(extensions)
        .current_dir(case.path(""))
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    // Not a store, but whoever reads its answers has trusted its certificate.
    let server = running::start("serve", |address| {
        let tls = ["--tls-cert", "store.crt", "--tls-key", "store.key"];
        let mut command =
            case.command(&[&["serve", "--dist", "staging", "--quiet", "--listen", address][..], &tls].concat());
        command.stdout(Stdio::null());
        command
    });
    let publish = |more: &[&str]| {
        let arguments = ["publish", "--dist", "staging", "--to", "s3://bucket/a", "--dry-run"];
        let mut command = case.command(&[&arguments[..], more].concat());
        command.env("AWS_ENDPOINT_URL", format!("https://{}", server.address)).env("AWS_REGION", "nowhere");
        command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret").env_remove("SSL_CERT_FILE");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let said = publish(&["--ca", "store.crt"]);
    assert!(said.contains("404 Not Found"), "{said}");
    let said = publish(&[]);
    assert!(said.contains("\nhint: the server's certificate is not trusted") && said.contains("--ca"), "{said}");
    let said = publish(&["--ca", "store.key"]);
    assert!(said.contains("`store.key` holds no certificate\nhint: --ca names a file in PEM"), "{said}");
}
