//! Publishing to object stores: readers see one whole generation, whatever happens to the publisher.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

mod front;
mod reader;
mod s3;

pub(crate) use s3::start_behind_haproxy;
mod troubled;

use crate::built::Generation;
use crate::harness::Case;
use crate::incremental::settle;
use epr_build::base::digest::Digest;
use epr_build::base::progress::Progress;
use epr_build::carry::publish::contents::Contents;
use epr_build::carry::publish::object::Headers;
use epr_build::carry::publish::target::{Access, Target};
use epr_build::carry::publish::{Options, Outcome, STATE, publish};
use futures_util::TryStreamExt;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use reader::{check, object, requests};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::runtime::Runtime;
use troubled::{Trouble, target, troubled};

const USUAL: Options = Options { jobs: 4, dry_run: false, relist: false, prune_after: None, now: 100 };

/// Two generations of a distribution: in the second a version has other content, one is gone and one is new.
struct Two {
    _case: Case,
    first: Generation,
    second: Generation,
    runtime: Runtime,
}

impl Two {
    fn build() -> Self {
        let case = Case::new().package("packages/production", "changed", "1.0.0", "first");
        let case = case.package("packages/production", "gone", "1.0.0", "").package(
            "packages/production",
            "same",
            "2.0.0",
            "",
        );
        let build = |case: &Case| {
            let run = case.run(&["--dist", "production"]);
            assert_eq!(run.code, 0, "{run:#?}");
            Generation::open(&case.path("out"), "production")
        };
        let first = build(&case);
        settle();
        fs::write(case.path("packages/production/changed/1.0.0/docs/README.md"), "# Second\n").unwrap();
        fs::remove_dir_all(case.path("packages/production/gone")).unwrap();
        let case = case.package("packages/production", "new", "0.1.0", "x y");
        let second = build(&case);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { _case: case, first, second, runtime }
    }

    fn generations(&self) -> [&Generation; 2] {
        [&self.first, &self.second]
    }

    fn publish(&self, target: &Target, generation: &Generation, options: Options) -> Result<Outcome, String> {
        let contents = Contents::read(&generation.folder).unwrap();
        let progress = Progress::new(true);
        self.runtime.block_on(publish(target, &contents, &options, &progress)).map_err(|error| format!("{error:#}"))
    }

    /// All objects with their bytes, without the state.
    fn objects(&self, target: &Target) -> BTreeMap<String, Vec<u8>> {
        self.runtime.block_on(async {
            let found: Vec<_> = target.store.list(None).try_collect().await.unwrap();
            let mut objects = BTreeMap::new();
            for meta in found {
                let key = target.key(&meta.location).unwrap().to_owned();
                let (bytes, _) = object(target, &key).await.unwrap();
                objects.insert(key, bytes);
            }
            objects.remove(STATE);
            objects
        })
    }

    fn check(&self, target: &Target, requests: &[String]) -> String {
        self.runtime.block_on(check(target, &self.generations(), requests))
    }

    /// Writes to a store behind the publisher's back.
    fn write(&self, target: &Target, key: &str, bytes: &[u8], headers: &Headers) {
        let attributes = target.attributes(headers, Some(&Digest::of(bytes).to_string()));
        let options = object_store::PutOptions { attributes, ..object_store::PutOptions::default() };
        let path = target.path(key).unwrap();
        self.runtime.block_on(target.store.put_opts(&path, bytes.to_vec().into(), options)).unwrap();
    }
}

fn id(generation: &Generation) -> String {
    generation.folder.file_name().unwrap().to_str().unwrap().to_owned()
}

/// The second run asks for two objects and sends none; a changed version is sent, an unchanged one is not.
#[test]
fn only_what_changed_is_sent() {
    let two = Two::build();
    let store = Arc::new(InMemory::new());
    let requests = requests(&two.generations());
    let outcome = two.publish(&target(&store), &two.first, USUAL).unwrap();
    assert!(outcome.switched && outcome.unchanged.objects == 0, "{outcome:?}");
    assert_eq!(outcome.purge, ["/*"]);
    assert_eq!(two.check(&target(&store), &requests), id(&two.first));

    let (counted, asked) = troubled(&store, Trouble::None);
    let again = two.publish(&counted, &two.first, USUAL).unwrap();
    assert_eq!((again.uploaded.objects, again.switched, asked.load(Ordering::SeqCst)), (0, false, 2), "{again:?}");
    assert_eq!(again.unchanged, outcome.uploaded);
    assert!(again.purge.is_empty(), "{again:?}");

    let second = two.publish(&target(&store), &two.second, USUAL).unwrap();
    assert_eq!(two.check(&target(&store), &requests), id(&two.second));
    let sent = |name: &str| second.keys.iter().filter(|key| key.starts_with("v/") && key.contains(name)).count();
    assert!(sent("/changed/") > 0 && sent("/new/") > 0, "{second:?}");
    assert_eq!((sent("/same/"), sent("/gone/")), (0, 0), "{second:?}");
    let purge: Vec<_> = second.purge.iter().map(String::as_str).collect();
    for path in
        ["/search*", "/categories*", "/package/changed/1.0.0/*", "/epr/gone/gone-1.0.0.zip", "/package/new/0.1.0/"]
    {
        assert!(purge.contains(&path), "{path}: {purge:?}");
    }
    assert!(!purge.iter().any(|path| path.contains("same")), "{purge:?}");

    // Back again, from what is still there.
    let back = two.publish(&target(&store), &two.first, USUAL).unwrap();
    assert_eq!((back.uploaded.objects, back.switched), (0, true), "{back:?}");
    assert_eq!(two.check(&target(&store), &requests), id(&two.first));
}

/// A publisher that dies at any request leaves readers a whole generation, and the next run sends only what is missing.
#[test]
fn death_at_any_moment_leaves_a_whole_generation() {
    let two = Two::build();
    let requests = requests(&two.generations());
    let before = InMemory::new();
    let before = Arc::new(before);
    two.publish(&target(&before), &two.first, USUAL).unwrap();
    let options = Options { prune_after: Some(Duration::ZERO), jobs: 1, ..USUAL };

    let fresh = Arc::new(InMemory::new());
    two.publish(&target(&fresh), &two.second, USUAL).unwrap();
    let whole = two.objects(&target(&fresh));
    let (counted, asked) = troubled(&Arc::new(before.fork()), Trouble::None);
    let undisturbed = two.publish(&counted, &two.second, options).unwrap();
    let asked = asked.load(Ordering::SeqCst);
    assert!(two.objects(&counted) == whole);
    println!("{asked} requests, {} of readers", requests.len());
    assert!(asked > 80 && undisturbed.deleted.objects > 10, "{asked} {undisturbed:?}");

    let mut seen = BTreeMap::new();
    for at in 0..asked {
        for trouble in [Trouble::Before(at), Trouble::After(at)] {
            let store = Arc::new(before.fork());
            let (dying, _) = troubled(&store, trouble.clone());
            let stopped = two.publish(&dying, &two.second, options);
            assert!(stopped.is_err() || matches!(trouble, Trouble::After(_)), "{trouble:?}: {stopped:?}");
            // All requests at some moments, at the others those that differ most.
            let asked = if at % 8 == 0 { requests.as_slice() } else { &requests[..requests.len() / 8] };
            *seen.entry(two.check(&target(&store), asked)).or_insert(0) += 1;

            let there = two.objects(&target(&store));
            let resumed = two.publish(&target(&store), &two.second, options).unwrap();
            let missing = undisturbed.keys.iter().filter(|key| !there.contains_key(*key)).count();
            assert_eq!(resumed.uploaded.objects, missing as u64, "{trouble:?}: {:?}", resumed.keys);
            assert!(two.objects(&target(&store)) == whole, "{trouble:?}");
            assert_eq!(two.check(&target(&store), asked), id(&two.second));
        }
    }
    assert!(seen[&id(&two.first)] > 60 && seen[&id(&two.second)] > 60, "{seen:?}");
}

/// Of two publishers at once one is told, and readers see the whole generation of one of them.
#[test]
fn two_publishers_do_not_mix() {
    let two = Two::build();
    let requests = requests(&two.generations());
    let before = Arc::new(InMemory::new());
    two.publish(&target(&before), &two.first, USUAL).unwrap();
    let rival = Arc::new(Contents::read(&two.first.folder).unwrap());
    let (counted, asked) = troubled(&Arc::new(before.fork()), Trouble::None);
    two.publish(&counted, &two.second, USUAL).unwrap();
    let mut told = 0;
    for at in 0..asked.load(Ordering::SeqCst) {
        let store = Arc::new(before.fork());
        let (troubled, _) = troubled(&store, Trouble::Rival(at, Arc::clone(&rival)));
        if let Err(error) = two.publish(&troubled, &two.second, USUAL) {
            assert!(error.contains("somebody else publishes") && error.contains("\nhint: "), "{at}: {error}");
            told += 1;
        }
        two.check(&target(&store), &requests[..requests.len() / 4]);
        two.publish(&target(&store), &two.second, USUAL).unwrap();
        assert_eq!(two.check(&target(&store), &requests[..requests.len() / 4]), id(&two.second));
    }
    assert!(told > 30, "{told}");
}

/// Only a state of ours for this distribution is believed; without one a prefix must be empty, or be looked at.
#[test]
fn a_state_that_cannot_be_trusted_is_refused() {
    let two = Two::build();
    let store = Arc::new(InMemory::new());
    let target = target(&store);
    let refused = |expected: &str| {
        let error = two.publish(&target, &two.first, USUAL).unwrap_err();
        assert!(error.contains(expected) && error.contains("--relist"), "{error}");
    };
    let headers = Headers::internal("text/plain");
    two.write(&target, "index.html", b"hello", &headers);
    refused("holds objects, but no .epr-build/state.json.zst");
    let relist = Options { relist: true, ..USUAL };
    let all = two.publish(&target, &two.first, relist).unwrap().uploaded;

    let (state, _) = two.runtime.block_on(object(&target, STATE)).unwrap();
    two.write(&target, STATE, &state[..state.len() / 2], &headers);
    refused("it is damaged");
    two.write(&target, STATE, b"hello", &headers);
    refused("it is damaged");

    // What is there is looked at: nothing has to be sent again but what is missing or not what it should be.
    let some: Vec<_> = two.objects(&target).into_keys().filter(|key| key.ends_with("README.md")).collect();
    let [other, missing, typed] = &some[..] else { panic!("{some:?}") };
    let (content, _) = two.runtime.block_on(object(&target, other)).unwrap();
    two.write(&target, other, &content.iter().map(|byte| byte ^ 1).collect::<Vec<_>>(), &headers);
    let gone = futures_util::stream::iter([Ok(target.path(missing).unwrap())]);
    two.runtime.block_on(target.store.delete_stream(Box::pin(gone)).try_collect::<Vec<_>>()).unwrap();
    let (content, _) = two.runtime.block_on(object(&target, typed)).unwrap();
    two.write(&target, typed, &content, &headers);
    let mut repaired = two.publish(&target, &two.first, relist).unwrap();
    repaired.keys.sort();
    assert_eq!(repaired.keys, some);
    assert_eq!(repaired.unchanged.objects + 3, all.objects);
    two.check(&target, &requests(&[&two.first]));
    assert_eq!(two.publish(&target, &two.first, USUAL).unwrap().uploaded.objects, 0);
}

/// Nothing is removed until no reader has needed it for as long as is asked for; a dry run only says so.
#[test]
fn what_nobody_needs_goes_late() {
    let two = Two::build();
    let store = Arc::new(InMemory::new());
    let target = target(&store);
    two.publish(&target, &two.first, USUAL).unwrap();
    two.publish(&target, &two.second, Options { now: 1_000, ..USUAL }).unwrap();
    let both = two.objects(&target);
    let at = |now, dry_run| Options { now, dry_run, prune_after: Some(Duration::from_secs(60)), ..USUAL };
    let early = two.publish(&target, &two.second, at(1_059, false)).unwrap();
    assert_eq!((early.deleted.objects, early.uploaded.objects), (0, 0));
    let dry = two.publish(&target, &two.second, at(1_060, true)).unwrap();
    assert!(dry.deleted.objects > 10 && dry.folders.len() == 3, "{dry:?}");
    assert!(two.objects(&target) == both);
    let late = two.publish(&target, &two.second, at(1_060, false)).unwrap();
    assert_eq!((late.deleted, &late.folders), (dry.deleted, &dry.folders));
    let fresh = Arc::new(InMemory::new());
    two.publish(&troubled::target(&fresh), &two.second, USUAL).unwrap();
    assert!(two.objects(&target) == two.objects(&troubled::target(&fresh)));
}

/// A folder gets the same objects, without headers; it can be verified all the same.
#[test]
fn a_folder_is_a_twin_of_a_bucket() {
    let two = Two::build();
    let place = tempfile::tempdir().unwrap();
    let address = format!("file://{}/a%20b", place.path().display());
    let folder = Target::open(&address, &Access::default()).unwrap();
    let dry = two.publish(&folder, &two.first, Options { dry_run: true, ..USUAL }).unwrap();
    assert!(two.objects(&folder).is_empty());
    let sent = two.publish(&folder, &two.first, USUAL).unwrap();
    assert_eq!((&dry.keys, dry.uploaded), (&sent.keys, sent.uploaded));
    let store = Arc::new(InMemory::new());
    two.publish(&target(&store), &two.first, USUAL).unwrap();
    assert!(two.objects(&folder) == two.objects(&target(&store)));
    two.check(&folder, &requests(&[&two.first]));
    assert_eq!(two.publish(&folder, &two.first, USUAL).unwrap().uploaded.objects, 0);

    let readme = sent.keys.iter().find(|key| key.ends_with("README.md")).unwrap();
    let path = place.path().join("a b").join(readme);
    let other: Vec<u8> = fs::read(&path).unwrap().iter().map(|byte| byte ^ 1).collect();
    fs::write(&path, other).unwrap();
    let repaired = two.publish(&folder, &two.first, Options { relist: true, ..USUAL }).unwrap();
    assert_eq!(repaired.keys.as_slice(), std::slice::from_ref(readme));
    let pruning = Options { prune_after: Some(Duration::ZERO), ..USUAL };
    two.publish(&folder, &two.second, pruning).unwrap();
    two.check(&folder, &requests(&two.generations()));
    let folders = fs::read_dir(place.path().join("a b/v")).unwrap().count();
    assert_eq!(folders, two.second.packages().len());
}
