//! Makes layers from the cases of `tests/fixtures`, as its README says. Knows the changes, not what they should lead to.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;

/// The folder of the fixtures.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A fixture file.
pub(crate) fn read_json(name: &str) -> Value {
    serde_json::from_slice(&fs::read(fixtures().join(name)).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What becomes of one file.
enum Made {
    Content(Vec<u8>),
    Folder,
    Link(String),
}

/// Writes the layer of a case below `layer`.
pub(crate) fn make(case: &Value, layer: &Path) {
    let mut files = base_files();
    for (path, change) in object(&case["files"]) {
        match change {
            Value::Null => drop(files.remove(path).unwrap_or_else(|| panic!("{path} is not there"))),
            change => drop(files.insert(path.clone(), changed(path, change))),
        }
    }
    if case["zip"].is_null() {
        let folder = layer.join(case["folder"].as_str().unwrap_or("sample/1.0.0"));
        write_all(&folder, &files);
    } else {
        fs::create_dir_all(layer).unwrap();
        fs::write(layer.join("sample-1.0.0.zip"), pack(&case["zip"], &files)).unwrap();
    }
    let around = object(&case["layer_files"]).map(|(path, change)| (path.clone(), changed(path, change)));
    write_all(layer, &around.collect());
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// The files of `base/`, by path.
fn base_files() -> BTreeMap<String, Made> {
    let base = fixtures().join("base");
    let files =
        walkdir::WalkDir::new(&base).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    let path = |entry: &walkdir::DirEntry| entry.path().strip_prefix(&base).unwrap().to_str().unwrap().to_owned();
    files.map(|entry| (path(&entry), Made::Content(fs::read(entry.path()).unwrap()))).collect()
}

fn base_file(path: &str) -> Vec<u8> {
    fs::read(fixtures().join("base").join(path)).unwrap_or_else(|error| panic!("base/{path}: {error}"))
}

fn changed(path: &str, change: &Value) -> Made {
    match change {
        Value::String(text) => Made::Content(text.clone().into_bytes()),
        Value::Array(lines) => Made::Content(joined(lines).into_bytes()),
        Value::Object(change) => {
            if let Some(text) = change.get("base64") {
                use base64::Engine;
                Made::Content(base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap())
            } else if let Some(source) = change.get("copy") {
                Made::Content(base_file(source.as_str().unwrap()))
            } else if change.contains_key("folder") {
                Made::Folder
            } else if let Some(target) = change.get("symlink") {
                Made::Link(target.as_str().unwrap().to_owned())
            } else {
                Made::Content(edited(path, change).into_bytes())
            }
        }
        other => panic!("{path}: no such change: {other}"),
    }
}

/// Edits of a base file, in the order that the README gives.
fn edited(path: &str, change: &serde_json::Map<String, Value>) -> String {
    let known = ["replace", "replace_all", "prepend", "append", "append_repeated"];
    assert!(!change.is_empty() && change.keys().all(|key| known.contains(&key.as_str())), "{path}: {change:?}");
    let list = |key: &str| change.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let text_of = |value: &Value| value.as_str().unwrap().to_owned();
    let mut text = String::from_utf8(base_file(path)).unwrap();
    for pair in list("replace") {
        let (old, new) = (text_of(&pair[0]), text_of(&pair[1]));
        assert_eq!(text.matches(&old).count(), 1, "{path}: `{old}` must occur once");
        text = text.replace(&old, &new);
    }
    for pair in list("replace_all") {
        let (old, new) = (text_of(&pair[0]), text_of(&pair[1]));
        assert!(text.contains(&old), "{path}: `{old}` must occur");
        text = text.replace(&old, &new);
    }
    let mut text = joined(list("prepend")) + &text + &joined(list("append"));
    for pair in list("append_repeated") {
        text += &text_of(&pair[0]).repeat(usize::try_from(pair[1].as_u64().unwrap()).unwrap());
    }
    text
}

fn joined(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{}\n", line.as_str().unwrap())).collect()
}

fn write_all(root: &Path, files: &BTreeMap<String, Made>) {
    for (path, made) in files {
        let place = root.join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        match made {
            Made::Content(bytes) => fs::write(&place, bytes).unwrap(),
            Made::Folder => fs::create_dir_all(&place).unwrap(),
            Made::Link(target) => std::os::unix::fs::symlink(target, &place).unwrap(),
        }
    }
}

/// The package as a zip: depth first, names of a folder in byte order.
fn pack(options: &Value, files: &BTreeMap<String, Made>) -> Vec<u8> {
    let root = match options["root"].as_str().unwrap() {
        "" => String::new(),
        root => format!("{root}/"),
    };
    let mut names: Vec<Vec<&str>> = files.keys().map(|path| path.split('/').collect()).collect();
    names.sort();
    let mut entries: Vec<(String, Option<&[u8]>)> = Vec::new();
    let with_folders = options["folder_entries"].as_bool().unwrap();
    let folder = |entries: &mut Vec<(String, Option<&[u8]>)>, name: String| {
        if with_folders && !name.is_empty() && !entries.iter().any(|(known, _)| *known == name) {
            entries.push((name, None));
        }
    };
    folder(&mut entries, root.clone());
    for name in names {
        for depth in 1..name.len() {
            folder(&mut entries, format!("{root}{}/", name[..depth].join("/")));
        }
        let path = name.join("/");
        let Made::Content(bytes) = &files[&path] else { panic!("{path}: a zip case holds files only") };
        entries.push((format!("{root}{path}"), Some(bytes)));
    }
    let extra: Vec<_> = object(&options["extra_entries"]).map(|(name, text)| (name, text.as_str().unwrap())).collect();
    entries.extend(extra.iter().map(|(name, text)| ((*name).clone(), Some(text.as_bytes()))));
    write_zip(&entries)
}

/// A zip of these entries, names as they are; `None` is a folder.
pub(crate) fn write_zip(entries: &[(String, Option<&[u8]>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    for (name, content) in entries {
        match content {
            Some(bytes) => {
                zip.start_file(name.as_str(), options).unwrap();
                zip.write_all(bytes).unwrap();
            }
            None => zip.add_directory(name.as_str(), options).unwrap(),
        }
    }
    zip.finish().unwrap().into_inner()
}
