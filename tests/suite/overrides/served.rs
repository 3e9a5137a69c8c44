//! The answers of the built-in server and of nginx.

use super::{BUILD, EACH, config, edit, run, world};
use crate::built::Generation;
use crate::harness::Case;
use crate::in_process::Server;
use crate::routers::client::Client;
use crate::running;
use epr_build::base::compress::gunzip;
use epr_build::serve::ServeOptions;
use serde_json::{Value, json};
use std::fs;

/// The versions in a list, as `name version`.
fn listed(client: &mut Client, target: &str) -> String {
    let response = client.get(target);
    assert_eq!(response.status, 200, "{target}");
    let list: Value = serde_json::from_slice(&response.body).unwrap();
    let id = |item: &Value| format!("{} {}", item["name"].as_str().unwrap(), item["version"].as_str().unwrap());
    list.as_array().unwrap().iter().map(id).collect::<Vec<_>>().join(", ")
}

/// What a server answers with one override of each kind, and `own`, the bytes of a build without any.
fn check(client: &mut Client, own: &Generation) {
    for (target, expected) in [
        // Hidden: the next lower one is the latest, and it is in no list.
        ("/search?package=acme&kibana.version=8.12.0", "acme 1.1.0"),
        ("/search?package=acme&all=true&prerelease=true", "acme 1.0.0, acme 1.1.0"),
        ("/search?package=gamma&all=true&prerelease=true", ""),
        ("/search?category=security&prerelease=true", ""),
        // Another condition on Kibana.
        ("/search?package=beta&kibana.version=8.12.0", "beta 1.0.0"),
        ("/search?package=beta&kibana.version=9.1.0&spec.min=2.3&spec.max=3.4", "beta 2.0.0"),
        ("/search?kibana.version=8.12.0", "acme 1.1.0, beta 1.0.0, other 1.0.0"),
        ("/search?kibana.version=8.4.0&experimental=true", ""),
        ("/search?all=true&prerelease=true", "acme 1.0.0, acme 1.1.0, beta 1.0.0, beta 2.0.0, other 1.0.0"),
        // No table holds these, so the server computes them.
        ("/search?discovery=fields:a", ""),
        ("/search?package=ac%6de&all=true&kibana.version=8.12.0", "acme 1.0.0, acme 1.1.0"),
        ("/search?package=b%65ta&kibana.version=8.12.0", "beta 1.0.0"),
    ] {
        if client.get(target).status != 501 {
            assert_eq!(listed(client, target), expected, "{target}");
        }
    }
    let mut json = |target: &str| -> Value {
        let response = client.get(target);
        assert_eq!(response.status, 200, "{target}");
        serde_json::from_slice(&response.body).unwrap()
    };
    let categories = json("/categories?prerelease=true");
    let ids: Vec<_> = categories.as_array().unwrap().iter().map(|one| (&one["id"], &one["count"])).collect();
    assert_eq!(ids, [(&json!("web"), &json!(3))], "{categories}");
    let beta = json("/search?package=beta&all=true&prerelease=true");
    let constraints: Vec<_> =
        beta.as_array().unwrap().iter().map(|one| &one["conditions"]["kibana"]["version"]).collect();
    assert_eq!(constraints, ["^8.11.0", "^9.0.0"]);
    let notice = json!({"since": "1.0.0", "description": "Use acme", "replaced_by": {"package": "acme"}});
    assert_eq!(json("/search?package=other")[0]["deprecated"], notice);
    assert_eq!(json("/package/other/1.0.0/")["deprecated"], notice);
    assert_eq!(json("/package/beta/2.0.0/")["conditions"], json!({"kibana": {"version": "^9.0.0"}}));
    // What is hidden is as it was for whoever has it, and so are files and archives of all.
    for (id, path) in [("acme", "1.2.0"), ("gamma", "1.1.0")] {
        let target = format!("/package/{id}/{path}/");
        assert_eq!(client.get(&target).body, own.get(&target), "{target}");
    }
    for (name, version) in [("acme", "1.2.0"), ("beta", "2.0.0"), ("gamma", "1.0.0"), ("other", "1.0.0")] {
        for target in [
            format!("/epr/{name}/{name}-{version}.zip"),
            format!("/package/{name}/{version}/manifest.yml"),
            format!("/package/{name}/{version}/docs/README.md"),
        ] {
            let response = client.get(&target);
            assert_eq!((response.status, response.body), (200, own.get(&target)), "{target}");
        }
    }
    // A program that copies registries sees all versions, and which of them are hidden.
    let index: Value = serde_json::from_slice(&client.get("/index/packages.json").body).unwrap();
    let before: Value = serde_json::from_slice(&own.get("/index/packages.json")).unwrap();
    assert!(index["overrides"].is_string() && before["overrides"].is_null());
    let versions = |index: &Value| -> Vec<(String, Value, bool)> {
        let all = index["packages"].as_array().unwrap().iter();
        let id = |one: &Value| format!("{} {}", one["name"].as_str().unwrap(), one["version"].as_str().unwrap());
        all.map(|one| (id(one), one["sha256"].clone(), one["hidden"] == true)).collect()
    };
    let (now, before) = (versions(&index), versions(&before));
    assert_eq!(
        now.iter().map(|(id, digest, _)| (id, digest)).collect::<Vec<_>>(),
        before.iter().map(|(id, digest, _)| (id, digest)).collect::<Vec<_>>()
    );
    let hidden: Vec<_> = now.iter().filter(|(.., hidden)| *hidden).map(|(id, ..)| id.as_str()).collect();
    assert_eq!(hidden, ["acme 1.2.0", "gamma 1.0.0", "gamma 1.1.0"]);
}

/// A build without overrides beside one with each kind.
fn built() -> (Case, Generation, Generation) {
    let case = world().config(&config(&[]));
    run(&case, &[&BUILD[..], &["--out", "plain", "--quiet"]].concat(), 0);
    case.reconfigure(&config(&EACH));
    run(&case, &[&BUILD[..], &["--quiet"]].concat(), 0);
    let own = Generation::open(&case.path("plain"), "production");
    let told = Generation::open(&case.path("out"), "production");
    (case, own, told)
}

#[test]
fn each_kind_is_answered_and_packages_stay_as_they_are() {
    let (case, own, told) = built();
    let server = Server::start(ServeOptions::new(case.path("out/production/current")));
    check(&mut Client::connect(&server.address), &own);
    // What is computed and what lies in tables is of the same versions.
    let facts: Vec<Value> = serde_json::from_slice(&fs::read(told.folder.join("facts.json")).unwrap()).unwrap();
    let ids: Vec<_> = facts.iter().map(|facts| (facts["name"].as_str().unwrap(), &facts["kibana"])).collect();
    let [old, new] = [json!("^8.11.0"), json!("^9.0.0")];
    assert_eq!(ids, [("acme", &old), ("acme", &old), ("beta", &old), ("beta", &new), ("other", &old)]);
}

#[test]
fn nginx_answers_the_same() {
    let Some(binary) = running::binary("nginx") else { return };
    let (case, own, _) = built();
    let server = running::start("nginx", |address| {
        case.reconfigure(&format!("listen: {address}\n{}", config(&EACH)));
        run(&case, &[&BUILD[..], &["--quiet"]].concat(), 0);
        running::nginx_command(&binary, &case.path("out/production/current/hosts/nginx"))
    });
    check(&mut Client::connect(&server.address), &own);
}

/// A release for one Kibana and a bundle say what the generation says that they were made from.
#[test]
fn releases_and_bundles_agree() {
    let (case, own, told) = built();
    let release = ["release", "8.12.0", "--kibana", "8.12.0", "--only-compatible", "--dist", "production"];
    run(&case, &release, 0);
    let part = fs::canonicalize(case.path("out/production/releases/8.12.0/manifest.json")).unwrap();
    let part = Generation::at(part.parent().unwrap());
    // What Kibana 8.12.0 may have installed is there, hidden or not, and also what it may no more get.
    let packages: Vec<_> = part.packages().iter().map(|one| one["path"].as_str().unwrap().to_owned()).collect();
    let ids = [
        "acme/1.0.0",
        "acme/1.1.0",
        "acme/1.2.0",
        "beta/1.0.0",
        "beta/2.0.0",
        "gamma/1.0.0",
        "gamma/1.1.0",
        "other/1.0.0",
    ];
    assert_eq!(packages, ids.map(|id| format!("/package/{id}")));
    for target in [
        "/search?package=acme&kibana.version=8.12.0",
        "/search?package=beta&all=true&prerelease=true",
        "/search?package=other&kibana.version=8.12.0",
        "/categories?prerelease=true",
        "/package/acme/1.2.0/",
        "/package/beta/2.0.0/",
        "/package/other/1.0.0/",
        "/epr/beta/beta-2.0.0.zip",
    ] {
        assert_eq!(part.get(target), told.get(target), "{target}");
    }
    assert_eq!(part.report["overrides"], told.report["overrides"]);
    // A part of the part is the part.
    assert_eq!(own.report.get("overrides"), None);

    run(&case, &["bundle", "--dist", "production", "--output", "all.bundle", "--quiet"], 0);
    run(&case, &["unbundle", "all.bundle", "--out", "far", "--quiet"], 0);
    let far = Generation::open(&case.path("far"), "production");
    epr_build::build::verify::same(&told.folder, &far.folder).unwrap();
    let server = Server::start(ServeOptions::new(case.path("far/production/current")));
    check(&mut Client::connect(&server.address), &own);
}

/// A long document has a gzip copy, which is of the same text: that which the registry tells.
#[test]
fn gzip_copies_are_of_what_is_told() {
    let case = world();
    edit(
        &case,
        "other/1.0.0",
        "description: A minimal package",
        &format!("description: {}", "A long story. ".repeat(900)),
    );
    let rules = [EACH[2], "package: other, kibana: ^9.0.0, reason: waits"];
    for (rules, words) in [(&rules[..1], "\"Use acme\""), (&rules[1..], "\"^9.0.0\""), (&rules[..], "\"^9.0.0\"")] {
        case.reconfigure(&config(rules));
        run(&case, &[&BUILD[..], &["--quiet"]].concat(), 0);
        let generation = Generation::open(&case.path("out"), "production");
        let path = "/documents/other/1.0.0.json";
        let text = fs::read(generation.file(path)).unwrap();
        assert_eq!(gunzip(&fs::read(generation.file(&format!("{path}.gz"))).unwrap()).unwrap(), text);
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains(words) && text.contains("A long story."), "{text}");
    }
}
