//! What Kibana asks, as it writes it, and requests that differ little from it.

use super::site::{Dice, Site};
use epr_build::config::routing::branches;
use epr_build::package::Spec;

/// Ways to ask for the latest, in the order of a query.
const FLAGS: [&str; 4] = ["", "prerelease=true&", "prerelease=false&", "experimental=true&"];

/// A question as Kibana writes it.
pub(super) struct Asked {
    pub(super) target: String,
    /// True if some Kibana sends this version with these bounds, and the name is not unknown.
    pub(super) is_sent: bool,
}

/// Every subject, flag and pair of bounds, at and around every version where answers may change.
pub(super) fn asked(site: &Site) -> Vec<Asked> {
    let mut asked = Vec::new();
    for version in versions(site) {
        for (bounds, is_of_version) in bounds(version) {
            let [major, minor, patch] = version;
            // Larger numbers are no version of Kibana, and not read by the pattern.
            let is_of_version = is_of_version && major < 100_000;
            let constraints = format!("kibana.version={major}.{minor}.{patch}{bounds}");
            for flag in FLAGS {
                let is_sent =
                    if flag.starts_with("experimental") { bounds.is_empty() && is_of_version } else { is_of_version };
                let mut add = |target: String, is_known| asked.push(Asked { target, is_sent: is_sent && is_known });
                for name in ["nginx", "apache_2", "0", "unknown"] {
                    let is_known = site.routes.subjects.contains_key(&format!("latest/package/{name}"));
                    let inner = if flag.starts_with("experimental") { "internal=true&" } else { "" };
                    add(format!("/search?package={name}&{inner}{flag}{constraints}"), is_known);
                }
                add(format!("/search?{flag}{constraints}"), true);
                for templates in ["", "include_policy_templates=true&"] {
                    add(format!("/categories?{flag}{templates}{constraints}"), true);
                }
            }
        }
    }
    asked
}

/// The same question in another form, or nearly the same question.
pub(super) fn neighbour(dice: &mut Dice, target: &str) -> String {
    let (path, query) = target.split_once('?').unwrap();
    let pairs: Vec<&str> = query.split('&').collect();
    let at = dice.below(query.len());
    let flag = *dice.pick(&["True", "1", "t", "tRUE", "", "false"]);
    let slash = *dice.pick(&["//", "/./", "/x/../", "/%73earch?/"]);
    match dice.below(14) {
        0 => format!("{target}&x=y"),
        1 => format!("{path}?x=y&{query}"),
        2 => format!("{path}?{}", pairs.iter().rev().copied().collect::<Vec<_>>().join("&")),
        3 => target.replace("version=", "version=0"),
        4 => target.replace('.', ".0"),
        5 => format!("{path}?{}%{:02x}{}", &query[..at], query.as_bytes()[at], &query[at + 1..]),
        6 => format!("{path}?{}{}{}", &query[..at], query[at..=at].to_ascii_uppercase(), &query[at + 1..]),
        7 => format!("{path}?{}{}", &query[..at], &query[at + 1..]),
        8 => format!("{path}?{}{}{query}", dice.pick(&pairs), dice.pick(&["&", "", "&&", ";"])),
        9 => format!(
            "{target}{}",
            dice.pick(&["&", "-SNAPSHOT", ".1", "0000000000", "%2Bx", "&capabilities=apm", "&spec.max=3.0"])
        ),
        10 => target.replace("true", flag),
        11 => format!(
            "{path}?{}&{query}",
            dice.pick(&["package=nginx", "category=web", "type=input", "all=true", "internal=true"])
        ),
        12 => target.replace("experimental", "prerelease=true&experimental"),
        _ => target.replacen('/', slash, 1),
    }
}

/// At each boundary, around it, and beyond all of them.
fn versions(site: &Site) -> Vec<[u64; 3]> {
    let around = |[major, minor, patch]: [u64; 3]| {
        let (before, after) = (minor.saturating_sub(1), minor + 1);
        [
            [major, minor, patch],
            [major, minor, patch + 1],
            [major, minor, patch.saturating_sub(1)],
            [major, minor, 0],
            [major, before, 7],
            [major, after, 0],
            [major, after + 30, 1],
        ]
    };
    let mut versions: Vec<_> = site.routes.kibana_boundaries.iter().copied().flat_map(around).collect();
    versions.extend(branches().into_iter().filter_map(|client| client.kibana).map(|(first, _)| first));
    versions.extend([[6, 8, 23], [8, 15, 5], [8, 18, 1], [9, 3, 2], [9, 5, 4], [10, 0, 0], [40_000, 1, 1]]);
    versions.sort_unstable();
    versions.dedup();
    versions
}

/// Bounds as they end a query, and whether a Kibana of this version sends them; none are sent by scripts for all.
fn bounds(version: [u64; 3]) -> Vec<(String, bool)> {
    let spelt = |name: &str, bound: Option<Spec>| {
        bound.map_or_else(String::new, |spec| format!("&spec.{name}={}.{}", spec.major, spec.minor))
    };
    let mut bounds = vec![(String::new(), true)];
    for client in branches() {
        let (first, next) = client.kibana.unwrap();
        let text = spelt("min", client.spec_min) + &spelt("max", client.spec_max);
        bounds.push((text, first <= version && version < next));
    }
    bounds
        .extend(["&spec.max=2.0", "&spec.min=3.0&spec.max=3.0", "&spec.max=4.7"].map(|text| (text.to_owned(), false)));
    bounds
}
