//! What the store promises: one copy, whole or made again, same bytes and times.

use super::{Store, Tree, TreeEntry};
use crate::base::digest::Digest;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    store.take_stock(None);
    (folder, store)
}

/// Folders and blobs are shared by links, and carry the times that servers make validators of.
#[test]
fn a_tree_links_its_blobs() {
    let (_folder, store) = store();
    let blob = store.put(b"content").unwrap();
    let inner = store.put_tree(&Tree([("a.txt".to_owned(), TreeEntry::Blob(blob))].into())).unwrap();
    let outer = Tree([("x".to_owned(), TreeEntry::Tree(inner)), ("y".to_owned(), TreeEntry::Tree(inner))].into());
    let path = store.root().join(Store::tree_path(&store.put_tree(&outer).unwrap()));
    assert_eq!(fs::read(path.join("x/a.txt")).unwrap(), b"content");
    assert_eq!(fs::metadata(path.join("y/a.txt")).unwrap().mtime(), blob.modified());
    assert_eq!(fs::metadata(path.join("y/a.txt")).unwrap().nlink(), 2);
    assert_eq!(fs::metadata(path.join("y/a.txt")).unwrap().mode() & 0o777, 0o644);
    assert_eq!(fs::metadata(&path).unwrap().mtime(), outer.digest().modified());
}

/// A file that was cut off, or changed behind our back, is made again instead of published.
#[test]
fn a_damaged_blob_is_made_again() {
    let (folder, store) = store();
    let blob = store.put(b"content").unwrap();
    let path = store.root().join(Store::blob_path(&blob));
    fs::write(&path, b"con").unwrap();
    drop(store);
    let store = Store::open(&folder.path().join("store")).unwrap();
    assert!(!store.has_blob(&blob, 7));
    store.put(b"content").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"content");
    assert!(store.has_blob(&blob, 7));
}

/// A folder without its time was being made when the process ended.
#[test]
fn an_unfinished_tree_is_made_again() {
    let (_folder, store) = store();
    let blob = store.put(b"content").unwrap();
    let tree = Tree([("a".to_owned(), TreeEntry::Blob(blob)), ("b".to_owned(), TreeEntry::Blob(blob))].into());
    let path = store.root().join(Store::tree_path(&tree.digest()));
    fs::create_dir(&path).unwrap();
    fs::write(path.join("a"), b"half").unwrap();
    store.put_tree(&tree).unwrap();
    assert_eq!(fs::read(path.join("a")).unwrap(), b"content");
    assert_eq!(fs::read(path.join("b")).unwrap(), b"content");
}

/// What was streamed gets the same name as what was put at once, and an abandoned file leaves nothing.
#[test]
fn streamed_content_is_the_same_blob() {
    let (_folder, store) = store();
    let content = vec![7; 700_000];
    let mut incoming = store.incoming().unwrap();
    for part in content.chunks(99_999) {
        incoming.write_all(part).unwrap();
    }
    assert_eq!(incoming.position(), 700_000);
    assert_eq!(incoming.finish().unwrap(), (Digest::of(&content), 700_000));
    assert_eq!(store.read_blob(&Digest::of(&content)).unwrap(), content);
    store.incoming().unwrap().write_all(b"abandoned").unwrap();
    assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
}

/// File systems count links: past the limit, further links go to a fresh copy.
#[test]
fn links_beyond_the_limit_of_the_file_system() {
    let (folder, store) = store();
    let blob = store.put(b"content").unwrap();
    let links = folder.path().join("links");
    fs::create_dir(&links).unwrap();
    for number in 0..65_100 {
        store.link_blob(&blob, &links.join(number.to_string())).unwrap();
    }
    assert_eq!(fs::read(links.join("65099")).unwrap(), b"content");
    assert_eq!(fs::metadata(links.join("65099")).unwrap().mtime(), blob.modified());
}

/// After a look at all blobs damage to a tree is seen as without it, whichever name was written to.
#[test]
fn damage_is_seen_after_a_look_at_all_blobs() {
    type Damage = fn(&Store, &std::path::Path);
    let damages: [(&str, bool, Damage); 6] = [
        ("nothing", true, |_, _| {}),
        ("a file of the tree was written to", false, |_, tree| fs::write(tree.join("x/a"), "other").unwrap()),
        ("a file of the tree is gone", false, |_, tree| fs::remove_file(tree.join("x/a")).unwrap()),
        ("a file came to the tree", false, |_, tree| fs::write(tree.join("x/new"), "").unwrap()),
        ("the blob was written to", false, |store, _| {
            fs::write(store.root().join(Store::blob_path(&Digest::of(b"content"))), "other").unwrap();
        }),
        ("the blob was mended, the tree not", false, |store, tree| {
            fs::write(tree.join("x/a"), "other").unwrap();
            Store::open(store.root()).unwrap().put(b"content").unwrap();
        }),
    ];
    for (what, expected, damage) in damages {
        let (_folder, store) = store();
        let blob = store.put(b"content").unwrap();
        let inner = store.put_tree(&Tree([("a".to_owned(), TreeEntry::Blob(blob))].into())).unwrap();
        let outer = store.put_tree(&Tree([("x".to_owned(), TreeEntry::Tree(inner))].into())).unwrap();
        let list = store.root().join("list");
        store.write_stock(&list).unwrap();
        damage(&store, &store.root().join(Store::tree_path(&outer)));
        for looks in [false, true] {
            let store = Store::existing(store.root()).unwrap();
            if looks {
                store.take_stock(Some(&list));
                assert_eq!(
                    store.has_blob(&blob, 7),
                    !matches!(what, "a file of the tree was written to" | "the blob was written to"),
                    "{what}"
                );
            }
            assert_eq!(store.has_tree(&outer), expected, "{what}, looked at all blobs: {looks}");
            assert!(!store.has_blob(&blob, 8), "{what}");
        }
    }
}

/// The list of folders is believed when all of it holds, and then no folder is looked into.
#[test]
fn a_list_of_folders_is_believed_or_not() {
    type Change = fn(&Store, &std::path::Path);
    let changes: [(&str, bool, Change); 8] = [
        ("nothing", true, |_, _| {}),
        ("a blob that no folder has", true, |store, _| {
            store.put(b"more").unwrap();
        }),
        ("another file in place of a blob", false, |store, _| {
            let path = store.root().join(Store::blob_path(&Digest::of(b"content")));
            fs::remove_file(path).unwrap();
            Store::open(store.root()).unwrap().put(b"content").unwrap();
        }),
        ("other rights of a folder", false, |store, list| {
            let folder = store.root().join(Store::tree_path(&folder_of(Digest::of(b"content")).digest()));
            assert!(list.exists());
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
        }),
        ("the list is shorter", false, |_, list| {
            let bytes = fs::read(list).unwrap();
            fs::write(list, &bytes[..bytes.len() - 1]).unwrap();
        }),
        ("a byte of the list is another", false, |_, list| {
            let mut bytes = fs::read(list).unwrap();
            bytes[60] ^= 1;
            fs::write(list, bytes).unwrap();
        }),
        ("the list is empty", false, |_, list| fs::write(list, "").unwrap()),
        ("there is no list", false, |_, list| fs::remove_file(list).unwrap()),
    ];
    for (what, expected, change) in changes {
        let (_folder, store) = store();
        let tree = folder_of(store.put(b"content").unwrap());
        let digest = store.put_tree(&tree).unwrap();
        let list = store.root().join("list");
        store.write_stock(&list).unwrap();
        change(&store, &list);
        let store = Store::existing(store.root()).unwrap();
        store.take_stock(Some(&list));
        assert_eq!(store.trees.shard(&digest).contains_key(&digest.half()), expected, "{what}");
        assert!(store.has_tree(&digest), "{what}");
    }
}

/// A folder whose file lost its place on the shelf is never listed: a look at the blobs would not see that file.
#[test]
fn folders_with_worn_out_blobs_are_not_listed() {
    let (_folder, store) = store();
    let content = store.put(b"content").unwrap();
    let digest = store.put_tree(&folder_of(content)).unwrap();
    store.replace(&content, b"content").unwrap();
    let list = store.root().join("list");
    store.write_stock(&list).unwrap();
    for _ in 0..2 {
        let store = Store::existing(store.root()).unwrap();
        store.take_stock(Some(&list));
        assert!(!store.trees.shard(&digest).contains_key(&digest.half()));
        assert!(store.has_tree(&digest));
        store.write_stock(&list).unwrap();
    }
}

/// Changes the content of a file and keeps its time, as a bad disk does it, or a loss of power.
fn spoil(path: &std::path::Path, bytes: &[u8]) {
    let time = fs::metadata(path).unwrap().modified().unwrap();
    fs::write(path, bytes).unwrap();
    fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

/// What was on the disk is believed when a look confirms it; all else is read first, and so is everything without a list.
#[test]
fn what_no_list_knows_is_read_before_it_is_believed() {
    for (bytes, is_listed, is_believed) in [
        (&b"content"[..], true, true),
        (b"", true, false),
        (b"cont", true, false),
        // The same size: a look cannot tell.
        (b"contemt", true, true),
        (b"content", false, true),
        (b"", false, false),
        (b"contemt", false, false),
    ] {
        let context = format!("{} {is_listed}", String::from_utf8_lossy(bytes));
        let (_folder, store) = store();
        let list = store.root().join("list");
        store.write_stock(&list).unwrap();
        let blob = store.put(b"content").unwrap();
        let tree = store.put_tree(&folder_of(blob)).unwrap();
        if is_listed {
            store.write_stock(&list).unwrap();
        }
        spoil(&store.root().join(Store::blob_path(&blob)), bytes);
        let again = Store::open(store.root()).unwrap();
        again.take_stock(Some(&list));
        assert_eq!(again.has_blob(&blob, 7), is_believed, "{context}");
        assert_eq!(again.has_tree(&tree), is_believed, "{context}");
        again.put(b"content").unwrap();
        assert_eq!(again.put_tree(&folder_of(blob)).unwrap(), tree);
        let file = again.root().join(Store::tree_path(&tree)).join("a");
        let expected: &[u8] = if is_believed { bytes } else { b"content" };
        assert_eq!(fs::read(&file).unwrap(), expected, "{context}");
        // Without a list nothing is believed.
        let read = Store::open(store.root()).unwrap();
        read.take_stock(None);
        read.put(b"content").unwrap();
        read.put_tree(&folder_of(blob)).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"content", "{context}");
    }
}

/// A folder is what its name says, or it is not whole: files that changed places have good contents and times.
#[test]
fn a_folder_is_compared_with_its_name() {
    let (_folder, store) = store();
    let (one, two) = (store.put(b"one").unwrap(), store.put(b"two").unwrap());
    let tree = Tree([("a".to_owned(), TreeEntry::Blob(one)), ("b".to_owned(), TreeEntry::Blob(two))].into());
    let digest = store.put_tree(&tree).unwrap();
    let path = store.root().join(Store::tree_path(&digest));
    for (from, to) in [("a", "x"), ("b", "a"), ("x", "b")] {
        fs::rename(path.join(from), path.join(to)).unwrap();
    }
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(digest.modified().unsigned_abs());
    fs::File::open(&path).unwrap().set_modified(time).unwrap();
    for takes_stock in [false, true] {
        let store = Store::open(store.root()).unwrap();
        if takes_stock {
            store.take_stock(None);
        }
        assert!(!store.has_tree(&digest));
        if takes_stock {
            store.put_tree(&tree).unwrap();
            assert_eq!(fs::read(path.join("a")).unwrap(), b"one");
        }
    }
    // A folder that leads to itself is none.
    fs::remove_file(path.join("a")).unwrap();
    let name = digest.short(32);
    std::os::unix::fs::symlink(format!("../../{}/{}", &name[..2], &name[2..]), path.join("a")).unwrap();
    assert!(!Store::existing(store.root()).unwrap().has_tree(&digest));
}

fn folder_of(blob: Digest) -> Tree {
    Tree([("a".to_owned(), TreeEntry::Blob(blob))].into())
}

/// A folder that is there is looked at while its lock is held, and those below may share that lock.
#[test]
fn folders_below_each_other_do_not_wait_for_each_other() {
    let (_folder, store) = store();
    let nested = |store: &Store, number: usize| {
        let blob = store.put(number.to_string().as_bytes()).unwrap();
        let inner = store.put_tree(&folder_of(blob)).unwrap();
        store.put_tree(&Tree([("x".to_owned(), TreeEntry::Tree(inner))].into())).unwrap()
    };
    // So many that some pairs have their locks in common.
    let first: Vec<_> = (0..2000).map(|number| nested(&store, number)).collect();
    let again = Store::existing(store.root()).unwrap();
    again.take_stock(None);
    assert_eq!((0..2000).map(|number| nested(&again, number)).collect::<Vec<_>>(), first);
}
