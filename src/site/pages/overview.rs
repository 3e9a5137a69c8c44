//! The first page: all packages as tiles, with what filters need, and the page that compares versions.

use super::PageWriter;
use super::facets::{self, Choice};
use crate::catalog::page_record::{Page, Tile};
use crate::site::report::Report;
use anyhow::Result;
use serde_json::json;

/// The overview and the page for comparing, which lists all names.
pub(super) fn pages(
    distribution: &str,
    tiles: &[&Tile],
    report: &Report,
    writer: &PageWriter<'_>,
) -> Result<Vec<Page>> {
    let mut tiles = tiles.to_vec();
    tiles.sort_by_cached_key(|tile| (tile.title.to_lowercase(), tile.name.clone()));
    let words = |word: fn(&Tile) -> &str| -> Vec<Choice> {
        facets::choices(tiles.iter().map(|tile| word(tile)).filter(|word| !word.is_empty()))
    };
    let values = json!({
        "distribution": distribution,
        "tiles": tiles,
        "versions": report.versions,
        "quarantined": report.quarantined(),
        "facets": json!({
            "categories": facets::category_tree(tiles.iter().flat_map(|tile| &tile.categories).map(String::as_str)),
            "kinds": words(|tile| &tile.kind),
            "layers": facets::choices(tiles.iter().flat_map(|tile| &tile.layers).map(String::as_str)),
            "owners": words(|tile| &tile.owner)})});
    let overview = writer.templates.render("overview.html", 0, &values)?;
    let compare =
        writer.templates.render("compare.html", 1, &json!({ "distribution": distribution, "tiles": tiles }))?;
    Ok(vec![writer.put("index.html", &overview)?, writer.put("compare/index.html", &compare)?])
}
