//! The same from a generation, which knows the facts of its versions, their layers and what their signatures are worth. What a
//! build left out of it, and why, it does not know.

use super::{Answer, Arguments, Offered, answer};
use crate::answers::search::Query;
use crate::base::fs;
use crate::cli::common::failures::built_distribution;
use crate::cli::common::talk;
use crate::generation::distribution::Distribution;
use crate::openpgp::Verdict;
use crate::package::Facts;
use crate::site::facts;
use anyhow::{Result, bail, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What is read of the manifest of a generation.
#[derive(Deserialize)]
struct Manifest {
    packages: Vec<ListedPackage>,
}

#[derive(Deserialize)]
struct ListedPackage {
    path: String,
    layer: String,
    /// Absent in generations of older versions.
    signature: Option<Verdict>,
}

/// Returns true if there is a built distribution here, and neither a configuration nor a folder of layers.
pub(super) fn is_all_there_is(arguments: &Arguments) -> bool {
    let has_built = || Distribution::all(&arguments.folder.out).is_ok_and(|all| all.iter().any(is_built));
    !arguments.strict && !arguments.layers.are_here() && has_built()
}

fn is_built(distribution: &Distribution) -> bool {
    distribution.current().is_some()
}

/// The answers of the generations in use.
pub(super) fn answers(arguments: &Arguments, query: &Query) -> Result<Vec<Answer>> {
    let out = &arguments.folder.out;
    let mut distributions = Distribution::all(out)?;
    distributions.retain(is_built);
    if !arguments.dists.is_empty() {
        let named = arguments.dists.iter().map(|name| built_distribution(out, name));
        distributions = named.collect::<Result<_>>()?;
    }
    if distributions.is_empty() {
        bail!(
            "there is no distribution in `{}`\nhint: name its output folder with --out, or leave out --built",
            out.display()
        );
    }
    if !arguments.built {
        talk::note("there are no layers here: the generation in use is asked, which does not know what was left out of it")?;
    }
    distributions.iter().map(|distribution| of_one(distribution, arguments, query)).collect()
}

fn of_one(distribution: &Distribution, arguments: &Arguments, query: &Query) -> Result<Answer> {
    let id = distribution.current().unwrap_or_default();
    let folder = distribution.generation(&id);
    let known: Vec<Facts> = fs::read_json(&folder.join(facts::FILE))?;
    let manifest: Manifest = fs::read_json(&folder.join("manifest.json"))?;
    let listed: BTreeMap<&str, &ListedPackage> =
        manifest.packages.iter().map(|package| (package.path.as_str(), package)).collect();
    let mut versions = Vec::new();
    for facts in &known {
        let path = format!("/package/{}/{}", facts.name, facts.version);
        let found = listed.get(path.as_str());
        ensure!(found.is_some(), "{} does not list {path}\nhint: `epr-build verify` looks at the generation", folder.display());
        let package = folder.join("site").join(path.trim_start_matches('/')).display().to_string();
        versions.extend(found.map(|listed| Offered {
            facts,
            layer: &listed.layer,
            package,
            verdict: listed.signature.as_ref().unwrap_or(&Verdict::Missing),
        }));
    }
    let answer = answer(&distribution.name(), &versions, arguments, query);
    Ok(Answer { generation: Some(id), ..answer })
}
