//! The manifest's codec: one spelling, every rule, and no panic whatever stands there.

use super::Refusal;
use super::delta::BaseContents;
use super::manifest::{
    BundleManifest, BundledContent, File, Folder, FolderEntry, Gone, Origin, Patch, RECIPES, SCHEMA, Sized,
};
use super::plan::{self, Recipes};
use super::scan::{Found, Scan};
use crate::base::digest::Digest;
use crate::store::{Tree, TreeEntry};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Three contents, a gzip copy and an archive in a document root with one folder.
fn example() -> BundleManifest {
    let digest = |text: &str| Digest::of(text.as_bytes());
    let content = |text: &str, from| BundledContent { sha256: digest(text), size: text.len() as u64, from };
    let contents = vec![
        content("text", Origin::Text),
        content("image", Origin::Media),
        content("gzip copy", Origin::Gzip(0)),
        content("zip", Origin::Zip { folder: 0, root: "acme-1.0.0".to_owned() }),
    ];
    let mut manifest = BundleManifest {
        schema: SCHEMA.to_owned(),
        tool: "0.1.0".to_owned(),
        recipes: RECIPES,
        distribution: "staging".to_owned(),
        generation: "0123456789abcdef".to_owned(),
        number: Some(7),
        base: None,
        program: None,
        files: vec![File { path: "hosts/x".to_owned(), sha256: digest("x"), size: 1, patch: None }],
        contents,
        folders: Vec::new(),
        gone: Gone::default(),
    };
    add(
        &mut manifest,
        &[("a.txt", FolderEntry::File(0)), ("a.txt.gz", FolderEntry::File(2)), ("b.png", FolderEntry::File(1))],
    );
    add(&mut manifest, &[("acme-1.0.0.zip", FolderEntry::File(3)), ("package", FolderEntry::Folder(0))]);
    manifest
}

/// Adds a folder with its right digest.
fn add(manifest: &mut BundleManifest, entries: &[(&str, FolderEntry)]) {
    let entries = entries.iter().map(|(name, target)| ((*name).to_owned(), *target)).collect();
    manifest.folders.push(Folder { digest: Digest::of(b""), entries: Some(entries) });
    seal(manifest);
}

/// Corrects the digests of all folders.
fn seal(manifest: &mut BundleManifest) {
    for index in 0..manifest.folders.len() {
        let named = |target: &FolderEntry| match *target {
            FolderEntry::File(content) => content < manifest.contents.len(),
            FolderEntry::Folder(folder) => folder < manifest.folders.len(),
        };
        let folder = &manifest.folders[index];
        if folder.entries.iter().flat_map(BTreeMap::values).all(named)
            && let Some(tree) = manifest.tree(folder)
        {
            manifest.folders[index].digest = tree.digest();
        }
    }
}

fn refused(change: impl FnOnce(&mut BundleManifest)) -> String {
    let mut manifest = example();
    change(&mut manifest);
    seal(&mut manifest);
    match BundleManifest::parse(&manifest.to_json()) {
        Ok(_) => "accepted".to_owned(),
        Err(refusal) => refusal.to_string().lines().next().unwrap_or_default().to_owned(),
    }
}

/// A bundle may come from anybody.
#[test]
fn a_refusal_quotes_only_what_can_be_read() {
    let text = Refusal::new(format!("`\u{202e}{}` is wrong", "x".repeat(10_000)), "look").at("a\nb").to_string();
    assert!(
        text.starts_with(r"`\u{202e}xxx") && text.len() < 700 && text.ends_with("…\n  --> a\\nb\nhint: look"),
        "{text}"
    );
}

#[test]
fn a_good_manifest_is_read() {
    let manifest = example();
    assert_eq!(BundleManifest::parse(&manifest.to_json()), Ok(manifest.clone()));
    assert_eq!(manifest.holds_recipes(), [false, true]);
    assert_eq!((manifest.streamed(), manifest.unpacked()), (9, 22));
}

/// Each rule alone; names of a bundle become paths, and numbers become positions.
#[test]
fn what_a_manifest_may_not_say() {
    type Change = fn(&mut BundleManifest);
    let table: &[(Change, &str)] = &[
        (|m| m.schema.push('2'), "the bundle has the format `epr-build/bundle/22`, recipes 1"),
        (|m| m.recipes = 9, "the bundle has the format `epr-build/bundle/2`, recipes 9"),
        (|m| m.distribution = "store".to_owned(), "`store` cannot be a distribution"),
        (|m| m.distribution = "../x".to_owned(), "`../x` cannot be a distribution"),
        (|m| m.distribution = ".lock".to_owned(), "`.lock` cannot be a distribution"),
        (|m| m.generation = "../../../x".to_owned(), "`../../../x` cannot be a generation"),
        (|m| m.generation = "0123456789ABCDEF".to_owned(), "`0123456789ABCDEF` cannot be a generation"),
        (|m| m.number = Some(u64::MAX), "its number is too high"),
        (|m| m.base = Some("x".to_owned()), "`x` cannot be a generation"),
        (|m| m.base = Some(m.generation.clone()), "it builds on itself"),
        (|m| m.files[0].path = "../x".to_owned(), "`../x` cannot be a file of a generation"),
        (|m| m.files[0].path = "/x".to_owned(), "`/x` cannot be a file of a generation"),
        (|m| m.files[0].path = "a//x".to_owned(), "`a//x` cannot be a file of a generation"),
        (|m| m.files[0].path = "site".to_owned(), "`site` cannot be a file of a generation"),
        (|m| m.files[0].path = "site/x".to_owned(), "`site/x` cannot be a file of a generation"),
        (|m| m.files.push(m.files[0].clone()), "the file `hosts/x` is out of order"),
        (
            |m| m.files.push(File { path: "hosts/x/y".to_owned(), ..m.files[0].clone() }),
            "the file `hosts/x/y` is out of order",
        ),
        (|m| m.files[0].size = u64::MAX, "the files of the generation have 18446744073709551615 bytes"),
        (
            |m| m.files[0].patch = Some(Patch { size: 1, of: Sized { sha256: m.files[0].sha256, size: 1 } }),
            "`hosts/x` is a patch of nothing",
        ),
        (|m| m.contents[1].sha256 = m.contents[0].sha256, "content 1 stands twice"),
        (|m| m.contents[0].size = u64::MAX, "content 0 is too large"),
        (|m| m.contents[1].size = i64::MAX as u64, "content 1 is too large"),
        (|m| m.contents[1].from = Origin::Base, "content 1 is of a base that there is not"),
        (|m| m.contents[2].from = Origin::Text, "content 2 is out of order"),
        (|m| m.contents[2].from = Origin::Gzip(2), "content 2 is the gzip copy of something that is made later"),
        (|m| m.contents[2].from = Origin::Gzip(3), "content 2 is the gzip copy of something that is made later"),
        (|m| m.contents[2].from = Origin::Gzip(4), "content 2 is the gzip copy of something that is made later"),
        (
            |m| m.contents[2].from = Origin::Member { archive: 3, number: 0 },
            "content 2 is unpacked from something that is no archive of the streams",
        ),
        (
            |m| m.contents[3].from = Origin::Zip { folder: 2, root: "x".to_owned() },
            "content 3 is made from no folder of the bundle",
        ),
        (
            |m| m.contents[3].from = Origin::Zip { folder: 0, root: "../x".to_owned() },
            "content 3 is made from no folder of the bundle",
        ),
        (|m| m.contents[3].from = Origin::Zip { folder: 1, root: "x".to_owned() }, "content 3 is made from itself"),
        (|m| m.folders.clear(), "content 3 is made from no folder of the bundle"),
        (|m| m.folders.push(m.folders[0].clone()), "folder 2 stands twice"),
        (|m| m.folders[0].entries = None, "folder 0 is of a base that there is not"),
        (|m| add(m, &[("..", FolderEntry::File(0))]), "folder 2 has an entry `..`"),
        (|m| add(m, &[("a/b", FolderEntry::File(0))]), "folder 2 has an entry `a/b`"),
        (|m| add(m, &[("", FolderEntry::File(0))]), "folder 2 has an entry ``"),
        (|m| add(m, &[("a\0b", FolderEntry::File(0))]), "folder 2 has an entry `a\\u{0}b`"),
        (|m| add(m, &[("a", FolderEntry::File(4))]), "folder 2 has an entry `a` that leads nowhere"),
        (|m| add(m, &[("a", FolderEntry::Folder(2))]), "folder 2 has an entry `a` that leads nowhere"),
        (|m| (2..70).for_each(|inner| add(m, &[("a", FolderEntry::Folder(inner - 1))])), "folder 64 is too deep"),
        (|m| m.gone.contents = vec![Digest::of(b"a"), Digest::of(b"b")], "accepted"),
    ];
    for (number, (change, expected)) in table.iter().enumerate() {
        let said = refused(change);
        let said = said.strip_prefix("the manifest is invalid: ").unwrap_or(&said);
        let expected = if *expected == "accepted" && Digest::of(b"a") > Digest::of(b"b") {
            "what is gone is out of order"
        } else {
            expected
        };
        assert_eq!(said, expected, "case {number}");
    }
}

/// A digest that does not fit the entries is a forged folder.
#[test]
fn folders_have_their_digest() {
    let mut manifest = example();
    manifest.folders[0].digest = Digest::of(b"other");
    let refusal = BundleManifest::parse(&manifest.to_json()).unwrap_err().to_string();
    assert!(refusal.contains("folder 0 does not have its digest"), "{refusal}");
}

/// What can be written in two ways could be checked in one and used in the other.
#[test]
fn there_is_one_spelling() {
    let text = String::from_utf8(example().to_json()).unwrap();
    let name = "\"distribution\":\"staging\",";
    for other in [
        text.trim_end().to_owned(),
        text.replace(':', ": "),
        text.replace(name, &format!("{name}{name}")),
        text.replace(name, &format!("{name}\"more\":1,")),
        text.replace("\"a.txt\":", "\"a.txt\":{\"file\":1},\"a.txt\":"),
        text.replace("staging", "st\\u0061ging"),
        text.replace("\"size\":4", "\"size\":4.0"),
        format!("{text} "),
    ] {
        assert_ne!(other, text);
        assert!(BundleManifest::parse(other.as_bytes()).is_err(), "{other}");
    }
}

/// A document root of folders and contents by numbers, which names and sharing are made from.
fn scan(seeds: &[(u8, u8)]) -> Scan {
    let mut scan = Scan::default();
    let mut trees: Vec<Digest> = Vec::new();
    for (index, (content, shape)) in seeds.iter().enumerate() {
        let text = format!("content {}", content % 8);
        let blob = Digest::of(text.as_bytes());
        let path =
            format!("package/p{}/1.{}.0/{index}.{}", shape % 3, shape % 5, ["yml", "png"][usize::from(content % 2)]);
        scan.contents.entry(blob).or_insert(Found { size: text.len() as u64, path });
        let mut tree = Tree::default();
        tree.0.insert(format!("f{shape}"), TreeEntry::Blob(blob));
        if let Some(inner) = trees.get(usize::from(*shape) % (index + 1)) {
            tree.0.insert("inner".to_owned(), TreeEntry::Tree(*inner));
        }
        let digest = tree.digest();
        if scan.trees.insert(digest, tree).is_none() {
            scan.order.push(digest);
            trees.push(digest);
        }
    }
    let root = Tree(trees.iter().enumerate().map(|(i, tree)| (format!("t{i}"), TreeEntry::Tree(*tree))).collect());
    scan.order.push(root.digest());
    scan.trees.insert(root.digest(), root);
    scan
}

fn title(base: Option<&str>) -> plan::Title {
    plan::Title {
        distribution: "staging".to_owned(),
        generation: "0123456789abcdef".to_owned(),
        number: 7,
        base: base.map(str::to_owned),
        program: None,
        files: Vec::new(),
    }
}

/// Whatever stands in a manifest, it takes a bounded part of the memory.
#[test]
fn a_manifest_of_many_values_is_refused_before_it_is_read() {
    let text = format!("[{}0]", "0,".repeat(4_000_001));
    let refusal = BundleManifest::parse(text.as_bytes()).unwrap_err().to_string();
    assert!(refusal.contains("it has too many values"), "{refusal}");
}

/// Bundles of older programs have no number; nothing else may be without.
#[test]
fn only_the_older_format_has_no_number() {
    for (schema, number, is_read) in [
        (SCHEMA, Some(0), true),
        (SCHEMA, None, false),
        ("epr-build/bundle/1", None, true),
        ("epr-build/bundle/1", Some(1), false),
    ] {
        let manifest = BundleManifest { schema: schema.to_owned(), number, ..example() };
        assert_eq!(BundleManifest::parse(&manifest.to_json()).is_ok(), is_read, "{schema} {number:?}");
    }
}

proptest! {
    /// What is planned is accepted, and is read as it was planned.
    #[test]
    fn every_plan_is_a_manifest(seeds in prop::collection::vec(any::<(u8, u8)>(), 0..12)) {
        let manifest = plan::manifest(&scan(&seeds), &BaseContents::default(), &Recipes::default(), title(None));
        prop_assert_eq!(BundleManifest::parse(&manifest.to_json()), Ok(manifest));
    }

    /// What is there after a delta is what the later generation needs, whatever lies between the two.
    #[test]
    fn deltas_add_up(
        earlier in prop::collection::vec(any::<(u8, u8)>(), 0..12),
        later in prop::collection::vec(any::<(u8, u8)>(), 0..12),
    ) {
        let (earlier, later) = (scan(&earlier), scan(&later));
        let base = BaseContents::of_scan(&earlier);
        let whole = plan::manifest(&earlier, &BaseContents::default(), &Recipes::default(), title(None));
        prop_assert_eq!(&BaseContents::default().after(&whole), &base);
        let delta = plan::manifest(&later, &base, &Recipes::default(), title(Some("00112233445566ff")));
        prop_assert_eq!(BundleManifest::parse(&delta.to_json()), Ok(delta.clone()));
        prop_assert_eq!(base.clone().after(&delta), BaseContents::of_scan(&later));
        // Nothing that is there is carried.
        for content in &delta.contents {
            prop_assert_eq!(content.from == Origin::Base, base.contents.contains(&content.sha256));
        }
    }

    /// A changed byte is refused or changes what is said; nothing panics.
    #[test]
    fn no_text_panics(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = example().to_json();
        let place = place.index(text.len());
        let is_same = text[place] == byte;
        text[place] = byte;
        prop_assert!(is_same || BundleManifest::parse(&text) != Ok(example()));
    }
}
