//! A plan as a file: what a run would fetch, to be looked at and then done exactly so.

use super::listing::is_name;
use super::plan::Fetch;
use crate::base::fs;
use crate::dialect::version::Version;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The form of the file.
const SCHEMA: &str = "epr-build/mirror-plan/1";

/// What is to be fetched into some layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    schema: String,
    /// By layer, in the order of the run.
    pub layers: Vec<LayerFetches>,
}

/// What is to be fetched into one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerFetches {
    /// Name of the layer.
    pub layer: String,
    /// What is fetched, in order.
    pub fetch: Vec<Fetch>,
}

impl PlanFile {
    /// The plan of some layers.
    pub fn new(layers: Vec<(String, Vec<Fetch>)>) -> Self {
        let layers = layers.into_iter().map(|(layer, fetch)| LayerFetches { layer, fetch }).collect();
        Self { schema: SCHEMA.to_owned(), layers }
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(path: &Path) -> Result<Self> {
        let plan: Self = fs::read_json(path)?;
        plan.check().with_context(|| format!("cannot understand {}", path.display()))?;
        Ok(plan)
    }

    fn check(&self) -> Result<()> {
        ensure!(self.schema == SCHEMA, "its form is `{}`, and this program knows `{SCHEMA}`", self.schema);
        for fetch in self.layers.iter().flat_map(|layer| &layer.fetch) {
            ensure!(is_name(&fetch.name), "`{}` is not the name of a package", fetch.name.escape_debug());
            Version::strict(&fetch.version).with_context(|| format!("version `{}`", fetch.version.escape_debug()))?;
        }
        Ok(())
    }

    /// Writes the plan.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("cannot write the plan as JSON")? + "\n";
        fs::write_in_place(path, text.as_bytes())
    }

    /// What is to be fetched into a layer; `None` if the plan says nothing of it.
    pub fn of(&self, layer: &str) -> Option<&[Fetch]> {
        self.layers.iter().find(|fetches| fetches.layer == layer).map(|fetches| fetches.fetch.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_reads_as_written_and_anything_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        let fetch = |name: &str, version: &str| Fetch {
            name: name.to_owned(),
            version: version.to_owned(),
            upstream: "up".to_owned(),
            signed: true,
            only_signature: false,
            why: "it is new".to_owned(),
            ..Fetch::default()
        };
        let plan = |fetch| PlanFile::new(vec![("elastic".to_owned(), vec![fetch])]);
        plan(fetch("a", "1.0.0")).write(&path).unwrap();
        let read = PlanFile::read(&path).unwrap();
        assert_eq!(read, plan(fetch("a", "1.0.0")));
        assert_eq!(read.of("elastic").unwrap().len(), 1);
        assert!(read.of("other").is_none());
        for bad in [fetch("../a", "1.0.0"), fetch("a", "1.0"), fetch("a", "1.0.0/../..")] {
            plan(bad).write(&path).unwrap();
            assert!(PlanFile::read(&path).is_err());
        }
        for text in ["", "{}", "{\"schema\":\"epr-build/mirror-plan/2\",\"layers\":[]}"] {
            std::fs::write(&path, text).unwrap();
            assert!(PlanFile::read(&path).is_err(), "{text}");
        }
    }
}
