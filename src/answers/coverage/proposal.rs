//! What to write into the configuration, so that refused questions are answered by tables: `clients:` entries.

use crate::answers::search::Query;
use crate::base::words::counted;
use crate::package::Spec;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// More entries are not proposed: then a fallback is the better remedy.
const MOST: usize = 20;
/// Words of a list that a client sends; more are no client's.
const MOST_WORDS: usize = 8;
/// Numbers of versions and bounds above this are no client's.
const MOST_NUMBER: u64 = 9_999;

/// What a client must be known to send, so that its question is held.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wanted {
    spec_min: Option<Spec>,
    spec_max: Option<Spec>,
    capabilities: Option<Vec<String>>,
    experimental: bool,
    /// Smallest and greatest version of Kibana.
    kibana: Option<([u64; 3], [u64; 3])>,
}

impl Wanted {
    /// The client of a question; `None` if none can be configured that asks so: with `agent.version`, `discovery`, a
    /// pre-release of Kibana, or for all versions.
    pub(super) fn of(query: &Query) -> Option<Self> {
        let kibana = query.kibana.as_ref().map(|version| (version.numbers(), version.is_prerelease()));
        let is_possible = query.agent.is_none()
            && query.discovery.is_empty()
            && !query.all
            && kibana.is_none_or(|(numbers, is_prerelease)| {
                !is_prerelease && numbers.iter().all(|number| *number <= MOST_NUMBER)
            })
            && [query.spec_min, query.spec_max].iter().flatten().all(|spec| spec.major.max(spec.minor) <= MOST_NUMBER)
            && query.spec_min.is_none_or(|min| query.spec_max.is_none_or(|max| min <= max))
            && query.capabilities.iter().all(|words| words.len() <= MOST_WORDS)
            && query.capabilities.iter().flatten().all(|word| is_usual(word) && word.len() <= 64);
        is_possible.then(|| Self {
            spec_min: query.spec_min,
            spec_max: query.spec_max,
            capabilities: query.capabilities.clone(),
            experimental: query.experimental,
            kibana: kibana.map(|(numbers, _)| (numbers, numbers)),
        })
    }

    /// Takes in a version of another question that is the same otherwise.
    fn widen(&mut self, other: &Self) {
        if let (Some((first, last)), Some((other_first, other_last))) = (&mut self.kibana, other.kibana) {
            *first = (*first).min(other_first);
            *last = (*last).max(other_last);
        }
    }
}

/// Returns true for a word that needs no quoting anywhere.
pub(super) fn is_usual(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Clients to configure, gathered from questions. Their number is bounded.
#[derive(Debug, Default)]
pub(super) struct Proposals {
    /// By what does not vary.
    clients: BTreeMap<Wanted, (Wanted, u64)>,
    /// Questions of clients beyond those that are proposed.
    left_out: u64,
}

impl Proposals {
    /// Takes in a question.
    pub(super) fn add(&mut self, wanted: Wanted) {
        let key = Wanted { kibana: wanted.kibana.map(|_| ([0; 3], [0; 3])), ..wanted.clone() };
        if let Some((known, count)) = self.clients.get_mut(&key) {
            known.widen(&wanted);
            *count += 1;
        } else {
            if self.clients.len() >= 8 * MOST {
                self.shrink(4 * MOST);
            }
            self.clients.insert(key, (wanted, 1));
        }
    }

    /// Keeps those that asked most often.
    fn shrink(&mut self, most: usize) {
        let mut counts: Vec<u64> = self.clients.values().map(|(_, count)| *count).collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let least = counts.get(most).copied().unwrap_or(0);
        let left_out = &mut self.left_out;
        self.clients.retain(|_, (_, count)| {
            let stays = *count > least;
            *left_out += if stays { 0 } else { *count };
            stays
        });
    }

    /// The entries, those that asked most often first.
    pub(super) fn finish(mut self) -> (Vec<Proposed>, u64) {
        let mut clients: Vec<(Wanted, u64)> = std::mem::take(&mut self.clients).into_values().collect();
        clients.sort_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then_with(|| a.cmp(b)));
        let beyond = clients.split_off(clients.len().min(MOST));
        let left_out = self.left_out + beyond.iter().map(|(_, count)| count).sum::<u64>();
        (clients.into_iter().map(|(wanted, requests)| Proposed::new(wanted, requests)).collect(), left_out)
    }
}

/// An entry of `clients` in the configuration, with the keys that it has there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proposed {
    /// Says who sends it.
    pub name: String,
    /// First version of Kibana, and the first that is no longer meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kibana: Option<[String; 2]>,
    /// Value of `spec.min`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec_min: Option<String>,
    /// Value of `spec.max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec_max: Option<String>,
    /// Value of `capabilities`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Vec<String>>,
    /// True if `experimental=true` is sent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub experimental: bool,
}

impl Proposed {
    fn new(wanted: Wanted, requests: u64) -> Self {
        let text = |[major, minor, patch]: [u64; 3]| format!("{major}.{minor}.{patch}");
        let spec = |spec: Spec| format!("{}.{}", spec.major, spec.minor);
        let who = match wanted.kibana {
            None => "a client without kibana.version".to_owned(),
            Some((first, last)) if first == last => format!("Kibana {}", text(first)),
            Some((first, last)) => format!("Kibana {} to {}", text(first), text(last)),
        };
        let requests = counted(requests, "request");
        Self {
            name: format!("{who}, {requests} in the access log"),
            kibana: wanted.kibana.map(|(first, [major, minor, patch])| [text(first), text([major, minor, patch + 1])]),
            spec_min: wanted.spec_min.map(spec),
            spec_max: wanted.spec_max.map(spec),
            capabilities: wanted.capabilities,
            experimental: wanted.experimental,
        }
    }
}

/// The entries as YAML, ready to be pasted; empty if there are none.
pub fn yaml(entries: &[Proposed]) -> String {
    let mut text = String::new();
    for entry in entries {
        let quoted = |word: &String| format!("\"{word}\"");
        // Writing to a text cannot fail. Names and words hold nothing that would need an escape.
        let _ = writeln!(text, "  - name: \"{}\"", entry.name);
        if let Some(range) = &entry.kibana {
            let _ = writeln!(text, "    kibana: [{}]", range.join(", "));
        }
        for (key, value) in [("spec_min", &entry.spec_min), ("spec_max", &entry.spec_max)] {
            let _ = value.iter().try_for_each(|value| writeln!(text, "    {key}: \"{value}\""));
        }
        if let Some(words) = &entry.capabilities {
            let _ = writeln!(text, "    capabilities: [{}]", words.iter().map(quoted).collect::<Vec<_>>().join(", "));
        }
        if entry.experimental {
            text += "    experimental: true\n";
        }
    }
    if text.is_empty() { text } else { format!("clients:\n{text}") }
}
