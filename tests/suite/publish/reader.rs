//! A router in front of a store, as small as can be: the reference router decides, the store sends the object.

use crate::built::Generation;
use epr_build::answers::route::model::Routes;
use epr_build::answers::route::request::{Decision, File, Kind, route};
use epr_build::base::file_notes::FileNotes;
use epr_build::carry::publish::target::Target;
use object_store::{Attributes, Error, GetOptions};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The generation that the pointer names, as a router knows it.
pub(super) struct Reader {
    pub(super) generation: String,
    folder: String,
    routes: Routes,
    notes: FileNotes,
    places: BTreeMap<String, String>,
}

/// The content of an object and its headers.
pub(super) async fn object(target: &Target, key: &str) -> Option<(Vec<u8>, Attributes)> {
    match target.store.get_opts(&target.path(key).unwrap(), GetOptions::default()).await {
        Err(Error::NotFound { .. }) => None,
        found => {
            let found = found.unwrap();
            let attributes = found.attributes.clone();
            Some((found.bytes().await.unwrap().to_vec(), attributes))
        }
    }
}

impl Reader {
    /// Reads the pointer and what it leads to; `None` before the first publication.
    pub(super) async fn open(target: &Target) -> Option<Self> {
        let pointer: Value = serde_json::from_slice(&object(target, "current.json").await?.0).unwrap();
        let text = |name: &str| pointer[name].as_str().unwrap().to_owned();
        let folder = text("path");
        let table = |name: String| async move { object(target, &name).await.unwrap().0 };
        let places: Value = serde_json::from_slice(&table(text("places")).await).unwrap();
        Some(Self {
            generation: text("generation"),
            routes: serde_json::from_slice(&table(format!("{folder}/routes.json")).await).unwrap(),
            notes: serde_json::from_slice(&table(format!("{folder}/files.json")).await).unwrap(),
            places: serde_json::from_value(places["versions"].clone()).unwrap(),
            folder,
        })
    }

    /// The key that answers a decision, if there can be one.
    pub(super) fn key(&self, file: &File) -> Option<String> {
        let folder = match &file.kind {
            Kind::Packaged(_) if self.notes.is_copy(&file.path) => return None,
            Kind::Packaged(_) => {
                self.places.get(&file.path.split('/').skip(2).take(2).collect::<Vec<_>>().join("-"))?
            }
            Kind::Archive | Kind::Signature => {
                let name = file.path.rsplit('/').next()?.trim_end_matches(".sig").trim_end_matches(".zip");
                self.places.get(name)?
            }
            _ => &self.folder,
        };
        Some(format!("{folder}{}", file.path))
    }

    pub(super) fn decide(&self, request: &str) -> Decision {
        let (path, query) = request.split_once('?').map_or((request, None), |(path, query)| (path, Some(query)));
        route(&self.routes, "GET", path, query)
    }

    /// The bytes that answer a request, or how it is refused.
    pub(super) async fn answer(&self, target: &Target, request: &str) -> Result<Vec<u8>, String> {
        match self.decide(request) {
            Decision::File(file) => {
                let Some(key) = self.key(&file) else { return Err("404".to_owned()) };
                object(target, &key).await.map(|found| found.0).ok_or_else(|| "404".to_owned())
            }
            other => Err(format!("{other:?}")),
        }
    }
}

/// What a generation on disk answers.
pub(super) fn expected(generation: &Generation, request: &str) -> Result<Vec<u8>, String> {
    match generation.decide(request) {
        Decision::File(file) => {
            let notes = || serde_json::from_slice(&fs::read(generation.folder.join("files.json")).unwrap()).unwrap();
            let is_packaged = matches!(file.kind, Kind::Packaged(_)) && file.path.ends_with(".gz");
            if is_packaged && FileNotes::is_copy(&notes(), &file.path) {
                return Err("404".to_owned());
            }
            fs::read(generation.file(&file.path)).map_err(|_| "404".to_owned())
        }
        other => Err(format!("{other:?}")),
    }
}

/// Requests for every file that any of the generations holds, and for lists in many combinations.
pub(super) fn requests(generations: &[&Generation]) -> Vec<String> {
    let mut requests = BTreeSet::new();
    let mut names = BTreeSet::new();
    for path in generations.iter().flat_map(|generation| generation.files().into_keys()) {
        if let Some(stem) = path.strip_prefix("/documents/").and_then(|path| path.strip_suffix(".json")) {
            requests.insert(format!("/package/{stem}/"));
            names.insert(stem.split('/').next().unwrap().to_owned());
        } else if !path.starts_with("/answers/") && !path.starts_with("/documents/") {
            requests.insert(path.replace(' ', "%20"));
        }
    }
    let filters = names
        .iter()
        .map(|name| format!("package={name}"))
        .chain(["", "category=security", "type=integration", "package=nothing", "all=true"].map(str::to_owned));
    for filter in filters {
        for kibana in ["", "kibana.version=7.17.0", "kibana.version=8.15.0", "kibana.version=9.0.0&spec.max=3.4"] {
            for more in ["", "prerelease=true"] {
                requests.insert(format!("/search?{filter}&{kibana}&{more}"));
                requests.insert(format!("/categories?{kibana}&{more}"));
            }
        }
    }
    requests.extend(["/", "/package/none/1.0.0/", "/epr/none/none-1.0.0.zip", "/package/a/1/x"].map(str::to_owned));
    requests.into_iter().collect()
}

/// Every request is answered as the generation that the pointer names would; says which one that is.
pub(super) async fn check(target: &Target, generations: &[&Generation], requests: &[String]) -> String {
    let reader = Reader::open(target).await.expect("something is published");
    let id = |generation: &&&Generation| generation.folder.ends_with(&reader.generation);
    let generation = generations.iter().find(id).expect("the pointer names a generation that was built");
    for request in requests {
        let (answer, expected) = (reader.answer(target, request).await, expected(generation, request));
        assert!(answer == expected, "{request}: {answer:?} instead of {expected:?}");
    }
    reader.generation
}
