//! The requests that clients are known to send, and which of them the tables hold.
//!
//! A *form* is a kind of client with all values that lead to different answers: every Kibana version at which some answer
//! changes, every bound and every capability of the catalog. Each is asked for the list, the counts of categories, every type
//! and every category, by the reference router.

use crate::answers::route::model::Routes;
use crate::answers::route::request::{Decision, route};
use crate::config::routing::{Client, PRERELEASE_SINCE, known, of_kibana};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeSet;

/// More combinations of one form are not asked: then so many of them are, evenly chosen.
const MOST: usize = 4_000;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// The whole list.
    Lists,
    /// The counts of categories.
    Categories,
    /// The packages of a type.
    Types,
    /// The packages of a category.
    SingleCategories,
}

impl Asked {
    /// All, in the order of the columns.
    pub const ALL: [Self; 4] = [Self::Lists, Self::Categories, Self::Types, Self::SingleCategories];
}

/// The requests of one form for one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Share {
    /// What they ask for.
    pub asked: Asked,
    /// How many were tried.
    pub requests: u64,
    /// How many of them the tables hold.
    pub held: u64,
    /// The first that is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A form, and what the tables hold of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Form {
    /// Who sends it, and what.
    pub form: &'static str,
    /// True if not every combination was tried.
    pub sampled: bool,
    /// By what is asked for; nothing for what this form does not ask for.
    pub shares: Vec<Share>,
}

impl Form {
    /// Returns true if the tables hold all of it.
    pub fn is_held(&self) -> bool {
        self.shares.iter().all(|share| share.held == share.requests)
    }
}

/// Tries all forms. The sets are those of capabilities that packages name.
pub fn held(routes: &Routes, sets: &BTreeSet<Vec<String>>) -> Vec<Form> {
    let values = Values::of(routes, sets);
    values.forms().into_iter().map(|form| form.held(routes, &values)).collect()
}

/// A form that is to be tried.
struct Draft {
    form: &'static str,
    asked: &'static [Asked],
    /// Raw queries.
    queries: Vec<String>,
}

/// Values that lead to different answers.
struct Values {
    versions: Vec<[u64; 3]>,
    agents: Vec<[u64; 3]>,
    /// `major.minor`, and one above all.
    specs: Vec<[u64; 2]>,
    /// Lists as a query spells them.
    capabilities: Vec<String>,
    types: Vec<String>,
    categories: Vec<String>,
}

impl Values {
    fn of(routes: &Routes, sets: &BTreeSet<Vec<String>>) -> Self {
        let starts = |boundaries: &[[u64; 3]]| [[0; 3]].into_iter().chain(boundaries.iter().copied()).collect();
        let of_clients = known().into_iter().filter_map(|client| client.kibana).map(|(first, _)| first);
        let mut versions: Vec<[u64; 3]> = starts(&routes.kibana_boundaries);
        versions.extend(of_clients.chain([PRERELEASE_SINCE]));
        versions.sort_unstable();
        versions.dedup();
        let mut specs = routes.specs.clone();
        specs.extend(specs.last().map(|[major, minor]| [*major, minor + 1]));
        let single = routes.capabilities.iter().map(|word| vec![word.clone()]);
        let mut capabilities: Vec<String> =
            single.chain(sets.iter().cloned()).map(|words| words.join("%2C")).filter(|list| !list.is_empty()).collect();
        capabilities.sort_unstable();
        capabilities.dedup();
        let named = |kind: &str| {
            let prefix = format!("latest/{kind}/");
            let keys = routes.subjects.range(prefix.clone()..).map_while(|(key, _)| key.strip_prefix(prefix.as_str()));
            keys.map(str::to_owned).collect()
        };
        Self {
            versions,
            agents: starts(&routes.agent_boundaries),
            specs,
            capabilities,
            types: named("type"),
            categories: named("category"),
        }
    }

    fn forms(&self) -> Vec<Draft> {
        const LISTS: &[Asked] = &[Asked::Lists, Asked::Categories, Asked::Types];
        const COUNTED: &[Asked] = &[Asked::Lists, Asked::Categories];
        let kibanas = || self.versions.iter().map(|version| (text(version), of_kibana(*version)));
        let branches: Vec<String> =
            kibanas().flat_map(|(version, client)| both(&sent(&client, Some(&version), None))).collect();
        let capable = kibanas().filter(|(_, client)| !client.experimental).flat_map(|(version, client)| {
            let of_list = move |list: &String| both(&sent(&client, Some(&version), Some(list)));
            self.capabilities.iter().flat_map(of_list).collect::<Vec<_>>()
        });
        let unbound = self.versions.iter().flat_map(|version| every_mode(&format!("kibana.version={}", text(version))));
        let bounds = self.bounds();
        let bound = self.versions.iter().flat_map(|version| {
            let of_bounds = |bounds: &String| both(&format!("kibana.version={}&{bounds}", text(version)));
            bounds.iter().flat_map(of_bounds).collect::<Vec<_>>()
        });
        let serverless = known().into_iter().filter(|client| client.kibana.is_none() && client.spec_max.is_some());
        let mut unversioned: Vec<String> = bounds.iter().flat_map(|bounds| both(bounds)).collect();
        unversioned.extend(every_mode(""));
        vec![
            Draft { form: "Kibana with the bounds of its branch", asked: &Asked::ALL, queries: branches },
            Draft { form: "the same with capabilities", asked: LISTS, queries: capable.collect() },
            Draft { form: "Kibana without bounds, and scripts", asked: LISTS, queries: unbound.collect() },
            Draft { form: "Kibana with other bounds", asked: LISTS, queries: bound.collect() },
            Draft { form: "Kibana with its version check off", asked: LISTS, queries: unversioned },
            Draft {
                form: "serverless Kibana",
                asked: LISTS,
                queries: serverless.flat_map(|client| both(&sent(&client, None, None))).collect(),
            },
            Draft { form: "one filter alone", asked: COUNTED, queries: self.single() },
            Draft {
                form: "a type or a category alone",
                asked: &[Asked::Types, Asked::SingleCategories],
                queries: every_mode(""),
            },
            Draft {
                form: "download tools: all versions",
                asked: &[Asked::Lists],
                queries: self
                    .versions
                    .iter()
                    .flat_map(|version| {
                        let version = text(version);
                        let all = format!("all=true&kibana.version={version}");
                        [both(&all), both(&format!("{all}&spec.max=3.0"))].concat()
                    })
                    .chain(both("all=true"))
                    .collect(),
            },
        ]
    }

    /// Every pair of bounds of which the lower is not above the upper, and each alone.
    fn bounds(&self) -> Vec<String> {
        let spec = |[major, minor]: &[u64; 2]| format!("{major}.{minor}");
        let mut bounds = Vec::new();
        for (at, min) in self.specs.iter().enumerate() {
            bounds.push(format!("spec.min={}", spec(min)));
            bounds.push(format!("spec.max={}", spec(min)));
            bounds.extend(self.specs[at..].iter().map(|max| format!("spec.min={}&spec.max={}", spec(min), spec(max))));
        }
        bounds
    }

    fn single(&self) -> Vec<String> {
        let versions = |name: &str, versions: &[[u64; 3]]| {
            versions.iter().map(|version| format!("{name}={}", text(version))).collect::<Vec<_>>()
        };
        let capabilities = self.capabilities.iter().map(|list| format!("capabilities={list}"));
        let bounds = self.bounds().into_iter().filter(|bounds| !bounds.contains('&'));
        let alone = [versions("kibana.version", &self.versions), versions("agent.version", &self.agents)].concat();
        alone.into_iter().chain(capabilities).chain(bounds).flat_map(|query| every_mode(&query)).collect()
    }
}

/// What a client sends.
fn sent(client: &Client, version: Option<&str>, capabilities: Option<&str>) -> String {
    let own = client.capabilities.as_ref().map(|words| words.join("%2C"));
    let spec = |name: &str, spec: Option<crate::package::Spec>| {
        spec.map(|spec| format!("{name}={}.{}", spec.major, spec.minor))
    };
    let parts = [
        client.experimental.then(|| "experimental=true".to_owned()),
        version.map(|version| format!("kibana.version={version}")),
        capabilities.map(str::to_owned).or(own).map(|list| format!("capabilities={list}")),
        spec("spec.min", client.spec_min),
        spec("spec.max", client.spec_max),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("&")
}

/// A query without and with pre-releases.
fn both(query: &str) -> Vec<String> {
    vec![query.to_owned(), joined(query, "prerelease=true")]
}

/// The same, and with the legacy filter.
fn every_mode(query: &str) -> Vec<String> {
    [both(query), vec![joined(query, "experimental=true")]].concat()
}

fn joined(query: &str, more: &str) -> String {
    if query.is_empty() { more.to_owned() } else { format!("{query}&{more}") }
}

fn text([major, minor, patch]: &[u64; 3]) -> String {
    format!("{major}.{minor}.{patch}")
}

impl Draft {
    fn held(mut self, routes: &Routes, values: &Values) -> Form {
        let sampled = self.queries.len() > MOST;
        if sampled {
            let all = std::mem::take(&mut self.queries);
            // Ends of ranges included; a step that is no divisor of their number meets every axis.
            self.queries = (0..MOST).map(|at| all[at * (all.len() - 1) / (MOST - 1)].clone()).collect();
        }
        let shares = self.asked.iter().map(|asked| {
            let tried = self.queries.par_iter().map(|query| tried(routes, *asked, query, values));
            let tried: Vec<(u64, u64, Option<String>)> = tried.collect();
            Share {
                asked: *asked,
                requests: tried.iter().map(|(requests, ..)| requests).sum(),
                held: tried.iter().map(|(_, held, _)| held).sum(),
                refused: tried.into_iter().find_map(|(.., refused)| refused),
            }
        });
        Form { form: self.form, sampled, shares: shares.collect() }
    }
}

/// How many requests a query stands for, how many of them are held, and the first that is not.
fn tried(routes: &Routes, asked: Asked, query: &str, values: &Values) -> (u64, u64, Option<String>) {
    let with = |name: &str, words: &[String]| {
        words.iter().map(|word| ("/search", joined(query, &format!("{name}={word}")))).collect()
    };
    let requests: Vec<(&str, String)> = match asked {
        Asked::Lists => vec![("/search", query.to_owned())],
        Asked::Categories => {
            vec![("/categories", query.to_owned()), ("/categories", joined(query, "include_policy_templates=true"))]
        }
        Asked::Types => with("type", &values.types),
        Asked::SingleCategories => with("category", &values.categories),
    };
    let is_refused =
        |(path, query): &&(&str, String)| matches!(route(routes, "GET", path, Some(query)), Decision::Refuse(501, _));
    let refused: Vec<_> = requests.iter().filter(is_refused).collect();
    let count = requests.len() as u64;
    let first = refused
        .first()
        .map(|(path, query)| if query.is_empty() { (*path).to_owned() } else { format!("{path}?{query}") });
    (count, count - refused.len() as u64, first)
}
