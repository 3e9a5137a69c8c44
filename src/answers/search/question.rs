//! The raw query string of `/search` and `/categories`, read as the reference reads it (contract, "Search parameters" and
//! "Categories parameters").
//!
//! Everything is decoded here, so every spelling of a question that the reference understands becomes the same value. The
//! routing tables cannot do that with patterns; where both read a query, a law in `route` holds them equal.

use super::{DiscoveryFilter, Query};
use crate::dialect::version::{Version, VersionError};
use crate::package::Spec;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Words for true.
pub const TRUE: [&str; 6] = ["1", "t", "T", "TRUE", "true", "True"];
/// Words for false.
pub const FALSE: [&str; 6] = ["0", "f", "F", "FALSE", "false", "False"];

/// What is asked; equal questions are equal values, whatever their spelling. Without a query it is something that no package can fulfil, such as a name that is no UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// `/search`.
    Search(Option<Query>),
    /// `/categories`; the flag says whether policy templates are counted, too.
    Categories(Option<Query>, bool),
}

impl Question {
    /// Reads the query of `/search`.
    ///
    /// # Errors
    /// The text of a 400, for the first wrong value.
    pub fn of_search(raw: &str) -> Result<Self, String> {
        let pairs = Pairs::read(raw);
        let (query, all) = (pairs.shared()?, pairs.flag("all")?);
        let word = |name| pairs.first(name).map(|value| String::from_utf8(value.to_vec()).ok());
        let words = ["package", "category", "type"].map(word);
        let is_possible = !words.contains(&Some(None));
        let [package, category, package_type] = words.map(Option::flatten);
        let query = query.filter(|_| is_possible);
        Ok(Self::Search(query.map(|query| Query { package, category, package_type, all, ..query })))
    }

    /// Reads the query of `/categories`.
    ///
    /// # Errors
    /// The text of a 400, for the first wrong value.
    pub fn of_categories(raw: &str) -> Result<Self, String> {
        let pairs = Pairs::read(raw);
        let query = pairs.shared()?;
        Ok(Self::Categories(query, pairs.flag("include_policy_templates")?))
    }
}

/// The text of a 400 for a version of Kibana or of the agent.
pub fn invalid_version(label: &str, value: &str, why: &VersionError) -> String {
    format!("invalid {label} version '{value}': {why}")
}

/// The text of a 400 for a bound that has not two parts.
pub fn invalid_parts(name: &str, value: &str) -> String {
    format!("invalid '{name}' version: invalid version '{value}': it should be <major.version>")
}

/// The text of a 400 for a bound whose parts are no numbers.
pub fn invalid_spec(name: &str, value: &str, why: &VersionError) -> String {
    format!("invalid '{name}' version: invalid spec version '{value}': {why}")
}

/// The text of a 400 for a boolean or a discovery filter.
pub fn invalid_param(name: &str, value: &str) -> String {
    format!("invalid '{name}' query param: '{value}'")
}

/// Names and values, decoded, in the order of the query.
struct Pairs(Vec<(Vec<u8>, Vec<u8>)>);

impl Pairs {
    /// Drops what the reference drops: empty pairs, those with `;`, and those with a malformed escape.
    fn read(raw: &str) -> Self {
        let pair = |text: &str| {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            Some((decode(name)?, decode(value)?))
        };
        let texts = raw.split('&').filter(|text| !text.is_empty() && !text.contains(';'));
        Self(texts.filter_map(pair).collect())
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter(move |(found, _)| found == name.as_bytes()).map(|(_, value)| value.as_slice())
    }

    /// The first value; an empty one is absent.
    fn first(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next().filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.first(name).map(String::from_utf8_lossy)
    }

    /// The parameters that both endpoints know; `None` where an upper bound lies below every number.
    fn shared(&self) -> Result<Option<Query>, String> {
        let capabilities = self.first("capabilities").map(words);
        let filters = self.all("discovery").map(discovery).collect::<Result<BTreeSet<_>, _>>()?;
        let spec_max = self.bound("spec.max")?.map(highest_within);
        let experimental = self.flag("experimental")?;
        let query = Query {
            kibana: self.version("kibana.version", "Kibana")?,
            agent: self.version("agent.version", "agent")?,
            capabilities,
            spec_min: self.bound("spec.min")?.map(|(spec, _)| spec),
            spec_max: spec_max.flatten(),
            prerelease: self.flag("prerelease")?,
            experimental,
            discovery: filters.into_iter().collect(),
            ..Query::default()
        };
        // The legacy filter reads these and ignores them.
        let legacy = Query { kibana: query.kibana.clone(), experimental, ..Query::default() };
        if experimental {
            return Ok(Some(legacy));
        }
        Ok((spec_max != Some(None)).then_some(query))
    }

    fn version(&self, name: &str, label: &str) -> Result<Option<Version>, String> {
        let read = |text: Cow<'_, str>| match Version::loose(&text) {
            Ok(version) => Ok(plain(&version)),
            Err(why) => Err(invalid_version(label, &text, &why)),
        };
        self.text(name).map(read).transpose()
    }

    /// A bound, and whether it lies before the release that its numbers name.
    fn bound(&self, name: &str) -> Result<Option<(Spec, bool)>, String> {
        let read = |text: Cow<'_, str>| {
            if text.split('.').count() != 2 {
                return Err(invalid_parts(name, &text));
            }
            let version = Version::loose(&text).map_err(|why| invalid_spec(name, &text, &why))?;
            Ok((Spec { major: version.major, minor: version.minor }, version.is_prerelease()))
        };
        self.text(name).map(read).transpose()
    }

    fn flag(&self, name: &str) -> Result<bool, String> {
        let Some(text) = self.text(name) else { return Ok(false) };
        if TRUE.contains(&&*text) || FALSE.contains(&&*text) {
            return Ok(TRUE.contains(&&*text));
        }
        Err(invalid_param(name, &text))
    }
}

/// The highest number that an upper bound admits: `2.0-beta` lies before 2.0, and every 1.x before it.
fn highest_within((spec, is_before): (Spec, bool)) -> Option<Spec> {
    match (is_before, spec) {
        (false, spec) => Some(spec),
        (true, Spec { major: 0, minor: 0 }) => None,
        (true, Spec { major, minor: 0 }) => Some(Spec { major: major - 1, minor: u64::MAX }),
        (true, Spec { major, minor }) => Some(Spec { major, minor: minor - 1 }),
    }
}

/// The version in its plainest spelling, without build metadata, which no constraint looks at. One that would be too long
/// for a version in that spelling stays as it is.
fn plain(version: &Version) -> Version {
    let numbers = Version::release(version.numbers());
    if !version.is_prerelease() {
        return numbers;
    }
    let text = format!("{numbers}-{}", version.pre.join("."));
    Version::loose(&text).unwrap_or_else(|_| version.clone())
}

/// Words between commas, not trimmed, sorted and once each; those that are no UTF-8 equal nothing and are left out.
fn words(list: &[u8]) -> Vec<String> {
    let words = list.split(|byte| *byte == b',').filter_map(|word| String::from_utf8(word.to_vec()).ok());
    words.collect::<BTreeSet<_>>().into_iter().collect()
}

/// One `discovery` value.
fn discovery(value: &[u8]) -> Result<DiscoveryFilter, String> {
    let invalid = |why: &str, what: &str| format!("{}: {why} {what:?}", invalid_param("discovery", &lossy(value)));
    let Some(colon) = value.iter().position(|byte| *byte == b':') else {
        return Err(invalid("could not parse filter", &lossy(value)));
    };
    let (kind, list) = (&value[..colon], words(&value[colon + 1..]));
    match kind {
        b"fields" => Ok(DiscoveryFilter::Fields(list)),
        b"datasets" => Ok(DiscoveryFilter::Datasets(list)),
        _ => Err(invalid("unknown discovery filter", &lossy(kind))),
    }
}

fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Undoes the encoding of a query; `None` if an escape is malformed.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || (bytes.next()? as char).to_digit(16);
                u8::try_from(digit()? << 4 | digit()?).ok()?
            }
            _ => byte,
        });
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read, as the parameters of the same question spelled plainly, or the error.
    fn read(raw: &str) -> String {
        match Question::of_search(raw) {
            Ok(Question::Search(Some(query))) => shown(&query),
            Ok(_) => "nothing".to_owned(),
            Err(text) => format!("400 {text}"),
        }
    }

    fn shown(query: &Query) -> String {
        let spec = |spec: Option<Spec>| spec.map(|spec| format!("{}.{}", spec.major, spec.minor));
        let version = |version: &Option<Version>| version.as_ref().map(ToString::to_string);
        let flag = |flag: bool| flag.then(|| "true".to_owned());
        let single = [
            ("kibana.version", version(&query.kibana)),
            ("agent.version", version(&query.agent)),
            ("category", query.category.clone()),
            ("package", query.package.clone()),
            ("type", query.package_type.clone()),
            ("capabilities", query.capabilities.as_ref().map(|words| words.join(","))),
            ("spec.min", spec(query.spec_min)),
            ("spec.max", spec(query.spec_max)),
            ("all", flag(query.all)),
            ("prerelease", flag(query.prerelease)),
            ("experimental", flag(query.experimental)),
        ];
        let single = single.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
        let filters = query.discovery.iter().map(|filter| match filter {
            DiscoveryFilter::Fields(names) => format!("discovery=fields:{}", names.join(",")),
            DiscoveryFilter::Datasets(names) => format!("discovery=datasets:{}", names.join(",")),
        });
        single.chain(filters).collect::<Vec<_>>().join("&")
    }

    #[test]
    fn every_spelling_is_read() {
        for (raw, expected) in [
            ("", ""),
            ("&&=&x&internal=zz&=1", ""),
            ("kibana.version=8", "kibana.version=8.0.0"),
            ("%6bibana%2Eversion=%38%2e1", "kibana.version=8.1.0"),
            ("kibana.version=v08.1-SNAPSHOT%2Bmeta", "kibana.version=8.1.0-SNAPSHOT"),
            ("kibana.version=8.1.0+meta", "400 invalid Kibana version '8.1.0 meta': invalid semantic version"),
            ("kibana.version=&kibana.version=8.1.0", ""),
            ("kibana.version=8;x&kibana.version=9.0.0", "kibana.version=9.0.0"),
            ("package=%zz&package=a", "package=a"),
            ("package=%4&package=%2&package=a%20b", "package=a b"),
            ("package=%ff", "nothing"),
            ("category=%c3%28&all=maybe", "400 invalid 'all' query param: 'maybe'"),
            ("type=a+b&category=%E2%82%AC", "category=€&type=a b"),
            ("capabilities=a,,b%2Ca", "capabilities=,a,b"),
            ("capabilities=", ""),
            ("spec.min=1.0&spec.max=v3.2", "spec.min=1.0&spec.max=3.2"),
            ("spec.min=2.0-beta&spec.max=2.0-beta", "spec.min=2.0&spec.max=1.18446744073709551615"),
            ("spec.max=3.1-rc", "spec.max=3.0"),
            ("spec.max=0.0-a", "nothing"),
            ("spec.max=0.0-a&experimental=1", "experimental=true"),
            ("spec.max=3", "400 invalid 'spec.max' version: invalid version '3': it should be <major.version>"),
            ("spec.min=1.x", "400 invalid 'spec.min' version: invalid spec version '1.x': invalid semantic version"),
            ("all=t&prerelease=True&experimental=F", "all=true&prerelease=true"),
            ("prerelease=yes", "400 invalid 'prerelease' query param: 'yes'"),
            ("discovery=fields:a,b&discovery=datasets%3Ac", "discovery=fields:a,b&discovery=datasets:c"),
            ("discovery=fields:", "discovery=fields:"),
            ("discovery=", "400 invalid 'discovery' query param: '': could not parse filter \"\""),
            ("discovery=foo:a", "400 invalid 'discovery' query param: 'foo:a': unknown discovery filter \"foo\""),
            ("discovery=a;b", ""),
            ("kibana.version=8.1.0-01", "400 invalid Kibana version '8.1.0-01': version segment starts with 0"),
            ("agent.version=x", "400 invalid agent version 'x': invalid semantic version"),
        ] {
            assert_eq!(read(raw), expected, "{raw}");
        }
    }

    // The plainest spelling of the longest versions is too long for a version.
    #[test]
    fn versions_of_any_length_are_read() {
        for length in 240..=256 {
            let text = format!("1-{}", "a".repeat(length - 2));
            let Ok(Question::Search(Some(query))) = Question::of_search(&format!("kibana.version={text}")) else {
                panic!("{length}");
            };
            assert_eq!(query.kibana.unwrap().pre, ["a".repeat(length - 2)], "{length}");
        }
        assert!(read(&format!("kibana.version=1-{}", "a".repeat(255))).contains("too long"));
    }

    #[test]
    fn counts_know_other_parameters() {
        let read = |raw| {
            Question::of_categories(raw).map(|question| match question {
                Question::Categories(Some(query), templates) => format!("{} {templates}", shown(&query)),
                other => format!("{other:?}"),
            })
        };
        assert_eq!(read("package=%ff&category=a&type=b&all=zz&prerelease=1").unwrap(), "prerelease=true false");
        assert_eq!(read("include_policy_templates=T").unwrap(), " true");
        assert_eq!(
            read("include_policy_templates=2").unwrap_err(),
            "invalid 'include_policy_templates' query param: '2'"
        );
        assert_eq!(
            read("include_policy_templates=2&all=1&spec.min=1").unwrap_err().split(':').next(),
            Some("invalid 'spec.min' version")
        );
    }
}
