//! Packages that mean harm, through the whole program: each is left out with a reason, and the good one is served.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

use crate::built::{Generation, program, run};
use crate::fixture_layer::{make, write_zip};
use epr_build::base::archive::{Member, Method, ZipWriter};
use epr_build::base::compress;
use epr_build::base::progress::Progress;
use epr_build::cli::common::settings::{self, Choice, Input};
use rustix::fs::{CWD, FileType, Mode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

/// A package folder `<name>/1.0.0` like the good one, with changed files.
fn folder(layer: &Path, name: &str, changes: Value) {
    let mut files = changes;
    if files["manifest.yml"].is_null() && files.get("manifest.yml").is_none() {
        files["manifest.yml"] = json!({ "replace": [["name: sample\ntitle", format!("name: {name}\ntitle")]] });
    }
    make(&json!({ "folder": format!("{name}/1.0.0"), "files": files }), layer);
}

/// A manifest like the good one with lines at its end.
fn manifest_with(lines: &str) -> Value {
    json!({ "manifest.yml": { "append": [lines] } })
}

/// A zip `<name>.zip` of the good package and further members.
fn zip(layer: &Path, name: &str, more: &[(&str, &[u8])]) -> Vec<u8> {
    let good = TempDir::new().unwrap();
    make(&json!({ "files": {} }), good.path());
    let root = good.path().join("sample/1.0.0");
    let found = walkdir::WalkDir::new(&root).sort_by_file_name().into_iter().map(Result::unwrap);
    let files: Vec<(String, Vec<u8>)> = found
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path().strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            let bytes = fs::read(entry.path()).unwrap();
            let is_manifest = path == "manifest.yml";
            let renamed = || String::from_utf8_lossy(&bytes).replacen("name: sample", &format!("name: {name}"), 1);
            (format!("{name}-1.0.0/{path}"), if is_manifest { renamed().into_bytes() } else { bytes })
        })
        .collect();
    let mut entries: Vec<_> = files.iter().map(|(name, bytes)| (name.clone(), Some(bytes.as_slice()))).collect();
    entries.extend(more.iter().map(|(name, bytes)| ((*name).to_owned(), Some(*bytes))));
    let bytes = write_zip(&entries);
    fs::write(layer.join(format!("{name}.zip")), &bytes).unwrap();
    bytes
}

/// What the report must say of one package: where it lies, by which rule it is left out, and the file, if one is to blame.
type Refusal = (&'static str, &'static str, Option<&'static str>);

/// Packages whose content cannot be trusted.
fn hostile_folders(layer: &Path) -> Vec<Refusal> {
    folder(layer, "link_out", json!({ "docs/secret.md": { "symlink": "../../../../../secret.txt" } }));
    folder(layer, "link_absolute", json!({ "docs/secret.md": { "symlink": "/etc/passwd" } }));
    folder(layer, "link_loop", json!({ "docs/loop.md": { "symlink": "loop.md" } }));
    folder(layer, "manifest_folder", json!({ "manifest.yml": { "folder": true } }));
    folder(layer, "back_slash", json!({ "docs/a\\b.md": "x" }));
    folder(layer, "control_name", json!({ "docs/a\nb.md": "x" }));
    folder(layer, "fifo", json!({}));
    rustix::fs::mknodat(CWD, layer.join("fifo/1.0.0/docs/pipe"), FileType::Fifo, Mode::from_raw_mode(0o644), 0)
        .unwrap();
    folder(layer, "not_utf8_name", json!({}));
    fs::write(layer.join("not_utf8_name/1.0.0/docs").join(std::ffi::OsStr::from_bytes(b"a\xffb.md")), "x").unwrap();
    vec![
        ("link_out/1.0.0", "symlink-escapes", Some("docs/secret.md")),
        ("link_absolute/1.0.0", "symlink-escapes", Some("docs/secret.md")),
        ("link_loop/1.0.0", "symlink-loop", Some("docs/loop.md")),
        ("manifest_folder/1.0.0", "unreadable-manifest", Some("manifest.yml")),
        ("back_slash/1.0.0", "unsafe-name", Some("docs/a\\b.md")),
        ("control_name/1.0.0", "unsafe-name", Some("docs/a\\nb.md")),
        ("fifo/1.0.0", "special-file", Some("docs/pipe")),
        ("not_utf8_name/1.0.0", "unsafe-name", Some("docs/a\u{fffd}b.md")),
    ]
}

/// Manifests that are made to exhaust, to confuse or to escape.
fn hostile_manifests(layer: &Path) -> Vec<Refusal> {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let alias = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{alias}]\n");
    }
    folder(layer, "yaml_bomb", manifest_with(&bomb));
    folder(layer, "deep_flow", manifest_with(&format!("deep: {}", "[".repeat(50_000))));
    folder(
        layer,
        "deep_block",
        manifest_with(&(0..3000).map(|n| format!("{}a:\n", " ".repeat(n))).collect::<String>()),
    );
    folder(layer, "deep_key", manifest_with(&format!("{}: x", vec!["a"; 400].join("."))));
    folder(layer, "huge_scalar", manifest_with(&format!("group: {}", "x".repeat(16 << 20))));
    folder(layer, "huge_index", manifest_with("vars.999999999999999999999: x\nvars.-1: x"));
    folder(layer, "not_utf8", json!({ "manifest.yml": { "base64": "bmFtZTog//4K" } }));
    let named = |name: &str| json!({ "manifest.yml": { "replace": [["name: sample\ntitle", format!("name: {name}\ntitle")]] } });
    folder(layer, "name_climbs", named("'../../../climbed'"));
    folder(layer, "name_absolute", named("/etc/passwd"));
    folder(layer, "name_empty", named("''"));
    folder(layer, "name_dots", named("'..'"));
    folder(layer, "name_null", named("\"a\\0b\""));
    folder(layer, "name_long", named(&"n".repeat(5000)));
    let version = json!({ "manifest.yml": { "replace": [["version: 1.0.0", "version: 1.0.0/../../x"]] } });
    folder(layer, "version_climbs", version);
    vec![
        ("yaml_bomb/1.0.0", "yaml-limit", Some("manifest.yml")),
        ("deep_flow/1.0.0", "yaml-limit", Some("manifest.yml")),
        ("deep_block/1.0.0", "yaml-limit", Some("manifest.yml")),
        ("deep_key/1.0.0", "yaml-limit", Some("manifest.yml")),
        ("huge_scalar/1.0.0", "yaml-limit", Some("manifest.yml")),
        ("huge_index/1.0.0", "yaml-negative-index", Some("manifest.yml")),
        ("not_utf8/1.0.0", "yaml-syntax", Some("manifest.yml")),
        ("name_climbs/1.0.0", "unsafe-name", Some("manifest.yml")),
        ("name_absolute/1.0.0", "unsafe-name", Some("manifest.yml")),
        ("name_empty/1.0.0", "unsafe-name", Some("manifest.yml")),
        ("name_dots/1.0.0", "unsafe-name", Some("manifest.yml")),
        ("name_null/1.0.0", "unsafe-name", Some("manifest.yml")),
        ("name_long/1.0.0", "name-too-long", Some("manifest.yml")),
        ("version_climbs/1.0.0", "invalid-version", Some("manifest.yml")),
    ]
}

/// Archives that are made to write elsewhere, to grow, or to look different to different readers.
fn hostile_zips(layer: &Path) -> Vec<Refusal> {
    zip(layer, "zip_climbs", &[("zip_climbs-1.0.0/../../../../climbed.txt", b"x")]);
    zip(layer, "zip_absolute", &[("/climbed.txt", b"x")]);
    zip(layer, "zip_back_slash", &[("zip_back_slash-1.0.0\\..\\climbed.txt", b"x")]);
    zip(layer, "zip_bomb", &[("zip_bomb-1.0.0/docs/bomb.md", &vec![0; 64 << 20])]);
    let mut twice =
        zip(layer, "zip_twice", &[("zip_twice-1.0.0/docs/first.md", b"x"), ("zip_twice-1.0.0/docs/other.md", b"y")]);
    replace_all(&mut twice, b"docs/other.md", b"docs/first.md");
    fs::write(layer.join("zip_twice.zip"), twice).unwrap();
    let whole = zip(layer, "zip_flipped", &[("zip_flipped-1.0.0/docs/text.md", b"some text that is stored")]);
    let mut flipped = whole.clone();
    // Somewhere in the middle of the first member's content.
    flipped[100] ^= 0xff;
    fs::write(layer.join("zip_flipped.zip"), flipped).unwrap();
    fs::write(layer.join("zip_empty.zip"), write_zip(&[])).unwrap();
    for file in ["docs/README.md", "manifest.yml"] {
        let name = if file == "manifest.yml" { "zip_hides_manifest" } else { "zip_hides_text" };
        let whole = zip(layer, name, &[]);
        fs::write(layer.join(format!("{name}.zip")), with_hidden(&whole, &format!("{name}-1.0.0/{file}"))).unwrap();
    }
    vec![
        ("zip_climbs.zip", "unsafe-path", Some("zip_climbs-1.0.0/../../../../climbed.txt")),
        ("zip_absolute.zip", "unsafe-path", Some("/climbed.txt")),
        ("zip_back_slash.zip", "unsafe-name", Some("zip_back_slash-1.0.0\\..\\climbed.txt")),
        ("zip_bomb.zip", "zip-bomb", None),
        ("zip_twice.zip", "zip-duplicate-member", Some("zip_twice-1.0.0/docs/first.md")),
        ("zip_flipped.zip", "zip-damaged", Some("data_stream/log/agent/stream/stream.yml.hbs")),
        ("zip_empty.zip", "zip-without-root", None),
        ("zip_hides_text.zip", "zip-stray-bytes", Some("docs/README.md")),
        ("zip_hides_manifest.zip", "zip-stray-bytes", Some("manifest.yml")),
    ]
}

/// The same archive, with a second deflated content behind that of one member, which its size includes.
fn with_hidden(archive: &[u8], name: &str) -> Vec<u8> {
    let mut from = zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
    let mut to = ZipWriter::new(Vec::new());
    for index in 0..from.len() {
        let mut content = Vec::new();
        let mut member = from.by_index(index).unwrap();
        member.read_to_end(&mut content).unwrap();
        let mut written = compress::deflate(&content);
        if member.name().unwrap() == name {
            written.extend(compress::deflate(b"hidden"));
        }
        let (name, crc) = (member.name().unwrap().into_owned(), member.crc32());
        let sizes = (content.len() as u64, written.len() as u64);
        let header = Member { name: &name, crc, size: sizes.0, written: sizes.1, method: Method::Deflated };
        to.file(&header, &written).unwrap();
    }
    to.finish().unwrap()
}

fn replace_all(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    let places: Vec<_> = (0..=bytes.len() - old.len()).filter(|&at| bytes[at..].starts_with(old)).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at..at + new.len()].copy_from_slice(new));
}

/// Every hostile package is left out, with file, rule, reason and a way out; the others are served; nothing is written
/// anywhere else; and scripts can tell.
#[test]
fn hostile_packages_are_left_out() {
    let around = TempDir::new().unwrap();
    let home = around.path().join("a/b/home");
    let layer = home.join("packages/production");
    make(&json!({ "files": {} }), &layer);
    fs::write(home.join("secret.txt"), "secret\n").unwrap();
    let mut refusals = hostile_folders(&layer);
    refusals.extend(hostile_manifests(&layer));
    refusals.extend(hostile_zips(&layer));
    // Neither empty files nor half an archive are packages at all.
    fs::write(layer.join("nothing.zip"), b"").unwrap();
    let half = zip(&layer, "half", &[]);
    fs::write(layer.join("half.zip"), &half[..half.len() / 2]).unwrap();

    let built = run(program(&home).args(["--dist", "production"]));
    assert_eq!(built.status, Some(1), "{built:#?}");
    let generation = Generation::open(&home.join("out"), "production");
    assert_eq!(generation.get_json("/package/sample/1.0.0/")["name"], "sample");
    let ids: Vec<_> = generation.packages().iter().map(|package| package["path"].as_str().unwrap()).collect();
    assert_eq!(ids, ["/package/sample/1.0.0"], "only the good one");
    let no_zips = ["nothing.zip", "half.zip"];
    let expected = refusals.len() + no_zips.len();
    assert_eq!(generation.report["layers"][0]["quarantined"], expected, "{:#}", generation.report["problems"]);
    let problems = generation.report["problems"].as_array().unwrap();
    // A build prints the first few problems, a check all of them.
    let checked = run(program(&home).args(["check", "--dist", "production"]));
    assert_eq!(checked.status, Some(1), "{checked:#?}");
    let wrong: Vec<_> =
        refusals.iter().filter_map(|refusal| check_refusal(problems, refusal, &checked.stderr).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for skipped in no_zips {
        let told = problems.iter().find(|problem| problem["place"]["package"] == skipped);
        let told = told.unwrap_or_else(|| panic!("nothing is told of {skipped}"));
        assert_eq!((&told["severity"], &told["rule"]), (&json!("quarantine"), &json!("not-a-zip")), "{told}");
    }

    let names = |folder: &Path| -> BTreeSet<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert_eq!(names(&home), BTreeSet::from(["out", "packages", "secret.txt"].map(str::to_owned)));
    for (folder, only) in [("", "a"), ("a", "b"), ("a/b", "home")] {
        assert_eq!(names(&around.path().join(folder)), BTreeSet::from([only.to_owned()]), "{folder}");
    }
    let written = fs::read_dir(home.join("out/production/generations")).unwrap().count();
    assert_eq!(written, 1);
}

fn check_refusal(problems: &[Value], &(package, rule, file): &Refusal, stderr: &str) -> Result<(), String> {
    let mut of_package = problems.iter().filter(|problem| problem["place"]["package"] == package);
    let is_expected = |problem: &&Value| {
        problem["severity"] == "quarantine" && problem["rule"] == rule && problem["place"]["file"] == json!(file)
    };
    let Some(problem) = of_package.clone().find(is_expected) else {
        let told = of_package.next().map_or_else(|| "nothing".to_owned(), Value::to_string);
        return Err(format!(
            "{package}: expected {rule} of {file:?}, found {}",
            told.chars().take(600).collect::<String>()
        ));
    };
    let message = problem["message"].as_str().unwrap();
    if message.is_empty() || message.len() > 500 || problem["place"]["layer"] != "production" {
        return Err(format!("{package}: {problem}"));
    }
    if problem["hint"].as_str().is_none_or(str::is_empty) {
        return Err(format!("{package}: no hint: {problem}"));
    }
    if !stderr.contains(&format!("error: {message}")) {
        return Err(format!("{package}: not printed: {message}"));
    }
    Ok(())
}

/// Text of a manifest is text: whatever it holds, it comes out as the same JSON string, with nothing a browser would run.
#[test]
fn markup_in_manifests_is_escaped() {
    let home = TempDir::new().unwrap();
    let layer = home.path().join("packages/production");
    let title = "</script><script>alert(1)</script> & \u{2028} \u{202e} \"quoted\" \u{1f600}";
    let changed = json!({ "replace": [["title: Sample\n", format!("title: {}\n", json!(title).to_string().replace('\u{2028}', "\\u2028"))]] });
    make(&json!({ "files": { "manifest.yml": changed } }), &layer);
    let built = run(program(home.path()).args(["--dist", "production"]));
    assert_eq!(built.status, Some(0), "{built:#?}");
    let generation = Generation::open(&home.path().join("out"), "production");
    for target in ["/package/sample/1.0.0/", "/search"] {
        let text = String::from_utf8(generation.get(target)).unwrap();
        let value = generation.get_json(target);
        let found = if value.is_array() { &value[0]["title"] } else { &value["title"] };
        assert_eq!(found, title, "{target}");
        // The registry escapes what ends a line of JavaScript, and leaves markup alone: answers are never HTML.
        assert!(text.contains(r#""</script><script>alert(1)</script> & \u2028 "#), "{target}: {text}");
    }
}

/// Words that become part of addresses elsewhere may be anything here: the package is published, and they lead nowhere.
#[test]
fn odd_words_stay_words() {
    let home = TempDir::new().unwrap();
    let layer = home.path().join("packages/production");
    let long = "c".repeat(3000);
    let words =
        ["../../climbed", "/etc/passwd", "a/b", "..", "", " ", "a\nb", "<b>", "$document_root", "%2e%2e", "ü", &long];
    for (position, word) in words.iter().enumerate() {
        let changes = json!([
            ["name: sample\ntitle", format!("name: odd_{position}\ntitle")],
            ["type: integration", format!("type: {}", json!(word))],
            ["categories:\n", format!("categories:\n  - {}\n", json!(word))],
            ["    title: Sample logs\n", format!("    title: Sample logs\n    categories: [{}]\n", json!(word))],
            ["  kibana:\n", format!("  elastic: {{ capabilities: [{}, plain] }}\n  kibana:\n", json!(word))],
        ]);
        folder(&layer, &format!("odd_{position}"), json!({ "manifest.yml": { "replace": changes } }));
    }
    let built = run(program(home.path()).args(["--dist", "production"]));
    assert_eq!(built.status, Some(0), "{built:#?}");
    let generation = Generation::open(&home.path().join("out"), "production");
    assert_eq!(generation.get_json("/search").as_array().unwrap().len(), words.len());
    let names =
        |path: &String| path.split('/').all(|name| name.len() < 200 && !name.chars().any(|c| "<$%\\\n ü".contains(c)));
    assert!(generation.files().keys().all(names), "{:#?}", generation.files().keys());
    assert!(!home.path().join("climbed").exists() && !home.path().join("out/climbed").exists());
}

/// A file that the builder may not read is the package's fault, not the end of the build.
#[test]
fn unreadable_files_are_told() {
    if rustix::process::getuid().is_root() {
        println!("skipped: root may read everything");
        return;
    }
    let home = TempDir::new().unwrap();
    let layer = home.path().join("packages/production");
    make(&json!({ "files": {} }), &layer);
    folder(&layer, "locked", json!({}));
    fs::set_permissions(layer.join("locked/1.0.0/docs/README.md"), fs::Permissions::from_mode(0o000)).unwrap();
    let built = run(program(home.path()).args(["--dist", "production"]));
    assert_eq!(built.status, Some(1), "{built:#?}");
    let generation = Generation::open(&home.path().join("out"), "production");
    let problems = generation.report["problems"].as_array().unwrap();
    let refusal = ("locked/1.0.0", "unreadable", Some("docs/README.md"));
    check_refusal(problems, &refusal, &built.stderr).unwrap_or_else(|reason| panic!("{reason}"));
    assert_eq!(generation.packages().len(), 1);
}

/// Limits hold end to end, here lowered so that a small package exceeds each.
#[test]
fn limits_hold() {
    let home = TempDir::new().unwrap();
    let layer = home.path().join("packages/production");
    make(&json!({ "files": {} }), &layer);
    let many = (0..40).map(|number| (format!("docs/{number}.md"), json!("x"))).collect();
    folder(&layer, "many", Value::Object(many));
    folder(&layer, "large", json!({ "docs/large.md": "x".repeat(40_000) }));
    folder(&layer, "deep", json!({ "a/b/c/d/e/f/g/h.md": "x" }));
    folder(&layer, "sum", json!({ "a.md": "x".repeat(9_000), "b.md": "y".repeat(9_000), "c.md": "z".repeat(9_000) }));
    let (names, packages) = (["production".to_owned()], home.path().join("packages"));
    let input = Input { distributions: Choice::Named(&names), packages: &packages, config: None, strict: false };
    let mut settings = settings::resolve(input).unwrap();
    let limits = &mut settings.config.limits;
    (limits.max_entries, limits.max_file_bytes, limits.max_package_bytes, limits.max_depth) = (30, 10_000, 20_000, 6);
    let (reports, _) = epr_build::build::build(&settings, &home.path().join("out"), &Progress::new(true)).unwrap();
    let told: Vec<_> =
        reports[0].problems.iter().map(|problem| (problem.place.package.as_str(), problem.rule.name())).collect();
    assert_eq!(
        BTreeSet::from_iter(told),
        BTreeSet::from([
            ("deep/1.0.0", "path-too-long"),
            ("large/1.0.0", "file-too-large"),
            ("many/1.0.0", "too-many-entries"),
            ("sum/1.0.0", "package-too-large"),
        ])
    );
    assert_eq!(reports[0].versions, 1);
}

/// Layers without packages make a site that answers with nothing, when that is wanted.
#[test]
fn empty_layers_make_empty_sites() {
    for folder in ["packages/production", "packages/production/acme"] {
        let home = TempDir::new().unwrap();
        fs::create_dir_all(home.path().join(folder)).unwrap();
        let built = run(program(home.path()).args(["--dist", "production", "--accept-loss"]));
        assert_eq!(built.status, Some(0), "{built:#?}");
        let generation = Generation::open(&home.path().join("out"), "production");
        for target in ["/search", "/search?prerelease=true&kibana.version=9.0.0", "/categories", "/search?package=x"] {
            assert_eq!(generation.get_json(target), json!([]), "{target}");
        }
        assert_eq!(generation.get_json("/")["service.name"], "package-registry");
        assert_eq!(generation.packages().len(), 0);
    }
}
