//! `index/packages.json`: the list of versions with sizes and digests that registries made by this program publish. Where an
//! upstream has it, a run with nothing new is one conditional request, a plan knows its bytes, and what is fetched must be
//! what the list tells.
//!
//! Each element is judged alone, as in a listing. An answer that is no such list means that the upstream has none.

use super::event::Event;
use super::facts::{FactsTable, Key};
use super::fault::Fault;
use super::fetch::{self, Stash};
use super::listing::{Refused, is_name};
use super::record::{self, Seen};
use super::transport::Transport;
use crate::base::digest::Digest;
use crate::base::shown::printable;
use crate::dialect::version::Version;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

/// Where it lies below the address of a registry.
pub(super) const INDEX: &str = "index/packages.json";
/// The form that is understood.
const SCHEMA: &str = "epr-build/packages/1";
/// Longest index, decoded: 200,000 versions of 300 bytes.
const MOST_BYTES: u64 = 64 << 20;
/// Most versions.
const MOST_VERSIONS: usize = 200_000;

/// What an index tells of one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Told {
    /// The upstream whose index it is.
    pub(super) upstream: String,
    /// Bytes of the zip.
    pub(super) size: u64,
    /// Digest of the zip.
    pub(super) sha256: Digest,
    /// Digest of the signature file, if there is one.
    pub(super) signature: Option<Digest>,
}

/// What indexes tell, by version.
pub(super) type ToldTable = BTreeMap<Key, Told>;

/// An index.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) versions: ToldTable,
    /// Those of them that the upstream hides: it gives them to whoever asks for them by name, and lists them nowhere.
    pub(super) hidden: BTreeSet<Key>,
    /// Elements that were refused, in order.
    pub(super) refused: Vec<Refused>,
    /// What is remembered of it.
    pub(super) seen: Seen,
}

/// What came of asking for an index.
pub(super) enum Asked {
    /// It is the one of the last time.
    Same,
    /// It is another, or the last one does not count.
    New(Index),
    /// The upstream has none.
    Absent,
    /// Nobody can tell.
    Unknown,
}

/// The list as it is written.
#[derive(Deserialize)]
struct Whole<'a> {
    schema: String,
    #[serde(borrow)]
    packages: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Element {
    name: String,
    version: String,
    size: u64,
    sha256: Digest,
    #[serde(default)]
    signature: Option<Signature>,
    #[serde(default)]
    hidden: bool,
}

#[derive(Deserialize)]
struct Signature {
    sha256: Digest,
}

/// Takes into facts the bytes that the index of their upstream tells.
pub(super) fn learn_bytes(facts: &mut FactsTable, told: &ToldTable) {
    for (key, told) in told {
        if let Some(facts) = facts.get_mut(key).filter(|facts| facts.upstream == told.upstream) {
            facts.bytes = Some(told.size);
        }
    }
}

/// What is said where two upstreams tell different bytes of one version; nothing if they tell the same.
pub(super) fn conflict(first: &Told, other: &Told) -> Option<String> {
    let Told { upstream, sha256, .. } = first;
    (other.sha256 != *sha256).then(|| {
        format!(
            "upstreams tell different bytes of it: {upstream} {sha256}, {} {}; {upstream} stands first and gives it",
            other.upstream, other.sha256
        )
    })
}

/// What is said where another upstream than the one that gave a version tells other bytes of it.
pub(super) fn contradiction(key: &Key, held: &record::Entry, told: &Told) -> Option<Event> {
    let from = held.upstream.as_ref().filter(|from| **from != told.upstream)?;
    let digest = held.sha256.filter(|digest| *digest != told.sha256)?;
    let Told { upstream, sha256, .. } = told;
    let why = format!("it is held as {from} gave it, {digest}, and upstream {upstream} tells {sha256}");
    Some(Event::new(said(key), why, None))
}

/// The version as messages name it.
fn said((name, version): &Key) -> String {
    format!("{name} {version}")
}

/// Asks an upstream for its index. With `before`, only another one than that is wanted.
pub(super) async fn ask(transport: &Transport, before: Option<&Seen>) -> Result<Asked, Fault> {
    let url = transport.address(INDEX)?;
    let unless = before.map(|seen| &seen.validators);
    let (stash, validators) = match fetch::stash(transport, &url, unless, MOST_BYTES).await {
        Ok(Some(found)) => found,
        Ok(None) if before.is_some() => return Ok(Asked::Same),
        Ok(None) | Err(Fault::Status(_) | Fault::Unfit(_)) => return Ok(Asked::Absent),
        // The listing shows whether the upstream answers at all.
        Err(Fault::Unreachable(_)) => return Ok(Asked::Unknown),
        Err(fault) => return Err(fault),
    };
    let Some(text) = text(&stash) else { return Ok(Asked::Absent) };
    let digest = Digest::of(&text);
    if before.is_some_and(|seen| seen.digest == Some(digest)) {
        return Ok(Asked::Same);
    }
    Ok(match read(&text, &transport.name) {
        Some((versions, hidden, refused)) => {
            let seen = Seen { there: true, digest: Some(digest), validators };
            Asked::New(Index { versions, hidden, refused, seen })
        }
        None => Asked::Absent,
    })
}

fn text(stash: &Stash) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    stash.text().ok()?.take(MOST_BYTES + 1).read_to_end(&mut text).ok()?;
    (text.len() as u64 <= MOST_BYTES).then_some(text)
}

/// Reads an index; nothing if it is none.
fn read(text: &[u8], upstream: &str) -> Option<(ToldTable, BTreeSet<Key>, Vec<Refused>)> {
    let whole: Whole<'_> = serde_json::from_slice(text).ok()?;
    if whole.schema != SCHEMA || whole.packages.len() > MOST_VERSIONS {
        return None;
    }
    let (mut versions, mut hidden, mut refused) = (ToldTable::new(), BTreeSet::new(), Vec::new());
    for (place, element) in whole.packages.iter().enumerate() {
        let what = || format!("element {} of {INDEX}", place + 1);
        match judge(element.get(), upstream) {
            Ok((key, told, is_hidden)) => match versions.entry(key) {
                Entry::Vacant(place) => {
                    if is_hidden {
                        hidden.insert(place.key().clone());
                    }
                    place.insert(told);
                }
                Entry::Occupied(first) => {
                    let what = format!("{} in {INDEX}", said(first.key()));
                    refused.push(Refused { what, why: "it is there twice; the first one counts".to_owned() });
                }
            },
            Err(why) => refused.push(Refused { what: what(), why }),
        }
    }
    Some((versions, hidden, refused))
}

fn judge(element: &str, upstream: &str) -> Result<(Key, Told, bool), String> {
    let element: Element = serde_json::from_str(element).map_err(|error| format!("not a version: {error}"))?;
    if !is_name(&element.name) {
        return Err(format!("`{}` is not the name of a package", printable(&element.name, 80)));
    }
    let version =
        Version::strict(&element.version).map_err(|error| format!("`{}`: {error}", printable(&element.version, 80)))?;
    let Element { name, size, sha256, signature, hidden, .. } = element;
    let signature = signature.map(|signature| signature.sha256);
    Ok(((name, version), Told { upstream: upstream.to_owned(), size, sha256, signature }, hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_judged_alone_and_what_is_no_index_is_none() {
        let digest = Digest::of(b"zip");
        let element = |name: &str, version: &str, digest: &str| {
            format!("{{\"name\":\"{name}\",\"version\":\"{version}\",\"size\":3,\"sha256\":\"{digest}\"}}")
        };
        let whole = |elements: &[String]| format!("{{\"schema\":\"{SCHEMA}\",\"packages\":[{}]}}", elements.join(","));
        let good = element("a", "1.0.0", &digest.to_string());
        for (bad, words) in [
            ("null".to_owned(), "not a version"),
            (element("../a", "1.0.0", &digest.to_string()), "is not the name of a package"),
            (element("a", "1.0", &digest.to_string()), "`1.0`"),
            (element("a", "1.1.0", "none"), "not a version"),
            (element("a", "1.1.0", &digest.to_string()[1..]), "not a version"),
            (element("a", "1.1.0", &digest.to_string()).replace(":3", ":-3"), "not a version"),
            (format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000)), "not a version"),
            (good.clone(), "it is there twice"),
        ] {
            let (versions, hidden, refused) =
                read(whole(&[good.clone(), bad.clone()]).as_bytes(), "up").unwrap_or_default();
            assert_eq!((versions.len(), hidden.len()), (1, 0), "{words}");
            assert_eq!(refused.len(), 1, "{words}");
            assert!(refused[0].why.contains(words), "{words}: {refused:?}");
        }
        let marked = good.replace("\"size\"", "\"hidden\":true,\"size\"");
        let (versions, hidden, refused) = read(whole(&[marked]).as_bytes(), "up").unwrap();
        assert!(refused.is_empty() && versions.keys().eq(&hidden), "{versions:?} {hidden:?}");
        let other = whole(&[good]).replace(SCHEMA, "epr-build/packages/9");
        for text in ["", "[]", "null", "<html>", "{\"packages\":[]}", "{\"schema\":\"epr-build/packages/1\"}", &other] {
            assert!(read(text.as_bytes(), "up").is_none(), "{text}");
        }
    }
}
