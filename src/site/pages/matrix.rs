//! Which version each Kibana gets: worked out by the build with the same search that answers Kibana.
//!
//! Kibana sends more than its version: bounds of the package format that its branch knows, and for old branches another
//! filter. So the answer for a Kibana version is that of the client which has this version. Between two neighbouring
//! boundaries (a constraint or a client changes its mind) the answer is the same: a list of runs holds all of it.

use super::PageWriter;
use crate::answers::search::{Query, search};
use crate::catalog::page_record::{Page, Run, Tile};
use crate::config::routing::{self, Client};
use crate::dialect::version::Version;
use crate::package::Facts;
use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Kibanas before this one send `experimental=true` (contract, "Legacy filter").
const FIRST_WITHOUT_LEGACY: [u64; 3] = [8, 6, 0];

/// The runs of one package, given all its versions in catalog order.
pub(super) fn runs(versions: &[&Facts], prerelease: bool) -> Vec<Run> {
    let branches: Vec<_> = routing::known().into_iter().filter(|client| client.spec_max.is_some()).collect();
    let mut starts = BTreeSet::from([[0, 0, 0], FIRST_WITHOUT_LEGACY]);
    for (first, next) in branches.iter().filter_map(|client| client.kibana) {
        starts.extend([first, next]);
    }
    starts.extend(versions.iter().filter_map(|facts| facts.kibana.as_ref()).flat_map(|kibana| kibana.boundaries()));
    starts.remove(&[u64::MAX; 3]);
    let mut runs: Vec<Run> = Vec::new();
    for from in starts {
        let hits = search(versions, &question(from, prerelease, &branches));
        let version = hits.first().map(|hit| versions[hit.index].version.to_string());
        if runs.last().is_none_or(|last| last.version != version) {
            runs.push(Run { from, version });
        }
    }
    runs
}

/// The query of a Kibana of this version.
fn question(kibana: [u64; 3], prerelease: bool, branches: &[Client]) -> Query {
    let is_branch = |client: &&Client| client.kibana.is_some_and(|(first, next)| first <= kibana && kibana < next);
    let branch = branches.iter().find(is_branch);
    Query {
        kibana: Some(Version::release(kibana)),
        prerelease,
        experimental: kibana < FIRST_WITHOUT_LEGACY,
        spec_min: branch.and_then(|client| client.spec_min),
        spec_max: branch.and_then(|client| client.spec_max),
        ..Query::default()
    }
}

/// The version that the Kibanas from `from` on get.
fn at(runs: &[Run], kibana: [u64; 3]) -> Option<&str> {
    runs.iter().take_while(|run| run.from <= kibana).last()?.version.as_deref()
}

/// The newest version that any Kibana gets.
fn newest(runs: &[Run]) -> Option<&str> {
    let versions = runs.iter().filter_map(|run| run.version.as_deref());
    versions.max_by_key(|version| Version::loose(version).ok())
}

/// A column of the table: all patches of some minor versions.
#[derive(Serialize)]
struct Column {
    label: String,
    /// The version that stands for it.
    newest: [u64; 3],
}

/// Neighbouring columns with the same answer.
#[derive(Serialize)]
struct Cell<'a> {
    version: Option<&'a str>,
    width: usize,
    /// True for the newest version that any Kibana gets.
    is_latest: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    title: &'a str,
    cells: Vec<Cell<'a>>,
}

/// The table, and the exact runs for scripts.
pub(super) fn pages(distribution: &str, tiles: &[&Tile], writer: &PageWriter<'_>) -> Result<Vec<Page>> {
    let columns = columns(tiles);
    let mut sorted = tiles.to_vec();
    sorted.sort_by_cached_key(|tile| (tile.title.to_lowercase(), tile.name.clone()));
    let rows: Vec<_> = sorted.iter().map(|tile| row(tile, &columns)).collect();
    let values = json!({ "distribution": distribution, "columns": columns, "rows": rows });
    let html = writer.templates.render("matrix.html", 1, &values)?;
    Ok(vec![writer.put("matrix/index.html", &html)?, writer.put("data/kibana.json", &data(tiles)?)?])
}

/// Minor versions at which any package changes its answer.
fn columns(tiles: &[&Tile]) -> Vec<Column> {
    let all = tiles.iter().flat_map(|tile| tile.runs.iter().chain(&tile.prerelease_runs));
    let mut minors: BTreeSet<[u64; 2]> = all.map(|run| [run.from[0], run.from[1]]).collect();
    minors.remove(&[0, 0]);
    let minors: Vec<_> = minors.into_iter().collect();
    let mut columns = Vec::new();
    let is_served = |tile: &&Tile| at(&tile.runs, [0, 0, 0]).is_some();
    if minors.is_empty() || tiles.iter().any(is_served) {
        let label = minors.first().map_or_else(|| "any".to_owned(), |[major, minor]| format!("< {major}.{minor}"));
        columns.push(Column { label, newest: [0, 0, 0] });
    }
    for [major, minor] in minors {
        columns.push(Column { label: format!("{major}.{minor}"), newest: [major, minor, u64::MAX] });
    }
    columns
}

fn row<'a>(tile: &'a Tile, columns: &[Column]) -> Row<'a> {
    let mut cells: Vec<Cell<'_>> = Vec::new();
    let latest = newest(&tile.runs);
    for column in columns {
        let version = at(&tile.runs, column.newest);
        match cells.last_mut() {
            Some(cell) if cell.version == version => cell.width += 1,
            _ => cells.push(Cell { version, width: 1, is_latest: version.is_some() && version == latest }),
        }
    }
    Row { name: &tile.name, title: &tile.title, cells }
}

/// The data of a package for scripts: without pre-releases, and with them unless that is the same.
#[derive(Serialize)]
struct Offers<'a> {
    newest: Vec<Option<&'a str>>,
    /// A run is `["8.17.3", "1.2.0" or null]`.
    runs: Vec<Short<'a>>,
}

type Short<'a> = Vec<(String, Option<&'a str>)>;

/// [`Offers`] by name.
fn data(tiles: &[&Tile]) -> Result<String> {
    fn short(runs: &[Run]) -> Short<'_> {
        let run = |run: &'_ Run| run.from.map(|number| number.to_string()).join(".");
        runs.iter().map(|each| (run(each), each.version.as_deref())).collect()
    }
    let packages: BTreeMap<&str, Offers<'_>> = tiles
        .iter()
        .map(|tile| {
            let mut offers = Offers { newest: vec![newest(&tile.runs)], runs: vec![short(&tile.runs)] };
            if tile.prerelease_runs != tile.runs {
                offers.newest.push(newest(&tile.prerelease_runs));
                offers.runs.push(short(&tile.prerelease_runs));
            }
            (tile.name.as_str(), offers)
        })
        .collect();
    serde_json::to_string(&packages).context("cannot write what each Kibana gets")
}
