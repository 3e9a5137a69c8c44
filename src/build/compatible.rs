//! A generation with only what one Kibana can get, and what it needs before and after an upgrade; or what a selection chooses.
//!
//! It is made from what builds remember of the packages of another generation; no layer is read.

use super::generation::Writer;
use crate::answers::questions::query_of_kibana;
use crate::answers::search::{Query, search};
use crate::base::digest::Digest;
use crate::base::file_notes::{self, FileNotes};
use crate::base::fs::{Scrutiny, read_json, read_text};
use crate::base::headers::CacheClass;
use crate::base::progress::{Clock, Progress};
use crate::catalog::cache::Cache;
use crate::catalog::deprecation::CarriedNotice;
use crate::catalog::merge::{Catalog, Entry};
use crate::catalog::overlay::{Overlay, Overridden};
use crate::catalog::record::Record;
use crate::config::Config;
use crate::config::selection::KibanaRange;
use crate::config::settings::DistributionPlan;
use crate::dialect::version::Version;
use crate::generation::distribution::{Distribution, with_remedy};
use crate::hosts::{HOSTING, Hosting};
use crate::openpgp::{Fingerprint, Verdict};
use crate::package::Facts;
use crate::select::published;
use crate::select::resolved::Resolved;
use crate::site::pages;
use crate::store::{STOCK, Store};
use anyhow::{Result, anyhow, bail, ensure};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// Stands for the last minor or patch of a series, whatever it is called.
const LAST: u64 = 999;

/// The generation that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Name of the generation.
    pub generation: String,
    /// Number of versions in it.
    pub kept: usize,
    /// Number of versions of the generation that it was made from.
    pub all: usize,
}

/// The fields of `manifest.json` that are needed here.
#[derive(Deserialize)]
struct GenerationManifest {
    files: BTreeMap<String, ListedFile>,
    packages: Vec<Package>,
}

/// The fields of `report.json` that are needed here.
#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    overrides: Vec<Overridden>,
    #[serde(default)]
    carried_notices: Vec<CarriedNotice>,
}

#[derive(Deserialize)]
struct ListedFile {
    sha256: Digest,
}

#[derive(Deserialize)]
struct Package {
    path: String,
    layer: String,
    cache: CacheClass,
    #[serde(default)]
    signature: Option<Verdict>,
}

/// What is left of a generation.
pub enum Part<'a> {
    /// What a Kibana accepts, and what it needs around an upgrade.
    Kibana(&'a Version),
    /// What a selection chooses.
    Selection(&'a Resolved),
}

/// Writes a part of a generation, as a generation that is not in use.
///
/// # Errors
/// When builds do not remember a package, nothing would be left, a rule of the selection takes nothing, or the disk fails.
pub fn generation(
    out: &Path,
    distribution: &Distribution,
    from: &str,
    part: &Part<'_>,
    config: &Config,
    progress: &Progress,
) -> Result<Made> {
    let (store, cache) = (Store::open(&out.join("store"))?, Cache::read(out));
    store.take_stock(Some(&out.join(STOCK)));
    let folder = distribution.generation(from);
    let mut catalog = remembered(distribution, from, &cache, &store)?;
    let all = catalog.entries.len();
    let whose = match part {
        Part::Kibana(kibana) => {
            let needed = needed_entries(&catalog, kibana);
            catalog.keep_only(|position, _| needed.contains(&position));
            format!("for Kibana {kibana}")
        }
        Part::Selection(resolved) => {
            let chosen = published::apply(resolved, &mut catalog)?;
            chosen.map_err(|mistakes| anyhow!("selection `{}`: {mistakes}", resolved.name))?;
            format!("that selection `{}` chooses", resolved.name)
        }
    };
    ensure!(
        !catalog.entries.is_empty(),
        "generation {from} of `{}` holds nothing {whose}\nhint: `epr-build which` says why a Kibana gets no version of a package",
        distribution.name()
    );
    let hosting: Hosting = read_json(&folder.join(HOSTING)).map_err(with_remedy)?;
    let name = distribution.name();
    let listen = config.distributions.get(&name).and_then(|distribution| distribution.listen.clone());
    let plan = DistributionPlan {
        listen: listen.unwrap_or_else(|| config.listen.clone()),
        fallback: hosting.fallback,
        layers: Vec::new(),
        prefix: hosting.prefix,
        debug_header: hosting.debug_header,
        ui: read_json::<FileNotes>(&folder.join(file_notes::FILE)).map_err(with_remedy)?.pages,
        select: None,
        name,
    };
    let exceptions = distribution.report(from).map(|report| report.exceptions).unwrap_or_default();
    let clock = &mut Clock::start();
    let mut writer = Writer {
        out,
        routing: &config.routing,
        store: &store,
        cache: &cache,
        progress,
        clock,
        scrutiny: Scrutiny::Look,
    };
    let report = writer.write(&plan, &[], &catalog, exceptions)?;
    Ok(Made { generation: report.generation, kept: catalog.entries.len(), all })
}

/// The catalog that a generation was made from, with what overrides changed of it then. Deprecations are those of the whole.
fn remembered(distribution: &Distribution, from: &str, cache: &Cache, store: &Store) -> Result<Catalog> {
    let folder = &distribution.generation(from);
    let Told { overrides, carried_notices } = read_json(&folder.join("report.json")).map_err(with_remedy)?;
    let mut overlays: BTreeMap<(String, String), Overlay> =
        overrides.into_iter().map(|one| ((one.name, one.version), one.overlay)).collect();
    let manifest: GenerationManifest = read_json(&folder.join("manifest.json")).map_err(with_remedy)?;
    // An archive holds the files of a package and its version; only the signature lies beside it.
    let mut records: BTreeMap<(Digest, Option<Digest>), Arc<Record>> = BTreeMap::new();
    for record in cache.packages.values().into_iter().filter_map(|outcome| outcome.record) {
        if record.is_whole(store) {
            records.insert((record.archive.digest, record.signature.map(|blob| blob.digest)), record);
        }
    }
    let mut entries = Vec::new();
    for Package { path, layer, cache, signature } in manifest.packages {
        let package = path.strip_prefix("/package/").unwrap_or(&path).to_owned();
        let Some((name, version)) = package.split_once('/') else {
            bail!("the manifest of {} lists `{path}`", folder.display())
        };
        let archive = format!("/epr/{name}/{name}-{version}.zip");
        let digest = |path: &str| manifest.files.get(path).map(|listed| listed.sha256);
        let key = digest(&archive).map(|digest_of| (digest_of, digest(&format!("{archive}.sig"))));
        let Some(record) = key.and_then(|key| records.get(&key)) else {
            bail!(
                "what a build found out about {name}-{version} is not remembered\n\
                 hint: build again with the layers at hand, and release the generation that is in use then"
            )
        };
        let overlay = overlays.remove(&(name.to_owned(), version.to_owned())).unwrap_or_default();
        entries.push(Entry {
            record: record.told(&overlay),
            own: Arc::clone(record),
            overlay,
            layer,
            immutable: cache == CacheClass::Immutable,
            also_in: Vec::new(),
            verdict: signature.unwrap_or(Verdict::Missing),
            deprecated: None,
            package,
        });
    }
    let keys: BTreeSet<Fingerprint> = entries.iter().filter_map(|entry| entry.verdict.good_key()).collect();
    let key = |key: Fingerprint| Some((key, read_text(&folder.join("site/ui").join(pages::key_path(&key))).ok()?));
    Ok(Catalog::of(entries, keys.into_iter().filter_map(key).collect(), carried_notices))
}

/// The positions of the versions that a Kibana needs. Overrides change over time, and what was installed before one came
/// is asked for again: so versions count by what the registry says of them, hidden or not, and by what their packages say.
fn needed_entries(catalog: &Catalog, kibana: &Version) -> BTreeSet<usize> {
    let all: Vec<&Facts> = catalog.entries.iter().map(|entry| &entry.record.facts).collect();
    let mut positions = needed(&all, kibana);
    if catalog.entries.iter().any(|entry| !entry.overlay.is_empty()) {
        let own: Vec<&Facts> = catalog.entries.iter().map(|entry| &entry.own.facts).collect();
        positions.extend(needed(&own, kibana));
        let offered = catalog.entries.iter().enumerate().filter(|(_, entry)| !entry.is_hidden());
        let offered: Vec<usize> = offered.map(|(position, _)| position).collect();
        positions.extend(needed(&catalog.facts(), kibana).into_iter().map(|position| offered[position]));
    }
    positions
}

/// The positions of the versions that a self-managed Kibana needs, in a catalog sorted by name.
///
/// Any version that it accepts may be installed in it, and is asked for again. Around an upgrade of the stack packages
/// stay what the Kibana before was given, and become what the Kibana after is given.
fn needed(facts: &[&Facts], kibana: &Version) -> BTreeSet<usize> {
    let mut needed = BTreeSet::new();
    let mut first = 0;
    for versions in facts.chunk_by(|a, b| a.name == b.name) {
        let name = versions[0].name.as_str();
        let asked = query_of_kibana(name, kibana, true, None);
        let every = Query { all: true, prerelease: true, experimental: false, ..asked };
        let mut take = |query: &Query| needed.extend(search(versions, query).iter().map(|hit| first + hit.index));
        take(&every);
        for neighbour in neighbours(kibana.numbers()) {
            for prerelease in [false, true] {
                take(&query_of_kibana(name, &neighbour, prerelease, None));
            }
        }
        first += versions.len();
    }
    needed
}

/// A Kibana and those around an upgrade of it, as selections ask for them.
pub fn around(kibana: &Version) -> Vec<KibanaRange> {
    let range = |[major, minor, patch]: [u64; 3]| KibanaRange {
        first: [major, minor, patch],
        next: Some([major, minor, patch.saturating_add(1)]),
    };
    let neighbours = neighbours(kibana.numbers());
    let all = neighbours.iter().map(Version::numbers).chain([kibana.numbers()]);
    KibanaRange::joined(all.map(range).collect())
}

/// The ends of the minor and major before, and the beginnings of those after.
fn neighbours([major, minor, _]: [u64; 3]) -> Vec<Version> {
    let before =
        [minor.checked_sub(1).map(|minor| [major, minor, LAST]), major.checked_sub(1).map(|major| [major, LAST, LAST])];
    let after = [major.checked_add(1).map(|major| [major, 0, 0]), minor.checked_add(1).map(|minor| [major, minor, 0])];
    before.into_iter().chain(after).flatten().map(Version::release).collect()
}

#[cfg(test)]
mod tests {
    use super::needed;
    use crate::answers::search::samples::catalog;
    use crate::dialect::version::Version;

    #[test]
    fn what_a_kibana_needs() {
        let text = "a 0.9.0 kibana=^7.17.0 spec=1.0
            a 0.9.1 kibana=^7.17.0 spec=1.0
            a 1.0.0 kibana=^8.0.0 spec=1.0
            a 1.1.0 kibana=^8.4.0 spec=1.0
            a 1.2.0-beta1 kibana=^8.5.0 spec=1.0
            a 1.3.0 kibana=^8.6.0 spec=1.0
            a 1.4.0 kibana=^8.7.0 spec=1.0
            a 2.0.0 kibana=^9.0.0 spec=3.0
            a 2.1.0 kibana=^9.1.0 spec=3.0
            b 1.0.0 spec=1.0
            c 1.0.0 kibana=^7.0.0 spec=1.0
            d 1.0.0 kibana=^9.3.0 spec=3.0";
        let facts = catalog(text);
        let facts: Vec<_> = facts.iter().collect();
        for (kibana, expected) in [
            // All that 8.5.0 accepts, the newest of 7.x, of 8.6.0 and of 9.0.0.
            ("8.5.0", "a-0.9.1 a-1.0.0 a-1.1.0 a-1.2.0-beta1 a-1.3.0 a-2.0.0 b-1.0.0 c-1.0.0"),
            ("7.17.5", "a-0.9.0 a-0.9.1 a-1.0.0 b-1.0.0 c-1.0.0"),
        ] {
            let found = needed(&facts, &Version::loose(kibana).unwrap());
            let found: Vec<_> = found.iter().map(|at| format!("{}-{}", facts[*at].name, facts[*at].version)).collect();
            assert_eq!(found.join(" "), expected, "{kibana}");
        }
    }
}
