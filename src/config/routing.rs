//! The known clients and what they send with `/search` and `/categories`. Their combinations are answered even where
//! precomputing all combinations would be too much.
//!
//! Kibana fixes `kibana.version`, `spec.min`, `spec.max` and `capabilities` for an installation, and varies the rest.
//! From the 8.11 branch on each branch carries its own spec bounds. Knows nothing of packages.

use crate::package::Spec;
use serde::{Deserialize, Serialize};

/// A kind of client. It may send both values of `prerelease`, and never sends `agent.version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Client {
    /// Name, for people.
    pub name: String,
    /// First Kibana version, and the first that is no longer this client; `None` if it sends no `kibana.version`.
    pub kibana: Option<([u64; 3], [u64; 3])>,
    /// Value of `spec.min`, if it is sent.
    pub spec_min: Option<Spec>,
    /// Value of `spec.max`, if it is sent.
    pub spec_max: Option<Spec>,
    /// Value of `capabilities`, if it is sent.
    pub capabilities: Option<Vec<String>>,
    /// True if `experimental=true` is sent.
    pub experimental: bool,
}

/// Settings of the routing tables.
#[derive(Clone, Debug, Serialize)]
pub struct Options {
    /// Bounds on what is precomputed for all possible questions.
    pub budget: Budget,
    /// Clients whose questions are answered beyond these bounds.
    pub clients: Vec<Client>,
}

impl Default for Options {
    fn default() -> Self {
        Self { budget: Budget::default(), clients: known() }
    }
}

/// Bounds on what is computed and stored. Beyond the first two a subject is answered in circles of questions: those that
/// known clients send, and further ones as far as the third bound allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Largest number of distinct questions that are computed: a bound on time and memory.
    pub max_contexts: usize,
    /// Largest number of distinct answers: a bound on the size of the site.
    pub max_answers: usize,
    /// Most bytes of the compressed answers of all subjects that are answered in circles, as far as they can be told before
    /// they are made. What known clients send and questions with a single filter are answered in any case.
    pub max_bytes: u64,
}

/// Some twenty times what a real catalog of 2,000 versions needs. A list may be a megabyte, so answers are what counts.
impl Default for Budget {
    fn default() -> Self {
        Self { max_contexts: 20_000, max_answers: 2_000, max_bytes: 170_000_000 }
    }
}

/// Beyond every version.
const END: [u64; 3] = [u64::MAX; 3];

/// Spec bounds of serverless Kibana over time.
const SERVERLESS: &[([u64; 2], [u64; 2])] =
    &[([1, 0], [3, 0]), ([3, 0], [3, 0]), ([3, 0], [3, 3]), ([3, 0], [3, 5]), ([3, 0], [3, 6])];

/// Capabilities of serverless Kibana by project, over time; the last project sends none as far as known.
const PROJECTS: &[&[&str]] = &[&["apm", "observability", "uptime"], &["apm", "observability"], &["security"], &[]];

/// Returns all known clients.
pub fn known() -> Vec<Client> {
    let mut clients = vec![
        plain("upload checks, browsers and scripts", None, false),
        plain("elastic-package", None, true),
        // Kibana 8.6 to 8.10, elastic-package and scripts; any version, because scripts follow none of the branches.
        plain("Kibana without spec bounds", Some(([0; 3], END)), false),
        plain("Kibana before 8.6", Some(([0; 3], END)), true),
    ];
    clients.extend(branches());
    // Of these two patches it is not certain which bound they send, so both are known.
    clients.push(branch([8, 15, 2], [8, 15, 4], None, [3, 2]));
    // The tool with which Elastic makes distributions for those who have no network.
    let download = plain("Elastic's download tool, for Kibana 7.17", Some(([7, 17, 0], [7, 18, 0])), false);
    clients.push(Client { spec_max: Some(spec([3, 0])), ..download });
    for (spec_min, spec_max) in SERVERLESS {
        clients.extend(PROJECTS.iter().map(|project| Client {
            name: format!("serverless {}.{} {}", spec_max[0], spec_max[1], project.join(",")),
            kibana: None,
            spec_min: Some(spec(*spec_min)),
            spec_max: Some(spec(*spec_max)),
            capabilities: (!project.is_empty()).then(|| project.iter().map(|&word| word.to_owned()).collect()),
            experimental: false,
        }));
    }
    clients
}

/// Kibana with spec bounds of its own, by branch, the oldest first.
pub fn branches() -> [Client; 7] {
    [
        branch([8, 11, 0], [8, 16, 0], None, [3, 0]),
        branch([8, 16, 0], [8, 19, 0], None, [3, 3]),
        branch([8, 19, 0], [9, 0, 0], None, [3, 4]),
        branch([9, 0, 0], [9, 1, 0], Some([2, 3]), [3, 3]),
        branch([9, 1, 0], [9, 2, 0], Some([2, 3]), [3, 4]),
        branch([9, 2, 0], [9, 4, 0], Some([2, 3]), [3, 5]),
        branch([9, 4, 0], END, Some([2, 3]), [3, 6]),
    ]
}

/// The first Kibana that asks with `prerelease` instead of `experimental=true` (elastic/kibana#143853).
pub const PRERELEASE_SINCE: [u64; 3] = [8, 6, 0];

/// The oldest branch of Kibana that still gets patches.
pub const MAINTAINED_SINCE: [u64; 3] = [8, 19, 0];

/// The only type of packages that Kibana asks for by name, every hour.
pub const ASKED_TYPE: &str = "content";

/// Returns the versions at which Kibana begins to ask in another way.
pub fn changes_of_kibana() -> Vec<[u64; 3]> {
    let firsts = branches().into_iter().filter_map(|client| client.kibana).map(|(first, _)| first);
    [PRERELEASE_SINCE].into_iter().chain(firsts).collect()
}

/// Returns what a self-managed Kibana of this version sends, without capabilities, which it sends only if configured.
pub fn of_kibana(version: [u64; 3]) -> Client {
    let carries = |client: &Client| client.kibana.is_some_and(|(first, next)| first <= version && version < next);
    let bounds = branches().into_iter().find(carries);
    bounds.unwrap_or_else(|| plain("Kibana", Some((version, END)), version < PRERELEASE_SINCE))
}

impl Client {
    /// Kibanas from one version to the next, which send nothing but their version.
    pub fn of_versions(first: [u64; 3], next: [u64; 3]) -> Self {
        plain("Kibana", Some((first, next)), false)
    }
}

fn plain(name: &str, kibana: Option<([u64; 3], [u64; 3])>, experimental: bool) -> Client {
    Client { name: name.to_owned(), kibana, spec_min: None, spec_max: None, capabilities: None, experimental }
}

/// Kibana from one version to the next, which carries its own spec bounds.
fn branch(first: [u64; 3], next: [u64; 3], spec_min: Option<[u64; 2]>, spec_max: [u64; 2]) -> Client {
    let name = format!("Kibana {}.{}", first[0], first[1]);
    let (spec_min, spec_max) = (spec_min.map(spec), Some(spec(spec_max)));
    Client { spec_min, spec_max, ..plain(&name, Some((first, next)), false) }
}

fn spec([major, minor]: [u64; 2]) -> Spec {
    Spec { major, minor }
}
