//! The pages for people: how they are served, what they link to, when they change, and how they behave in a browser.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

use crate::harness::{Case, samples};
use crate::routers::client::{Client, Response};
use crate::routers::{apache, caddy, edge_sites, haproxy};
use crate::running::{self, Running};
use epr_build::base::headers::{POLICY, SANDBOX};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Text that is a script, a tag and an attribute wherever it is not escaped.
const HOSTILE: &str = "\"'><script>window.pwned=1;alert(1)</script><img src=x onerror=\"window.pwned=1\">{{ 7 * 7 }}";
/// A picture that runs something when it is opened by itself.
const HOSTILE_SVG: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9' onload=\"window.pwned=1\"><script>window.pwned=1;document.documentElement.setAttribute('data-pwned','1')</script><rect width='9' height='9'/></svg>";
const HOSTILE_README: &str = "# Hostile <script>window.pwned=1</script>\n\n<script>window.pwned=1</script>\n<iframe src=\"https://example.invalid/\"></iframe>\n<img src=x onerror=\"window.pwned=1\">\n<svg onload=\"window.pwned=1\"></svg>\n<style>body{display:none}</style>\n\n![out](https://example.invalid/a.png) ![in](../img/icon.svg)\n[bad](javascript:window.pwned=1) [odd](a%20b%23.md)\n\n<form action=\"https://example.invalid\"><input name=a></form>\n\n| a | <b onclick=\"window.pwned=1\">b</b> |\n|---|---|\n| 1 | 2 |\n\n    code <script>window.pwned=1</script>\n";

/// A package whose every text is hostile.
fn hostile(workspace: Case) -> Case {
    let quoted = serde_json::to_string(HOSTILE).unwrap();
    let manifest = format!(
        "format_version: 3.0.0\nname: hostile\ntitle: {quoted}\nversion: 1.0.0\ndescription: {quoted}\ntype: integration\n\
         categories: [web]\nconditions:\n  kibana: {{version: '^8.0.0'}}\n  elastic: {{subscription: {quoted}}}\n\
         owner: {{github: {quoted}, type: {quoted}}}\nsource: {{license: {quoted}}}\n\
         icons:\n- {{src: /img/icon.svg, title: {quoted}, type: image/svg+xml}}\n\
         screenshots:\n- {{src: /img/icon.svg, title: {quoted}, type: image/svg+xml}}\n\
         deprecated: {{since: 1.0.0, description: {quoted}, replaced_by: {{package: {quoted}}}}}\n\
         policy_templates:\n- name: {quoted}\n  title: {quoted}\n  description: {quoted}\n  inputs:\n  - type: {quoted}\n    title: {quoted}\n    \
         description: {quoted}\n    vars:\n    - {{name: a, type: text, title: {quoted}, description: {quoted}, default: {quoted}}}\n"
    );
    let stream = format!(
        "title: {quoted}\ntype: logs\nstreams:\n- input: logfile\n  title: {quoted}\n  description: {quoted}\n"
    );
    let changelog = format!(
        "- version: 1.0.0\n  changes:\n  - {{description: {quoted}, type: {quoted}, link: 'javascript:window.pwned=1'}}\n\
         - version: {quoted}\n  changes:\n  - {{description: a, type: bugfix, link: https://example.invalid/}}\n"
    );
    let fields = format!(
        "- {{name: data_stream.type, type: constant_keyword}}\n- {{name: data_stream.dataset, type: constant_keyword}}\n\
         - {{name: data_stream.namespace, type: constant_keyword}}\n- {{name: '@timestamp', type: date}}\n\
         - {{name: {quoted}, type: {quoted}, description: {quoted}, unit: {quoted}}}\n"
    );
    let below = |path: &str| format!("packages/production/hostile/1.0.0/{path}");
    workspace
        .file(&below("manifest.yml"), &manifest)
        .file(&below("changelog.yml"), &changelog)
        .file(&below("docs/README.md"), HOSTILE_README)
        .file(&below("docs/a b#.md"), HOSTILE_README)
        .file(&below("docs/page.html"), &format!("<html><body>{HOSTILE}</body></html>"))
        .file(&below("img/icon.svg"), HOSTILE_SVG)
        .file(&below("data_stream/log/manifest.yml"), &stream)
        .file(&below("data_stream/log/fields/fields.yml"), &fields)
        .file(&below("data_stream/log/agent/stream/stream.yml.hbs"), "a: b")
}

/// The samples, a hostile package, one that is left out, and one that two layers hold with different content.
fn workspace() -> Case {
    let mut workspace = hostile(Case::new());
    let all = walkdir::WalkDir::new(samples()).into_iter().map(Result::unwrap);
    for entry in all.filter(|entry| entry.file_type().is_file()) {
        let to = workspace.path("packages").join(entry.path().strip_prefix(samples()).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(entry.path(), to).unwrap();
    }
    for (layer, text) in [("production", "one"), ("staging", "other")] {
        workspace = workspace.package(&format!("packages/{layer}"), "torn", "1.0.0", text);
    }
    workspace.broken("packages/snapshot", "broken", "1.0.0")
}

fn built(workspace: Case) -> Case {
    let run = workspace.run(&["--dist", "snapshot"]);
    assert!(run.code <= 1, "{run:?}");
    workspace
}

fn site(workspace: &Case) -> PathBuf {
    fs::canonicalize(workspace.path("out/snapshot/current/site")).unwrap()
}

/// All files below `/ui/`, by path.
fn pages(workspace: &Case) -> BTreeMap<String, Vec<u8>> {
    let root = site(workspace);
    let found = walkdir::WalkDir::new(root.join("ui")).follow_links(true).into_iter().map(Result::unwrap);
    let files = found.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path);
    files
        .map(|path| (path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap()))
        .collect()
}

fn serve(workspace: &Case) -> Running {
    running::start("epr-build serve", |address| {
        workspace.command(&["serve", "--dist", "snapshot", "--listen", address])
    })
}

const BROWSER: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");

/// A host that has the pages, and what is peculiar to it.
struct Host<'a> {
    name: &'a str,
    prefix: &'a str,
    /// Whether it can look beside the generations.
    has_history: bool,
    missing: &'a str,
}

const HOST: Host<'_> = Host { name: "", prefix: "", has_history: true, missing: "404 page not found\n" };

/// What every host owes to pages.
fn check_host(host: &Host<'_>, address: &str) {
    let Host { name, prefix, has_history, missing } = host;
    let mut client = Client::connect(address);
    let header = |response: &Response, name: &str| response.header(name).unwrap_or_default().to_owned();
    for (accept, status) in
        [("*/*", 200), ("application/json", 200), ("application/json, text/html", 200), ("", 200), (BROWSER.1, 302)]
    {
        let response = client.send("GET", &format!("{prefix}/"), &[("Accept", accept)]);
        assert_eq!(response.status, status, "{name}: {accept}");
        let varies = |(name, value): &(String, String)| name == "vary" && value.contains("Accept");
        assert!(response.headers.iter().any(varies), "{name}: {accept} {response:?}");
        if status == 302 {
            assert_eq!(header(&response, "location"), format!("{prefix}/ui/"), "{name}");
            assert_eq!(header(&response, "cache-control"), "max-age=0, private, no-store", "{name}");
        } else {
            assert_eq!(header(&response, "content-type"), "application/json", "{name}");
        }
    }
    assert_eq!(client.send("GET", &format!("{prefix}/index.json"), &[BROWSER]).status, 200, "{name}");
    for (path, location) in [("/ui", "/ui/"), ("/ui?q=a%20b", "/ui/?q=a%20b")] {
        let moved = client.get(&format!("{prefix}{path}"));
        assert_eq!((moved.status, header(&moved, "location")), (301, format!("{prefix}{location}")), "{name}");
    }
    let html = "text/html; charset=utf-8";
    for (path, media) in [
        ("/ui/", html),
        ("/ui/index.html", html),
        ("/ui/matrix/", html),
        ("/ui/package/acme_access/", html),
        ("/ui/data/kibana.json", "application/json"),
        ("/ui/feed.xml", "text/xml; charset=utf-8"),
        ("/ui/history.json", "application/json"),
    ] {
        if path == "/ui/history.json" && !has_history {
            continue;
        }
        let response = client.send("GET", &format!("{prefix}{path}"), &[("Accept-Encoding", "identity")]);
        let found = (response.status, header(&response, "content-type"), header(&response, "content-security-policy"));
        assert_eq!(found, (200, media.to_owned(), POLICY.to_owned()), "{name}: {path}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff", "{name}: {path}");
        assert_eq!(header(&response, "cache-control"), "max-age=600, public", "{name}: {path}");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer", "{name}: {path}");
    }
    let packed = client.send("GET", &format!("{prefix}/ui/"), &[("Accept-Encoding", "gzip")]);
    assert_eq!(header(&packed, "content-encoding"), "gzip", "{name}");
    for path in ["/ui/index.html.gz", "/ui/nothing", "/ui/matrix", "/ui/nothing/", "/uix", "/ui/index.html/"] {
        let response = client.get(&format!("{prefix}{path}"));
        let text = String::from_utf8_lossy(&response.body).into_owned();
        assert_eq!(response.status, 404, "{name}: {path}");
        assert!(text == *missing || text == HOST.missing, "{name}: {path} {text}");
        assert_eq!(response.header("content-security-policy"), None, "{name}: {path}");
    }
    for path in ["/package/hostile/1.0.0/img/icon.svg", "/package/hostile/1.0.0/docs/page.html"] {
        for path in [path.to_owned(), path.replace("/1.0.0/", "//1.0.0/./"), path.replace("package", "%70ackage")] {
            let response = client.get(&format!("{prefix}{path}"));
            let found = (response.status, header(&response, "content-security-policy"));
            assert_eq!(found, (200, SANDBOX.to_owned()), "{name}: {path}");
            assert_eq!(header(&response, "x-content-type-options"), "nosniff", "{name}: {path}");
        }
    }
    let document = client.get(&format!("{prefix}/package/hostile/1.0.0/"));
    assert_eq!((document.status, document.header("content-security-policy")), (200, None), "{name}");
}

#[test]
fn the_server_sends_pages() {
    let workspace = built(workspace());
    check_host(&Host { name: "serve", ..HOST }, &serve(&workspace).address);
}

fn nginx(workspace: &Case, binary: &Path) -> Running {
    let folder = workspace.path("out/snapshot/current/hosts/nginx");
    running::start("nginx", |address| {
        let path = folder.join("nginx.conf");
        let text = fs::read_to_string(&path).unwrap();
        let line = text.lines().find(|line| line.trim().starts_with("listen ")).unwrap();
        fs::write(&path, text.replace(line, &format!("    listen {address};"))).unwrap();
        running::nginx_command(binary, &folder)
    })
}

#[test]
fn every_host_sends_pages() {
    let workspace = built(workspace());
    let generation = fs::canonicalize(workspace.path("out/snapshot/current")).unwrap();
    if let Some(binary) = running::binary("nginx") {
        check_host(&Host { name: "nginx", ..HOST }, &nginx(&workspace, &binary).address);
    }
    if let Some(apache) = apache::start_generated(&generation) {
        check_host(&Host { name: "apache", ..HOST }, &apache.address);
    }
    if let Some(binary) = running::binary("caddy") {
        let caddy = caddy::start_generated(&binary, &workspace.path("out/snapshot"));
        check_host(&Host { name: "caddy", ..HOST }, &caddy.address);
    }
    if let Some(haproxy) = haproxy::start_generated(&generation) {
        check_host(&Host { name: "haproxy", has_history: false, ..HOST }, &haproxy.address);
    }
    for (edge, missing) in [("cloudflare", HOST.missing), ("cloudfront", "resource not found\n")] {
        if let Some(edge_site) = edge_sites::start_built(edge, &workspace.path(""), "snapshot") {
            check_host(&Host { name: edge, has_history: false, missing, ..HOST }, &edge_site.address);
        }
    }
}

/// The same below a path, where the host lets it be somebody else's server.
#[test]
fn hosts_send_pages_below_a_path() {
    let prefix = "/registry/main";
    let config =
        format!("distributions: {{snapshot: {{layers: [snapshot, staging, production], prefix: {prefix}}}}}\n");
    let workspace = built(workspace().config(&config));
    let generation = fs::canonicalize(workspace.path("out/snapshot/current")).unwrap();
    let server = serve(&workspace);
    check_host(&Host { name: "serve", prefix, ..HOST }, &server.address);
    if let Some(folder) = browser_tests() {
        let registry = format!("{}{prefix}", server.address);
        look(&folder, &registry, "", &["overview", "matrix", "compare", "theme"]);
    }
    if let Some(binary) = running::binary("nginx") {
        check_host(&Host { name: "nginx", prefix, ..HOST }, &nginx(&workspace, &binary).address);
    }
    if let Some(apache) = apache::start_generated(&generation) {
        check_host(&Host { name: "apache", prefix, ..HOST }, &apache.address);
    }
    if let Some(binary) = running::binary("caddy") {
        let caddy = caddy::start_generated(&binary, &workspace.path("out/snapshot"));
        check_host(&Host { name: "caddy", prefix, ..HOST }, &caddy.address);
    }
    if let Some(haproxy) = haproxy::start_generated(&generation) {
        check_host(&Host { name: "haproxy", prefix, has_history: false, ..HOST }, &haproxy.address);
    }
}

/// Values of `href` and `src` attributes.
fn addresses(html: &str) -> Vec<String> {
    let after = ["href=\"", "src=\""].iter().flat_map(|name| html.split(name).skip(1));
    let values = after.map(|rest| rest.split('"').next().unwrap());
    values.map(|value| value.replace("&amp;", "&").replace("&#x2f;", "/")).collect()
}

/// The place that a relative address leads to, as browsers resolve it.
fn resolve(page: &str, address: &str) -> String {
    let path = address.split(['?', '#']).next().unwrap();
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    if path.is_empty() {
        return page.to_owned();
    }
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop().expect("a page links to nothing above the registry")),
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    let path = path.replace("%20", " ").replace("%23", "#");
    if path.ends_with('/') { path + "index.html" } else { path }
}

/// Every address in every page is relative and leads to a file of the same tree, or is marked as leading out.
#[test]
fn links_lead_somewhere() {
    let workspace = built(workspace());
    let root = site(&workspace);
    let mut checked = 0;
    for (path, bytes) in pages(&workspace).iter().filter(|(path, _)| path.ends_with(".html")) {
        let html = std::str::from_utf8(bytes).unwrap();
        for address in addresses(html) {
            if address.starts_with("https://") {
                let plain = html.replace("&#x2f;", "/");
                assert!(
                    plain.contains(&format!("href=\"{address}\" rel=\"noopener noreferrer\"")),
                    "{path}: {address}"
                );
                continue;
            }
            assert!(!address.contains(':') && !address.starts_with('/'), "{path}: {address}");
            let target = resolve(path, &address);
            // A package may name others that this distribution does not hold.
            let is_foreign = target.starts_with("ui/package/") && !target.contains("acme");
            assert!(root.join(&target).is_file() || is_foreign, "{path}: {address} is {target}");
            if let Some((_, anchor)) = address.split_once('#').filter(|_| target == *path) {
                assert!(html.contains(&format!("id=\"{anchor}\"")), "{path}: {address}");
            }
            checked += 1;
        }
        assert!(!html.contains(" style=") && !html.contains("<style") && !html.contains(" onclick"), "{path}");
        let scripts = html.matches("<script").count();
        assert_eq!(
            scripts,
            html.matches("<script src=").count() + html.matches("<script type=\"module\" src=").count(),
            "{path}"
        );
    }
    assert!(checked > 500, "{checked}");
}

/// A new version of one package changes its own pages and those over all packages, and nothing else.
#[test]
fn a_page_changes_only_with_its_data() {
    let workspace = built(workspace());
    let before = pages(&workspace);
    let changed = built(workspace.package("packages/production", "torn", "1.1.0", "more"));
    let after = pages(&changed);
    let differing: BTreeSet<&str> = after
        .iter()
        .filter(|(path, bytes)| before.get(*path) != Some(bytes) && !path.ends_with(".gz"))
        .map(|(path, _)| path.trim_start_matches("ui/"))
        .collect();
    let expected = [
        "data/kibana.json",
        "data/package/torn.json",
        "data/versions.json",
        "distribution/index.html",
        "feed.xml",
        "index.html",
        "matrix/index.html",
        "package/torn/fields/index.html",
        "package/torn/index.html",
    ];
    assert!(differing.iter().all(|path| expected.contains(path)), "{differing:?}");
    assert!(differing.contains("package/torn/index.html") && differing.contains("index.html"), "{differing:?}");
    let history = changed.json("out/snapshot/history.json");
    let generations = history["generations"].as_array().unwrap();
    assert_eq!(generations.len(), 2);
    assert_eq!(generations[0]["added"], serde_json::json!([["torn", "1.1.0"]]));
    assert_eq!((&generations[0]["current"], &generations[1]["current"]), (&true.into(), &false.into()));
    assert_eq!(changed.run(&["rollback", "--dist", "snapshot"]).code, 0);
    let history = changed.json("out/snapshot/history.json");
    assert_eq!(history["generations"][0]["id"], generations[1]["id"]);
    assert_eq!(history["generations"][0]["current"], true);
    assert_eq!(history["releases"], serde_json::json!([]));

    assert_eq!(changed.run(&["release", "8.5.0", "--dist", "snapshot"]).code, 0);
    let history = changed.json("out/snapshot/history.json");
    assert_eq!(history["releases"][0]["name"], "8.5.0");
    assert_eq!(history["releases"][0]["generation"], generations[1]["id"]);
    assert_eq!(history["releases"][0]["versions"], history["generations"][0]["versions"]);
    let remove = ["release", "--dist", "snapshot", "--remove", "8.5.0", "--reason", "a try"];
    assert_eq!(changed.run(&remove).code, 0);
    assert_eq!(changed.json("out/snapshot/history.json")["releases"], serde_json::json!([]));
}

/// `ui: no` leaves no trace: no pages, and browsers get what everybody gets.
#[test]
fn pages_can_be_left_out() {
    let workspace = built(workspace().config("ui: no\n"));
    assert!(!site(&workspace).join("ui").exists());
    assert!(!workspace.path("out/snapshot/history.json").exists());
    let server = serve(&workspace);
    let mut client = Client::connect(&server.address);
    assert_eq!(client.send("GET", "/", &[BROWSER]).status, 200);
    assert_eq!(client.get("/ui/").status, 404);
}

/// The folder of the browser tests, if all they need is there.
fn browser_tests() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    running::binary("node")?;
    running::binary("chromium")?;
    let modules = folder.join("node_modules/playwright-core").is_dir() && folder.join("node_modules/axe-core").is_dir();
    running::skip_unless(modules, "no browser modules: run `npm ci --prefix tests/ui`").then_some(folder)
}

fn look(folder: &Path, address: &str, hostile: &str, checks: &[&str]) {
    let mut command = Command::new("node");
    command.arg(folder.join("run.mjs")).arg(format!("http://{address}")).args(checks);
    let output = command.env("EPR_UI_HOSTILE", hostile).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    println!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success());
}

/// The samples and a hostile package in a real browser: see `tests/ui/run.mjs` for what is looked at.
#[test]
fn pages_hold_in_a_browser() {
    let Some(folder) = browser_tests() else { return };
    let workspace = built(workspace());
    let server = serve(&workspace);
    look(&folder, &server.address, "/package/hostile/1.0.0/img/icon.svg /package/hostile/1.0.0/docs/page.html", &[]);
}

/// Real packages, as far as they are there.
#[test]
fn pages_of_real_packages_hold_in_a_browser() {
    let Some(folder) = browser_tests() else { return };
    let Some(data) = std::env::var_os("EPR_REAL_PACKAGES").map(PathBuf::from) else {
        println!("skipped: EPR_REAL_PACKAGES does not name a folder of layers");
        return;
    };
    let workspace = Case::new();
    let run = workspace.run(&["--dist", "snapshot", "--packages", data.to_str().unwrap()]);
    assert!(run.code <= 1, "{run:?}");
    let server = serve(&workspace);
    look(&folder, &server.address, "", &["silence", "matrix", "compare", "accessibility"]);
}
