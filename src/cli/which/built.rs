//! The same from a generation, which knows the facts of its versions, their layers and what their signatures are worth. What a
//! build left out of it, and why, it does not know.

use super::answer::{Answer, Offered};
use crate::base::fs;
use crate::cli::common::failures::built_distribution;
use crate::generation::distribution::Distribution;
use crate::openpgp::Verdict;
use crate::package::Facts;
use crate::site::facts;
use anyhow::{Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

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

/// Returns true if a distribution is in use in an output folder.
pub(super) fn is_in(out: &Path) -> bool {
    Distribution::all(out).is_ok_and(|all| all.iter().any(is_in_use))
}

fn is_in_use(distribution: &Distribution) -> bool {
    distribution.current().is_some()
}

/// The answers of the generations in use: of the distributions that are named, or all.
pub(super) fn answers(
    out: &Path,
    names: &[String],
    answer: impl Fn(&str, &[Offered<'_>]) -> Answer,
) -> Result<Vec<Answer>> {
    let distributions = match names {
        [] => Distribution::all(out)?.into_iter().filter(is_in_use).collect(),
        names => names.iter().map(|name| built_distribution(out, name)).collect::<Result<Vec<_>>>()?,
    };
    if distributions.is_empty() {
        bail!(
            "there is no distribution in `{}`\nhint: name its output folder with --out, or leave out --built",
            out.display()
        );
    }
    distributions.iter().map(|distribution| of_one(distribution, &answer)).collect()
}

fn of_one(distribution: &Distribution, answer: &impl Fn(&str, &[Offered<'_>]) -> Answer) -> Result<Answer> {
    let id = distribution.current().unwrap_or_default();
    let folder = distribution.generation(&id);
    let known: Vec<Facts> = fs::read_json(&folder.join(facts::FILE))?;
    let manifest: Manifest = fs::read_json(&folder.join("manifest.json"))?;
    let listed: BTreeMap<&str, &ListedPackage> =
        manifest.packages.iter().map(|package| (package.path.as_str(), package)).collect();
    let mut versions = Vec::new();
    for facts in &known {
        let path = format!("/package/{}/{}", facts.name, facts.version);
        let Some(listed) = listed.get(path.as_str()) else {
            bail!(
                "the manifest in {} does not list {path}\nhint: `epr-build verify` looks at the generation",
                folder.display()
            );
        };
        versions.push(Offered {
            facts,
            layer: &listed.layer,
            package: folder.join("site").join(path.trim_start_matches('/')).display().to_string(),
            verdict: listed.signature.as_ref().unwrap_or(&Verdict::Missing),
        });
    }
    let mut answer = answer(&distribution.name(), &versions);
    answer.generation = Some(id);
    Ok(answer)
}
