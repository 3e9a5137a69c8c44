//! Images that no tool writes, and what real ones may hold.

use super::{is_among, lay_open};
use crate::base::digest::Digest;
use crate::base::progress::Progress;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

/// A member of a layer.
#[derive(Clone)]
enum Member {
    File(&'static str, &'static str),
    Hard(&'static str, &'static str),
    Link(&'static str, &'static str),
    Folder(&'static str),
    Fifo(&'static str),
}
use Member::{Fifo, File, Folder, Hard, Link};

#[derive(Clone, Copy, PartialEq)]
enum Pack {
    Plain,
    Gzip,
    Zstd,
}

fn header(kind: tar::EntryType, path: &str, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    // Names that the library refuses are put in as they are.
    let name = &mut header.as_old_mut().name;
    name[..path.len()].copy_from_slice(path.as_bytes());
    header
}

fn layer(members: &[Member]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for member in members {
        let (mut header, content, link) = match member {
            File(path, content) => (header(tar::EntryType::Regular, path, content.len() as u64), *content, ""),
            Hard(path, target) => (header(tar::EntryType::Link, path, 0), "", *target),
            Link(path, target) => (header(tar::EntryType::Symlink, path, 0), "", *target),
            Folder(path) => (header(tar::EntryType::Directory, path, 0), "", ""),
            Fifo(path) => (header(tar::EntryType::Fifo, path, 0), "", ""),
        };
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn packed(bytes: &[u8], pack: Pack) -> Vec<u8> {
    match pack {
        Pack::Plain => bytes.to_vec(),
        Pack::Gzip => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        Pack::Zstd => zstd::encode_all(bytes, 1).unwrap(),
    }
}

fn sha(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

/// The members of an image as `docker save` lays them out.
fn saved(layers: &[Vec<Member>], pack: Pack) -> BTreeMap<String, Vec<u8>> {
    let tars: Vec<Vec<u8>> = layers.iter().map(|members| layer(members)).collect();
    let ids: Vec<String> = tars.iter().map(|tar| format!("sha256:{}", sha(tar))).collect();
    let config = serde_json::json!({ "rootfs": { "type": "layers", "diff_ids": ids } }).to_string();
    let mut files = BTreeMap::from([("config.json".to_owned(), config.into_bytes())]);
    let names: Vec<String> = (0..tars.len()).map(|number| format!("{number}/layer.tar")).collect();
    files.extend(names.iter().cloned().zip(tars.iter().map(|tar| packed(tar, pack))));
    let list = serde_json::json!([{ "Config": "config.json", "RepoTags": ["epr:1"], "Layers": names }]);
    files.insert("manifest.json".to_owned(), list.to_string().into_bytes());
    files
}

fn write_tar(path: &Path, files: &BTreeMap<String, Vec<u8>>) {
    let mut tar = tar::Builder::new(fs::File::create(path).unwrap());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    tar.finish().unwrap();
}

/// What was unpacked: text of files, `->` for links.
fn unpacked(folder: &Path) -> BTreeMap<String, String> {
    let files =
        walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap).filter(|entry| !entry.file_type().is_dir());
    let name = |path: &Path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
    let text = |entry: &walkdir::DirEntry| match entry.path_is_symlink() {
        true => "->".to_owned(),
        false => fs::read_to_string(entry.path()).unwrap(),
    };
    files.map(|entry| (name(entry.path()), text(&entry))).collect()
}

fn open(files: &BTreeMap<String, Vec<u8>>) -> Result<BTreeMap<String, String>, String> {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("epr.tar");
    write_tar(&path, files);
    let cache = home.path().join("cache");
    let folder = lay_open(&path, &cache, false, &Progress::new(true)).map(|found| found.0);
    let rest: Vec<_> =
        fs::read_dir(&cache).map_or(Vec::new(), |found| found.map(|entry| entry.unwrap().path()).collect());
    match folder {
        Ok(folder) => {
            assert_eq!(rest, std::slice::from_ref(&folder));
            Ok(unpacked(&folder))
        }
        Err(error) => {
            assert!(rest.is_empty(), "{error:#}: {rest:?}");
            assert!(!home.path().join("escaped").exists());
            Err(format!("{error:#}"))
        }
    }
}

/// Layers, and what they hold in the end; or a part of the error.
type Row = (Vec<Vec<Member>>, Result<&'static [(&'static str, &'static str)], &'static str>);

#[test]
fn layers_are_laid_over_each_other() {
    let rows: Vec<Row> = vec![
        (vec![vec![File("packages/a-1.0.0.zip", "a"), File("etc/passwd", "p")]], Ok(&[("a-1.0.0.zip", "a")])),
        (vec![vec![File("./packages/a/1.0.0/manifest.yml", "m")]], Ok(&[("a/1.0.0/manifest.yml", "m")])),
        (
            vec![vec![File("/packages/s/x.zip", "a"), File("/packages/s/x.zip.sig", "s")]],
            Ok(&[("s/x.zip", "a"), ("s/x.zip.sig", "s")]),
        ),
        (
            vec![vec![File("packages/package-storage/x.zip", "a"), File("packages/own/x.zip", "s")]],
            Ok(&[("own/x.zip", "s"), ("x.zip", "a")]),
        ),
        // Later layers win, and remove.
        (vec![vec![File("packages/x.zip", "old")], vec![File("packages/x.zip", "new")]], Ok(&[("x.zip", "new")])),
        (
            vec![vec![File("packages/x.zip", "x"), File("packages/y.zip", "y")], vec![File("packages/.wh.x.zip", "")]],
            Ok(&[("y.zip", "y")]),
        ),
        (
            vec![vec![File("packages/s/x.zip", "x")], vec![File("packages/.wh.s", ""), File("packages/s/y.zip", "y")]],
            Ok(&[("s/y.zip", "y")]),
        ),
        (
            vec![
                vec![File("packages/s/x.zip", "x")],
                vec![File("packages/s/y.zip", "y"), File("packages/s/.wh..wh..opq", "")],
            ],
            Ok(&[("s/y.zip", "y")]),
        ),
        (
            vec![
                vec![File("packages/x.zip", "1")],
                vec![File("packages/.wh.x.zip", "")],
                vec![File("packages/x.zip", "3")],
            ],
            Ok(&[("x.zip", "3")]),
        ),
        // A file in the place of a folder, and the other way round.
        (
            vec![vec![File("packages/s/x.zip", "x")], vec![File("packages/s", "file"), File("packages/y.zip", "y")]],
            Ok(&[("s", "file"), ("y.zip", "y")]),
        ),
        (vec![vec![File("packages/s", "file")], vec![File("packages/s/x.zip", "x")]], Ok(&[("s/x.zip", "x")])),
        (
            vec![vec![File("packages/s", "file")], vec![Folder("packages/s"), File("packages/y.zip", "y")]],
            Ok(&[("y.zip", "y")]),
        ),
        // Other names of a file: in its layer, before it, in an earlier layer, outside of the packages.
        (
            vec![vec![File("packages/x.zip", "x"), Hard("packages/y.zip", "packages/x.zip")]],
            Ok(&[("x.zip", "x"), ("y.zip", "x")]),
        ),
        (
            vec![vec![Hard("packages/y.zip", "blobs/x"), Hard("packages/z.zip", "./blobs/x"), File("blobs/x", "x")]],
            Ok(&[("y.zip", "x"), ("z.zip", "x")]),
        ),
        (vec![vec![File("blobs/x", "x")], vec![Hard("packages/y.zip", "blobs/x")]], Ok(&[("y.zip", "x")])),
        (vec![vec![Hard("packages/y.zip", "blobs/x")]], Err("another name of a file that is not there")),
        (vec![vec![Hard("packages/y.zip", "../../etc/passwd"), File("packages/x.zip", "x")]], Ok(&[("x.zip", "x")])),
        // Links are told and lead nowhere; nothing is written through one.
        (
            vec![vec![Link("packages/l.zip", "/etc/passwd"), File("packages/x.zip", "x")]],
            Ok(&[("l.zip", "->"), ("x.zip", "x")]),
        ),
        (
            vec![vec![Link("packages/s", "../../.."), File("packages/s/escaped", "e"), File("packages/x.zip", "x")]],
            Ok(&[("s", "->"), ("x.zip", "x")]),
        ),
        (
            vec![vec![File("packages/s/escaped", "e")], vec![Link("packages/s", "/tmp"), File("packages/x.zip", "x")]],
            Ok(&[("s", "->"), ("x.zip", "x")]),
        ),
        (vec![vec![Fifo("packages/f"), File("packages/x.zip", "x")]], Ok(&[("x.zip", "x")])),
        // Paths that lead up.
        (vec![vec![File("packages/../escaped", "e"), File("packages/x.zip", "x")]], Ok(&[("x.zip", "x")])),
        (vec![vec![File("../packages/x.zip", "e")]], Err("it holds no packages")),
        (vec![vec![File("packages/x.zip", "1"), File("packages/x.zip", "2")]], Err("holds packages/x.zip twice")),
        // Our own images.
        (
            vec![vec![
                File("srv/epr/store/trees/ab/cd/x-1.0.0.zip", "x"),
                File("srv/epr/store/trees/ab/cd/x.yml", "y"),
            ]],
            Ok(&[("x-1.0.0.zip", "x")]),
        ),
        (
            vec![vec![File("srv/epr/a/x-1.0.0.zip", "x"), File("srv/epr/b/x-1.0.0.zip", "y")]],
            Err("two files that are called"),
        ),
        (vec![vec![File("etc/passwd", "p")]], Err("it holds no packages")),
        (vec![], Err("it holds no packages")),
    ];
    for (number, (layers, expected)) in rows.into_iter().enumerate() {
        for pack in [Pack::Plain, Pack::Gzip, Pack::Zstd] {
            let found = open(&saved(&layers, pack));
            match expected {
                Ok(files) => {
                    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
                    assert_eq!(found, Ok(files), "row {number}");
                }
                Err(part) => {
                    assert!(found.as_ref().is_err_and(|error| error.contains(part)), "row {number}: {found:?}")
                }
            }
        }
    }
}

#[test]
fn what_is_damaged_is_told() {
    let good = saved(&[vec![File("packages/x.zip", "x")]], Pack::Plain);
    let with = |name: &str, bytes: &[u8]| {
        let mut files = good.clone();
        files.insert(name.to_owned(), bytes.to_vec());
        files
    };
    let mut flipped = good["0/layer.tar"].clone();
    flipped[512] ^= 1;
    let mut without = good.clone();
    without.remove("0/layer.tar");
    let two = br#"[{"Config":"config.json","RepoTags":["a:1"],"Layers":[]},{"Config":"config.json","RepoTags":["b:2"],"Layers":[]}]"#;
    let far = br#"[{"Config":"../../etc/passwd","Layers":[]}]"#;
    let more = br#"[{"Config":"config.json","Layers":["0/layer.tar","0/layer.tar"]}]"#;
    for (files, part) in [
        (with("0/layer.tar", &flipped), "is damaged: its digest is not the one"),
        (with("0/layer.tar", &good["0/layer.tar"][..700]), "layer 1 of 1"),
        (with("0/layer.tar", b"\x1f\x8bnonsense"), "layer 1 of 1"),
        (with("0/layer.tar", b"\x28\xb5\x2f\xfdnonsense"), "layer 1 of 1"),
        (without, "it lacks 0/layer.tar"),
        (with("config.json", b"{}"), "config.json is damaged"),
        (with("config.json", br#"{"rootfs":{"diff_ids":[]}}"#), "names 0 layers of 1"),
        (with("manifest.json", b"[]"), "names no image"),
        (with("manifest.json", b"nonsense"), "manifest.json is damaged"),
        (with("manifest.json", two), "it holds 2 images: a:1, b:2"),
        (with("manifest.json", far), "it lacks ../../etc/passwd"),
        (with("manifest.json", more), "names 1 layers of 2"),
        (BTreeMap::from([("other".to_owned(), Vec::new())]), "it is no container image"),
    ] {
        let found = open(&files);
        assert!(found.as_ref().is_err_and(|error| error.contains(part)), "{part}: {found:?}");
    }
}

/// The layout of OCI, in a folder: blobs by their digests, an index that may name others.
#[test]
fn folders_of_oci_are_read() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("image");
    let blobs = root.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8]| {
        fs::write(blobs.join(sha(bytes)), bytes).unwrap();
        serde_json::json!({ "digest": format!("sha256:{}", sha(bytes)), "size": bytes.len() })
    };
    let tar = layer(&[File("packages/x.zip", "x")]);
    let config = format!(r#"{{"rootfs":{{"diff_ids":["sha256:{}"]}}}}"#, sha(&tar));
    let manifest =
        serde_json::json!({ "config": put(config.as_bytes()), "layers": [put(&packed(&tar, Pack::Gzip))] }).to_string();
    let mut image = put(manifest.as_bytes());
    image["platform"] = serde_json::json!({ "architecture": "amd64", "os": "linux" });
    let mut proof = put(b"{}");
    proof["platform"] = serde_json::json!({ "architecture": "unknown", "os": "unknown" });
    let inner = serde_json::json!({ "manifests": [image, proof] }).to_string();
    let outer = serde_json::json!({ "manifests": [put(inner.as_bytes())] }).to_string();
    fs::write(root.join("index.json"), &outer).unwrap();
    fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let cache = home.path().join("cache");
    let open = || lay_open(&root, &cache, false, &Progress::new(true)).map(|found| found.0);
    let folder = open().unwrap();
    assert_eq!(unpacked(&folder), BTreeMap::from([("x.zip".to_owned(), "x".to_owned())]));
    // The second time nothing is unpacked.
    fs::remove_dir_all(blobs.join("..")).unwrap();
    fs::create_dir_all(&blobs).unwrap();
    for text in [manifest.as_bytes(), inner.as_bytes(), config.as_bytes()] {
        put(text);
    }
    assert_eq!(open().unwrap(), folder);
    // An index that names itself.
    let own = r#"{"manifests":[{"digest":"sha256:aa"}]}"#;
    fs::write(blobs.join("aa"), own).unwrap();
    fs::write(root.join("index.json"), own).unwrap();
    assert!(open().is_err_and(|error| format!("{error:#}").contains("name each other")));
    let up = r#"{"manifests":[{"digest":"sha256:../../index.json"}]}"#;
    fs::write(root.join("index.json"), up).unwrap();
    assert!(open().is_err_and(|error| format!("{error:#}").contains("no digest")));
    assert!(!is_among(&[]));
}

/// A file that is packed as a whole: small members are kept, large ones are found again, and its state says which image it is.
#[test]
fn what_is_packed_as_a_whole_is_read_too() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("epr.tar");
    // More than is kept of one member.
    let large: &'static str = Box::leak("large ".repeat(300_000).into_boxed_str());
    let layers = [vec![File("packages/x.zip", large)], vec![File("packages/y.zip", "small")]];
    write_tar(&path, &saved(&layers, Pack::Plain));
    let plain = fs::read(&path).unwrap();
    let expected = BTreeMap::from([("x.zip".to_owned(), large.to_owned()), ("y.zip".to_owned(), "small".to_owned())]);
    for pack in [Pack::Gzip, Pack::Zstd] {
        fs::write(&path, packed(&plain, pack)).unwrap();
        assert!(super::is_image(&path));
        let cache = home.path().join(format!("cache-{}", pack == Pack::Gzip));
        let (folder, is_fresh) = lay_open(&path, &cache, false, &Progress::new(true)).unwrap();
        assert!(is_fresh && unpacked(&folder) == expected);
        let (again, is_fresh) = lay_open(&path, &cache, false, &Progress::new(true)).unwrap();
        assert_eq!((&again, is_fresh), (&folder, false));
        // Other content of the same size is another image.
        let other = [vec![File("packages/x.zip", large)], vec![File("packages/y.zip", "other")]];
        let copy = home.path().join("other.tar");
        write_tar(&copy, &saved(&other, Pack::Plain));
        fs::write(&path, packed(&fs::read(&copy).unwrap(), pack)).unwrap();
        let (other, is_fresh) = lay_open(&path, &cache, false, &Progress::new(true)).unwrap();
        assert!(is_fresh && other != folder && !folder.exists());
        // What breaks off, and what is packed and no image.
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 20]).unwrap();
        let error = format!("{:#}", lay_open(&path, &cache, false, &Progress::new(true)).unwrap_err());
        assert!(error.contains("cut short") || error.contains("it is damaged"), "{error}");
        fs::write(&path, packed(b"no image", pack)).unwrap();
        assert!(!super::is_image(&path));
    }
}
