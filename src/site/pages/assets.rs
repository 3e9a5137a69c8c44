//! Style and scripts of the pages: files of this repository, published as they are.
//!
//! They lie in a folder named after their content, so that a page and what it loads always belong together.

use super::PageWriter;
use crate::base::digest::{Digest, Hasher};
use crate::catalog::page_record::Page;
use anyhow::Result;

/// Names and texts.
const FILES: [(&str, &str); 9] = [
    ("app.css", include_str!("../../../templates/ui/assets/app.css")),
    ("common.js", include_str!("../../../templates/ui/assets/common.js")),
    ("compare.js", include_str!("../../../templates/ui/assets/compare.js")),
    ("diff.js", include_str!("../../../templates/ui/assets/diff.js")),
    ("distribution.js", include_str!("../../../templates/ui/assets/distribution.js")),
    ("matrix.js", include_str!("../../../templates/ui/assets/matrix.js")),
    ("overview.js", include_str!("../../../templates/ui/assets/overview.js")),
    ("package.js", include_str!("../../../templates/ui/assets/package.js")),
    ("theme.js", include_str!("../../../templates/ui/assets/theme.js")),
];
/// The mark beside the name of the registry, and the icon of tabs.
const MARK: &str = include_str!("../../../templates/ui/assets/mark.svg");

/// A digest of all of them.
pub(super) fn digest() -> Digest {
    let mut hasher = Hasher::default();
    for (name, text) in FILES.iter().chain(&[("mark.svg", MARK)]) {
        hasher.text(name);
        hasher.text(text);
    }
    hasher.finish()
}

/// Their folder below `/ui/`.
pub(super) fn folder() -> String {
    format!("assets/{}", digest().short(12))
}

pub(super) fn pages(writer: &PageWriter<'_>) -> Result<Vec<Page>> {
    let folder = folder();
    let all = FILES.iter().chain(&[("mark.svg", MARK)]);
    all.map(|(name, text)| writer.put(&format!("{folder}/{name}"), text)).collect()
}
