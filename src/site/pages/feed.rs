//! `feed.xml`: the newest version of each package, as Atom.
//!
//! Atom wants a date for every entry, but packages do not say when they were made, a build looks at no clock, and an
//! invented date would tell people something false. A signature does say when it was made: a signed version has that
//! date. Any other has the first moment of 1970, which feed readers show as a date that is not known; what counts for
//! them is the name of an entry, and a new version has a new one.

use super::PageWriter;
use crate::base::time::rfc3339;
use crate::catalog::page_record::{Page, Tile};
use anyhow::Result;
use serde_json::json;

pub(super) fn page(distribution: &str, tiles: &[&Tile], writer: &PageWriter<'_>) -> Result<Page> {
    // What no Kibana sees is no news.
    let mut tiles: Vec<&Tile> = tiles.iter().copied().filter(|tile| !tile.is_hidden).collect();
    tiles.sort_by(|a, b| b.news.signed_at.cmp(&a.news.signed_at).then_with(|| a.name.cmp(&b.name)));
    let date = |tile: &Tile| rfc3339(tile.news.signed_at.unwrap_or(0));
    let updated = tiles.first().map_or_else(|| rfc3339(0), |tile| date(tile));
    let entries: Vec<_> = tiles.iter().map(|tile| json!({ "tile": tile, "updated": date(tile) })).collect();
    let text = writer.templates.render(
        "feed.xml",
        0,
        &json!({ "distribution": distribution, "entries": entries, "updated": updated }),
    )?;
    writer.put("feed.xml", &text)
}
