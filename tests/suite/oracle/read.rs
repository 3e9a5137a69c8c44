//! A raw query string, read as the contract says ("Search parameters", "Categories parameters"), and nothing cleverer.

use epr_build::dialect::version::{Constraint, Version, VersionError};

/// What a request asks for.
#[derive(Default)]
pub(super) struct Question {
    pub(super) kibana: Option<Version>,
    pub(super) agent: Option<Version>,
    pub(super) category: Option<Vec<u8>>,
    pub(super) package: Option<Vec<u8>>,
    pub(super) kind: Option<Vec<u8>>,
    pub(super) capabilities: Option<Vec<Vec<u8>>>,
    /// Lower and upper bounds of the format, each as a constraint.
    pub(super) bounds: Vec<Constraint>,
    pub(super) discovery: Vec<Discovery>,
    pub(super) all: bool,
    pub(super) prerelease: bool,
    pub(super) experimental: bool,
    pub(super) include_policy_templates: bool,
}

/// One `discovery` value.
pub(super) enum Discovery {
    Fields(Vec<Vec<u8>>),
    Datasets(Vec<Vec<u8>>),
}

/// The text of an error, without its line break.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Its beginning, which says what is wrong with which parameter.
    pub(super) head: Vec<u8>,
    pub(super) text: Vec<u8>,
    /// False if the contract gives only the beginning.
    pub(super) is_whole: bool,
    /// True if one of the others is reported instead.
    pub(super) is_last: bool,
}

/// Reads a query of `/search` or `/categories`; or gives the errors of which any may be reported.
pub(super) fn read(is_search: bool, raw: &[u8]) -> Result<Question, Vec<Refusal>> {
    let pairs = pairs(raw);
    let first = |name: &str| {
        let value = pairs.iter().find(|(found, _)| found == name.as_bytes()).map(|(_, value)| value.clone());
        value.filter(|value| !value.is_empty())
    };
    let mut refusals = Vec::new();
    let mut question = Question::default();
    for (name, label) in [("kibana.version", "Kibana"), ("agent.version", "agent")] {
        let Some(value) = first(name) else { continue };
        match loose(&value) {
            Ok(version) if name == "kibana.version" => question.kibana = Some(version),
            Ok(version) => question.agent = Some(version),
            Err(error) => {
                refusals.push(because(&[b"invalid ", label.as_bytes(), b" version '"].concat(), &value, error))
            }
        }
    }
    for (name, operator) in [("spec.min", ">="), ("spec.max", "<=")] {
        let Some(value) = first(name) else { continue };
        let head = |kind: &str| format!("invalid '{name}' version: invalid {kind} '").into_bytes();
        if value.split(|byte| *byte == b'.').count() != 2 {
            refusals.push(whole(&head("version"), &value, "': it should be <major.version>"));
            continue;
        }
        match loose(&value) {
            // The bound that is compared is the whole version that was read.
            Ok(version) => {
                let mut text = format!("{operator}{}.{}.0", version.major, version.minor);
                if version.is_prerelease() {
                    text = format!("{text}-{}", version.pre.join("."));
                }
                question.bounds.push(Constraint::parse(&text).unwrap());
            }
            Err(error) => refusals.push(because(&head("spec version"), &value, error)),
        }
    }
    if let Some(value) = first("capabilities") {
        question.capabilities = Some(split(&value));
    }
    for (_, value) in pairs.iter().filter(|(name, _)| name == b"discovery") {
        match discovery(value) {
            Ok(filter) => question.discovery.push(filter),
            Err(refusal) => refusals.push(refusal),
        }
    }
    let flag = |name: &str, refusals: &mut Vec<Refusal>| match first(name).as_deref() {
        None | Some(b"0" | b"f" | b"F" | b"FALSE" | b"false" | b"False") => false,
        Some(b"1" | b"t" | b"T" | b"TRUE" | b"true" | b"True") => true,
        Some(value) => {
            refusals.push(whole(format!("invalid '{name}' query param: '").as_bytes(), value, "'"));
            false
        }
    };
    question.prerelease = flag("prerelease", &mut refusals);
    question.experimental = flag("experimental", &mut refusals);
    if is_search {
        question.all = flag("all", &mut refusals);
        question.category = first("category");
        question.package = first("package");
        question.kind = first("type");
    } else {
        let others = refusals.len();
        question.include_policy_templates = flag("include_policy_templates", &mut refusals);
        refusals[others..].iter_mut().for_each(|refusal| refusal.is_last = others > 0);
    }
    if refusals.is_empty() { Ok(question) } else { Err(refusals) }
}

/// Names and values, decoded; without the pairs that are dropped.
fn pairs(raw: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut pairs = Vec::new();
    for pair in raw.split(|byte| *byte == b'&') {
        if pair.is_empty() || pair.contains(&b';') {
            continue;
        }
        let middle = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, value) = (&pair[..middle], pair.get(middle + 1..).unwrap_or_default());
        if let (Some(name), Some(value)) = (decoded(name), decoded(value)) {
            pairs.push((name, value));
        }
    }
    pairs
}

/// `None` if an escape is malformed.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.iter();
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    while let Some(&byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high * 16 + low).unwrap()
            }
            other => other,
        });
    }
    Some(bytes)
}

fn split(list: &[u8]) -> Vec<Vec<u8>> {
    list.split(|byte| *byte == b',').map(<[u8]>::to_vec).collect()
}

fn loose(value: &[u8]) -> Result<Version, VersionError> {
    Version::loose(std::str::from_utf8(value).map_err(|_| VersionError::Invalid)?)
}

fn discovery(value: &[u8]) -> Result<Discovery, Refusal> {
    let mut parts = value.splitn(2, |byte| *byte == b':');
    let (filter, list) = (parts.next().unwrap_or_default(), parts.next());
    let refused = |reason: &str, quoted: &[u8]| {
        // How a value is quoted that has quotes or anything unusual is not known.
        let is_usual = quoted.iter().all(|byte| (b' '..=b'~').contains(byte) && !b"\"\\".contains(byte));
        let tail =
            if is_usual { format!("': {reason} \"{}\"", String::from_utf8_lossy(quoted)) } else { "': ".to_owned() };
        Err(Refusal { is_whole: is_usual, ..whole(b"invalid 'discovery' query param: '", value, &tail) })
    };
    match (filter, list) {
        (_, None) => refused("could not parse filter", value),
        (b"fields", Some(list)) => Ok(Discovery::Fields(split(list))),
        (b"datasets", Some(list)) => Ok(Discovery::Datasets(split(list))),
        (other, Some(_)) => refused("unknown discovery filter", other),
    }
}

/// The end of the text of a number that is too large is not known.
fn because(head: &[u8], value: &[u8], error: VersionError) -> Refusal {
    match error {
        VersionError::Overflow => {
            Refusal { is_whole: false, ..whole(head, value, "': error parsing version segment: ") }
        }
        other => whole(head, value, &format!("': {other}")),
    }
}

fn whole(head: &[u8], value: &[u8], tail: &str) -> Refusal {
    Refusal { head: head.to_vec(), text: [head, value, tail.as_bytes()].concat(), is_whole: true, is_last: false }
}
