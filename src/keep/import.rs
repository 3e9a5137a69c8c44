//! Asks one Kibana for all that it has installed. Pure but for whoever answers: the questions, the parts of lists, and what
//! to do when a list changes while it is read.

use super::answer::{Answer, Page, recognise};
use super::gather::{Gathered, Heard, Imported, SPACES_SINCE};
use crate::base::words::first;
use crate::dialect::version::Version;
use anyhow::anyhow;
use serde_json::Value;
use std::collections::BTreeMap;

/// Elements that are asked for at a time, as many as Kibana gives.
const PART: u64 = 1000;
/// Parts of the longest list: packages and policies are counted in hundreds.
const MOST_PARTS: u64 = 100;
/// Spaces that are asked; a Kibana has a thousand at most.
const MOST_SPACES: usize = 1000;
/// Tries of a list that changes while it is read.
const TRIES: usize = 2;
/// What is needed of a stored package; the lists of its assets are long.
const FIELDS: &[&str] = &[
    "name",
    "version",
    "install_version",
    "install_status",
    "install_source",
    "previous_version",
    "previous_dependency_versions",
    "dependencies",
    "is_dependency_of",
    "pending_upgrade_review",
];
/// The first Kibana that knows `prerelease`; earlier ones have `experimental`.
const PRERELEASE_SINCE: [u64; 3] = [8, 6, 0];

/// What came of a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// An answer.
    Answer(Value),
    /// A refusal, with its status.
    Refused(u16),
    /// Nothing, with the reason.
    Unreachable(String),
}

/// Whoever answers for a Kibana.
pub trait Kibana {
    /// Asks for a path below Kibana's address, without a slash at its beginning.
    ///
    /// # Errors
    /// When the answer is no JSON, or this machine fails.
    fn ask(&mut self, path: &str) -> anyhow::Result<Reply>;
}

/// Why nothing was imported.
#[derive(Debug)]
pub enum Stop {
    /// Kibana does not answer; the same may succeed later.
    Unreachable(String),
    /// It makes no sense to go on.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Whose policies are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spaces {
    /// Those of every space.
    All,
    /// Those of the spaces with these ids.
    Named(Vec<String>),
}

/// Asks for everything, for a site and a time. `told` is the version of Kibana where Kibana does not tell it.
///
/// # Errors
/// When Kibana does not answer, answers as no Kibana does, or lets nothing be read.
pub fn import(
    kibana: &mut dyn Kibana,
    spaces: &Spaces,
    told: Option<Version>,
    (site, taken): (&str, u64),
) -> Result<Imported, Stop> {
    let mut asker = Asker { kibana };
    let mut gathered = Gathered::new();
    gathered.kibana = asker.version()?.or(told);
    gathered.prerelease = match asker.extra("api/fleet/settings")? {
        Some(Answer::Settings(prerelease)) => prerelease,
        _ => None,
    };
    gathered.key = match asker.extra("api/fleet/epm/verification_key_id")? {
        Some(Answer::KeyId(id)) => id.filter(|id| id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())),
        _ => None,
    };
    let numbers = gathered.kibana.as_ref().map(Version::numbers);
    gathered.stored = asker.list(
        &|part| format!("api/saved_objects/_find?type=epm-packages&per_page={PART}&page={}{}", part.number, fields()),
        &|answer| if let Answer::Stored(page) = answer { Some(page) } else { None },
    )?;
    gathered.shown = asker.shown(numbers)?;
    gathered.installed = asker.list(
        &|part| {
            let after = part.after.map(|after| format!("&searchAfter={}", encoded(after))).unwrap_or_default();
            format!("api/fleet/epm/packages/installed?perPage={PART}&sortOrder=asc{after}")
        },
        &|answer| if let Answer::Installed(page) = answer { Some(page) } else { None },
    )?;
    gathered.policies = asker.policies(spaces, numbers, &mut gathered.problems)?;
    let lists = [&gathered.stored, &gathered.shown, &gathered.installed];
    if lists.iter().all(|list| list.items().is_empty() && !list.is_whole()) && gathered.policies.items().is_empty() {
        let why = match (&gathered.stored, &gathered.shown) {
            (Heard::Refused(why), _) | (_, Heard::Refused(why)) => why.clone(),
            _ => "were not to be had".to_owned(),
        };
        let hint = "hint: the API key needs the privileges to read Integrations and Fleet, and saved objects (docs/guides/keep.md)";
        return Err(anyhow!("Kibana lets no list of packages be read: they {why}\n{hint}").into());
    }
    Ok(gathered.conclude(site, taken))
}

/// The place of a part in a list.
struct Part<'a> {
    number: u64,
    after: Option<&'a str>,
}

/// What came of one walk through a list.
enum Walk<T> {
    Whole(Vec<T>),
    Short(String, Vec<T>),
    Refused(String),
}

struct Asker<'a> {
    kibana: &'a mut dyn Kibana,
}

impl Asker<'_> {
    /// Asks, and recognises the answer.
    fn answer(&mut self, path: &str) -> Result<Result<Answer, Refusal>, Stop> {
        Ok(match self.kibana.ask(path)? {
            Reply::Unreachable(why) => Err(Refusal::Unreachable(why)),
            Reply::Refused(401) => {
                let hint = "hint: look at the file of --api-key-file; an expired or revoked key is refused like this";
                return Err(anyhow!("Kibana does not accept the API key (401)\n{hint}").into());
            }
            Reply::Refused(status) => Err(Refusal::Status(status)),
            Reply::Answer(value) => match recognise(&value) {
                Some(Answer::Refusal(status, _)) => Err(Refusal::Status(u16::try_from(status).unwrap_or_default())),
                Some(answer) => Ok(answer),
                None => Err(Refusal::Strange),
            },
        })
    }

    /// The version of Kibana. The first question: who does not answer it is no Kibana, or not there.
    fn version(&mut self) -> Result<Option<Version>, Stop> {
        match self.answer("api/status")? {
            Ok(Answer::Status(number)) => Ok(number.as_deref().and_then(version)),
            Ok(_) | Err(Refusal::Strange) => {
                let hint =
                    "hint: --kibana is the address that a browser shows, with the path before `/app` if there is one";
                Err(anyhow!("there is no Kibana at this address: its /api/status is something else\n{hint}").into())
            }
            Err(Refusal::Unreachable(why)) => Err(Stop::Unreachable(why)),
            Err(Refusal::Status(404)) => {
                let hint =
                    "hint: --kibana is the address that a browser shows, with the path before `/app` if there is one";
                Err(anyhow!("there is no Kibana at this address: it has no /api/status (404)\n{hint}").into())
            }
            Err(Refusal::Status(_)) => Ok(None),
        }
    }

    /// What is good to know, and not in every Kibana.
    fn extra(&mut self, path: &str) -> Result<Option<Answer>, Stop> {
        Ok(self.answer(path)?.ok())
    }

    /// Fleet's own list, which has no parts.
    fn shown(&mut self, kibana: Option<[u64; 3]>) -> Result<Heard<super::answer::Statement>, Stop> {
        let names = match kibana {
            Some(numbers) if numbers < PRERELEASE_SINCE => &["experimental"][..],
            Some(_) => &["prerelease"],
            None => &["prerelease", "experimental"],
        };
        let mut heard = Heard::Absent;
        for name in names {
            heard = match self.answer(&format!("api/fleet/epm/packages?{name}=true"))? {
                Ok(Answer::Shown(items)) => return Ok(Heard::Whole(items)),
                Ok(_) => Heard::Refused(Refusal::Strange.words()),
                Err(refusal) => Heard::Refused(refusal.words()),
            };
        }
        Ok(heard)
    }

    /// Reads a list part by part until as many elements came as it promised. A list that changes meanwhile is read again, once.
    fn list<T>(
        &mut self,
        path: &dyn Fn(&Part<'_>) -> String,
        mine: &dyn Fn(Answer) -> Option<Page<T>>,
    ) -> Result<Heard<T>, Stop> {
        let mut last = Heard::Absent;
        for _ in 0..TRIES {
            last = match self.walk(path, mine)? {
                Walk::Whole(items) => return Ok(Heard::Whole(items)),
                Walk::Refused(words) => return Ok(Heard::Refused(words)),
                Walk::Short(words, items) => Heard::Broken(words, items),
            };
        }
        Ok(last)
    }

    fn walk<T>(
        &mut self,
        path: &dyn Fn(&Part<'_>) -> String,
        mine: &dyn Fn(Answer) -> Option<Page<T>>,
    ) -> Result<Walk<T>, Stop> {
        let mut items: BTreeMap<String, T> = BTreeMap::new();
        let (mut total, mut after) = (None, None::<String>);
        let short = |items: BTreeMap<String, T>, words: String| Ok(Walk::Short(words, items.into_values().collect()));
        for number in 1..=MOST_PARTS {
            let page = match self.answer(&path(&Part { number, after: after.as_deref() }))? {
                Ok(answer) => match mine(answer) {
                    Some(page) => page,
                    // An empty list has nothing by which it could be told from others.
                    None if number > 1 => return short(items, "end before all of them came".to_owned()),
                    None => return Ok(Walk::Refused(Refusal::Strange.words())),
                },
                Err(refusal) if number == 1 => return Ok(Walk::Refused(refusal.words())),
                Err(refusal) => return short(items, format!("broke off: they {}", refusal.words())),
            };
            let promised = *total.get_or_insert(page.total);
            if page.total != promised {
                return short(
                    items,
                    format!("changed while they were read: {promised} were promised, then {}", page.total),
                );
            }
            let before = items.len();
            items.extend(page.items);
            if items.len() as u64 == promised {
                return Ok(Walk::Whole(items.into_values().collect()));
            }
            // Nothing new: it is the end, or a Kibana that gives the same part again.
            let is_last = items.len() == before;
            if items.len() as u64 > promised || is_last {
                let words = format!("came short: {promised} were promised, and {} came", items.len());
                return short(items, words);
            }
            after = page.after;
        }
        short(items, format!("have more than {MOST_PARTS} parts"))
    }

    /// The policies of all spaces, or of those that were named.
    fn policies(
        &mut self,
        spaces: &Spaces,
        kibana: Option<[u64; 3]>,
        problems: &mut Vec<String>,
    ) -> Result<Heard<super::answer::PolicyPackage>, Stop> {
        let has_spaces = kibana.is_none_or(|numbers| numbers >= SPACES_SINCE);
        let ids = match spaces {
            Spaces::Named(ids) => {
                if has_spaces {
                    problems.push(format!("only the policies of these spaces were asked for: {}", first(ids, 5)));
                }
                ids.clone()
            }
            // Before, every space showed the policies of all.
            Spaces::All if !has_spaces => vec![DEFAULT_SPACE.to_owned()],
            Spaces::All => match self.answer("api/spaces/space")? {
                Ok(Answer::Spaces(ids)) => ids,
                other => {
                    let words = other.err().unwrap_or(Refusal::Strange).words();
                    problems.push(format!("the spaces of Kibana {words}; policies of other spaces may be missing"));
                    vec![DEFAULT_SPACE.to_owned()]
                }
            },
        };
        if ids.len() > MOST_SPACES || ids.iter().any(|id| !is_space(id)) {
            return Err(anyhow!("Kibana names spaces that no Kibana has\nhint: name the spaces with --space").into());
        }
        let (mut all, mut broken) = (Vec::new(), Vec::new());
        for id in &ids {
            let prefix = if id == DEFAULT_SPACE { String::new() } else { format!("s/{id}/") };
            let heard = self.list(
                &|part| format!("{prefix}api/fleet/package_policies?perPage={PART}&page={}", part.number),
                &|answer| if let Answer::Policies(page) = answer { Some(page) } else { None },
            )?;
            match heard {
                Heard::Whole(items) => all.extend(items),
                Heard::Broken(words, items) => {
                    all.extend(items);
                    broken.push(format!("of space `{id}` {words}"));
                }
                Heard::Refused(words) => broken.push(format!("of space `{id}` {words}")),
                Heard::Absent => {}
            }
        }
        Ok(if broken.is_empty() { Heard::Whole(all) } else { Heard::Broken(broken.join(", "), all) })
    }
}

/// The space that has no path of its own.
const DEFAULT_SPACE: &str = "default";

/// Returns true for ids that spaces can have.
pub fn is_space(id: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    (1..=255).contains(&id.len()) && id.bytes().all(is_fit)
}

/// The version of Kibana in a status, without what marks builds that are no releases: a registry is asked without it.
pub(super) fn version(number: &str) -> Option<Version> {
    Version::strict(number.split('-').next().unwrap_or_default()).ok()
}

/// Why an answer is of no use.
enum Refusal {
    Status(u16),
    Unreachable(String),
    Strange,
}

impl Refusal {
    /// What is said of a list that was refused.
    fn words(&self) -> String {
        match self {
            Self::Status(403) => "may not be read (403 Forbidden)".to_owned(),
            Self::Status(404) => "are not known to this Kibana (404 Not Found)".to_owned(),
            Self::Status(status) => format!("were refused ({status})"),
            Self::Unreachable(why) => format!("did not come: {why}"),
            Self::Strange => "came in a form that is not known".to_owned(),
        }
    }
}

fn fields() -> String {
    FIELDS.iter().map(|field| format!("&fields={field}")).collect()
}

/// A text as a value of a query.
fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
