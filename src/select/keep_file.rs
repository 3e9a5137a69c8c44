//! Keep files: what one Kibana has installed, as text that a reviewer can read and carry out of a closed network.
//!
//! ```text
//! # epr-build keep 1
//! # kibana: 9.1.3   prerelease: no   taken: 2026-11-28T22:00:00Z   complete: yes   key: d27d666cd88e42b4
//! nginx@2.3.1                              installed registry
//! apm@9.1.3                                installed bundled optional
//! ```
//!
//! Nothing but names, versions, reasons, sources, the version of Kibana, the key that it verifies by and the time is in it. The
//! reader is strict: who prunes by a file that was cut off or edited wrongly would remove what is installed. The same
//! contents give the same bytes.

#[cfg(test)]
mod tests;

use crate::base::fs;
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::base::shown::printable;
use crate::base::suggest::did_you_mean;
use crate::base::time;
use crate::config::file::Mistakes;
use crate::config::glob::Glob;
use crate::dialect::version::Version;
use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

/// The first line of every keep file; who does not know its number reads nothing.
const FIRST: &str = "# epr-build keep 1";
/// The ending of the names of keep files.
pub const EXTENSION: &str = "keep";
/// Bytes of the largest file that is read: some ten thousand versions.
const MOST_BYTES: u64 = 4 << 20;
/// Bytes of the longest name of a package.
const MOST_NAME_BYTES: usize = 100;
/// Column at which reasons begin.
const REASONS_AT: usize = 40;
/// Begins a line that says what is missing.
const NOTE: &str = "# note: ";
/// The fields of the second line; the last one may be absent.
const FIELDS: [&str; 5] = ["kibana", "prerelease", "taken", "complete", "key"];
/// Says that a value is not known.
const UNKNOWN: &str = "unknown";
/// The word for a version that a later Kibana may no longer need.
const OPTIONAL: &str = "optional";

/// What one Kibana has installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepFile {
    /// The site: the name of the file without its ending.
    pub site: String,
    /// The version of Kibana; absent if it is not known.
    pub kibana: Option<Version>,
    /// True if Kibana asks for pre-releases; absent if it is not known.
    pub prerelease: Option<bool>,
    /// When it was taken, in seconds since 1970.
    pub taken: u64,
    /// True if everything that Kibana has installed is in it, as far as its answers tell.
    pub complete: bool,
    /// Id of the key by which Kibana verifies packages.
    pub key: Option<String>,
    /// What could not be asked for, in words.
    pub notes: Vec<String>,
    /// The versions.
    pub versions: BTreeMap<(String, Version), Kept>,
}

/// Why a version is in a keep file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Never empty in a file.
    pub reasons: BTreeSet<Why>,
    /// Where Kibana had it from; absent if it is not known.
    pub source: Option<Source>,
    /// True if Kibana can do without it being in a registry.
    pub optional: bool,
}

/// A reason to keep a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It is installed; Kibana downloads it again at upgrades, after failures and to repair.
    Installed,
    /// It is being installed, and Kibana goes on with that after a restart.
    Installing,
    /// A rollback would install it.
    Rollback,
    /// A rollback of another package would install it.
    RollbackDependency,
    /// A policy was made with it; Kibana reads its document when the policy is edited or upgraded.
    Policy,
    /// Another installed package requires it.
    Dependency,
    /// An upgrade to it waits for somebody to accept it.
    Review,
}

/// Where Kibana had a version from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A registry.
    Registry,
    /// Kibana's own files.
    Bundled,
    /// Somebody uploaded it.
    Upload,
    /// Somebody made it in Kibana.
    Custom,
}

/// The words for reasons.
const WHYS: [(&str, Why); 7] = [
    ("installed", Why::Installed),
    ("installing", Why::Installing),
    ("rollback", Why::Rollback),
    ("rollback-dependency", Why::RollbackDependency),
    ("policy", Why::Policy),
    ("dependency", Why::Dependency),
    ("review", Why::Review),
];

/// The words for sources.
const SOURCES: [(&str, Source); 4] = [
    ("registry", Source::Registry),
    ("bundled", Source::Bundled),
    ("upload", Source::Upload),
    ("custom", Source::Custom),
];

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(WHYS.iter().find(|(_, why)| why == self).map_or("", |(word, _)| word))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SOURCES.iter().find(|(_, source)| source == self).map_or("", |(word, _)| word))
    }
}

impl Source {
    /// The source of this name, as Kibana and keep files spell it.
    pub fn named(word: &str) -> Option<Self> {
        SOURCES.iter().find(|(known, _)| *known == word).map(|(_, source)| *source)
    }

    /// Returns true if a registry may have to give the version again.
    pub fn may_be_asked_for(self) -> bool {
        matches!(self, Self::Registry | Self::Bundled)
    }
}

/// A version that a registry has to have, because a site has it installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pin {
    /// Name of the package.
    pub name: String,
    /// The version.
    pub version: Version,
    /// Why, never empty.
    pub reasons: Vec<Why>,
    /// The version of the site's Kibana; absent if it is not known.
    pub kibana: Option<Version>,
    /// True if that Kibana asks for pre-releases.
    pub prerelease: bool,
    /// True if that Kibana can do without it: it has the version in its own files.
    pub optional: bool,
    /// Name of the site.
    pub site: String,
}

/// Reasons in a sentence.
pub(super) fn in_words(reasons: &[Why]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

/// The reasons with the site: `installed at site-a`.
impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", in_words(&self.reasons), self.site)
    }
}

impl KeepFile {
    /// Reads a keep file; its site is the name of the file.
    ///
    /// # Errors
    /// [`Mistakes`] with every line that is wrong; or when the file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let too_long = || {
            let hint = "hint: a keep file has one line for each installed version; name another file";
            format!("{} has more than {MOST_BYTES} bytes, so it is no keep file\n{hint}", path.display())
        };
        let bytes = fs::read_at_most(path, MOST_BYTES)?.with_context(too_long)?;
        Ok(Self::parse(&bytes, path)?)
    }

    /// Understands the bytes of the file at a path.
    ///
    /// # Errors
    /// Every line that is wrong.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, Mistakes> {
        let mut reading = Reading { path: path.display().to_string(), mistakes: Vec::new() };
        let site = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() as u32 + 1;
                reading.wrong(line, "the line is no text", "take the file from where it was written, unchanged");
                return Err(reading.ended(""));
            }
        };
        let file = reading.file(text, site);
        if reading.mistakes.is_empty() { Ok(file) } else { Err(reading.ended(text)) }
    }

    /// The text of the file.
    pub fn render(&self) -> String {
        let yes_or_no = |value: bool| if value { "yes" } else { "no" };
        let mut text = format!(
            "{FIRST}\n# kibana: {}   prerelease: {}   taken: {}   complete: {}",
            self.kibana.as_ref().map_or(UNKNOWN, Version::as_str),
            self.prerelease.map_or(UNKNOWN, yes_or_no),
            time::rfc3339(self.taken),
            yes_or_no(self.complete),
        );
        if let Some(key) = &self.key {
            text += &format!("   key: {key}");
        }
        text.push('\n');
        for note in &self.notes {
            // A note is one line, whatever it quotes.
            text += &format!("{NOTE}{}\n", printable(note, 300));
        }
        for ((name, version), kept) in &self.versions {
            let words: Vec<_> = kept.words().collect();
            let _ = writeln!(text, "{:<width$} {}", format!("{name}@{version}"), words.join(" "), width = REASONS_AT);
        }
        text
    }

    /// The versions that a registry has to have for this site. What was uploaded or made in Kibana comes from no registry.
    pub fn pins(&self) -> Vec<Pin> {
        let versions = self.versions.iter();
        let asked_for = versions.filter(|(_, kept)| kept.source.is_none_or(Source::may_be_asked_for));
        let pin = |((name, version), kept): (&(String, Version), &Kept)| Pin {
            name: name.clone(),
            version: version.clone(),
            reasons: kept.reasons.iter().copied().collect(),
            kibana: self.kibana.clone(),
            // What is not known counts as wanted.
            prerelease: self.prerelease.unwrap_or(true),
            optional: kept.optional,
            site: self.site.clone(),
        };
        asked_for.map(pin).collect()
    }
}

impl Kept {
    /// The words of its line.
    fn words(&self) -> impl Iterator<Item = String> {
        let reasons = self.reasons.iter().map(ToString::to_string);
        let optional = self.optional.then(|| OPTIONAL.to_owned());
        reasons.chain(self.source.map(|source| source.to_string())).chain(optional)
    }
}

/// Reads all keep files that these paths name, by site. In the last part of a path `*` and `?` are patterns.
///
/// # Errors
/// When a pattern names no file, two files are of one site, or a file is wrong. Mistakes of all files are collected.
pub fn read_all(patterns: &[PathBuf]) -> Result<Vec<KeepFile>> {
    let mut files: BTreeMap<String, (PathBuf, KeepFile)> = BTreeMap::new();
    let mut mistakes: Vec<String> = Vec::new();
    for path in keep_files(patterns)? {
        match KeepFile::read(&path) {
            Ok(file) => {
                if let Some((other, _)) = files.get(&file.site) {
                    let (one, other) = (other.display(), path.display());
                    let hint = "hint: a site has the name of its file; rename one";
                    bail!("`{one}` and `{other}` are both of site `{}`\n{hint}", file.site);
                }
                files.insert(file.site.clone(), (path, file));
            }
            Err(error) => mistakes.push(error.downcast::<Mistakes>()?.to_string()),
        }
    }
    if !mistakes.is_empty() {
        let text = mistakes.join("\n");
        bail!("{}", text.strip_prefix("error: ").unwrap_or(&text).trim_end());
    }
    Ok(files.into_values().map(|(_, file)| file).collect())
}

/// The keep files that patterns mean, each once, in the order of their paths.
///
/// # Errors
/// When a pattern matches none, or a folder cannot be read.
pub fn keep_files(patterns: &[PathBuf]) -> Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    for pattern in patterns {
        let name = pattern.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let glob = Glob(name.to_owned());
        if glob.is_literal() {
            files.insert(pattern.clone());
            continue;
        }
        let folder = pattern.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let found = fs::list_if_there(folder).context("cannot look for keep files")?.unwrap_or_default();
        let is_meant =
            |entry: &&fs::Entry| !entry.begins_with(".") && entry.name().is_some_and(|name| glob.matches(name));
        let before = files.len();
        files.extend(found.iter().filter(is_meant).map(|entry| entry.path.clone()));
        if files.len() == before && !found.iter().any(|entry| is_meant(&entry)) {
            let example = folder.join("site-a.keep");
            bail!(
                "no keep file is like `{}`\nhint: `epr-build keep import --kibana https://kibana.example.org:5601 --api-key-file \
                 key --output {}` writes one; without one, take `keep` out of the layer's `mirror`",
                pattern.display(),
                example.strip_prefix(".").unwrap_or(&example).display()
            );
        }
    }
    Ok(files)
}

/// Returns true for what can be the name of a package. Those of registries have lower-case letters, digits and `_` alone;
/// what was uploaded or made in Kibana may have more.
pub fn is_name(name: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=MOST_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_fit) && !name.starts_with(['-', '.'])
}

/// A file that is being read, with what is wrong with it.
struct Reading {
    path: String,
    mistakes: Vec<Problem>,
}

impl Reading {
    fn wrong(&mut self, line: u32, message: impl Into<String>, hint: &str) {
        let message = printable(&message.into(), 300);
        let problem = Problem::new(Rule::Configuration, message).line(line).hint(hint);
        self.mistakes.push(problem.within("", &self.path));
    }

    fn ended(self, text: &str) -> Mistakes {
        Mistakes { problems: self.mistakes, text: text.to_owned() }
    }

    fn file(&mut self, text: &str, site: String) -> KeepFile {
        let mut file = KeepFile {
            site,
            kibana: None,
            prerelease: None,
            taken: 0,
            complete: false,
            key: None,
            notes: Vec::new(),
            versions: BTreeMap::new(),
        };
        let mut lines = (1..).zip(text.lines());
        let first = lines.next().map_or("", |(_, line)| line.trim_end());
        if first != FIRST {
            let hint = "`epr-build keep import` writes such files; move anything that stands above the first line away";
            self.wrong(1, format!("a keep file begins with `{FIRST}`"), hint);
            return file;
        }
        match lines.next() {
            Some((number, line)) => self.head(number, line, &mut file),
            None => {
                self.wrong(1, "the second line is missing", "the file was cut off: take it from where it was written")
            }
        }
        for (number, line) in lines {
            let line = line.trim();
            if let Some(note) = line.strip_prefix(NOTE) {
                file.notes.push(note.trim().to_owned());
            } else if !line.is_empty() && !line.starts_with('#') {
                self.version(number, line, &mut file.versions);
            }
        }
        if !text.ends_with('\n') {
            let last = text.lines().count() as u32;
            self.wrong(last, "the last line has no end", "the file was cut off: take it from where it was written");
        }
        file
    }

    /// The second line.
    fn head(&mut self, number: u32, line: &str, file: &mut KeepFile) {
        const FORM: &str = "write `# kibana: 9.1.3   prerelease: no   taken: 2026-11-28T22:00:00Z   complete: yes`";
        let Some(words) = line.strip_prefix('#') else {
            self.wrong(number, "the second line does not say from which Kibana the file is", FORM);
            return;
        };
        let mut words = words.split_whitespace();
        let mut seen = BTreeSet::new();
        while let Some(word) = words.next() {
            let Some(field) = word.strip_suffix(':') else {
                self.wrong(number, format!("`{word}` stands where a field is expected"), FORM);
                return;
            };
            if !FIELDS.contains(&field) {
                self.wrong(number, format!("unknown field `{field}`"), &did_you_mean(field, &FIELDS));
            }
            if !seen.insert(field) {
                self.wrong(number, format!("`{field}` is there twice"), "remove one of the two");
            }
            let Some(value) = words.next().filter(|value| !value.ends_with(':')) else {
                self.wrong(number, format!("`{field}` has no value"), FORM);
                return;
            };
            self.field(number, field, value, file);
        }
        for field in FIELDS.into_iter().take(FIELDS.len() - 1).filter(|field| !seen.contains(field)) {
            self.wrong(number, format!("`{field}` is missing"), FORM);
        }
    }

    fn field(&mut self, number: u32, field: &str, value: &str, file: &mut KeepFile) {
        let yes_or_no = |value: &str| match value {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        };
        let mut unfit = |hint: &str| self.wrong(number, format!("`{field}` cannot be `{value}`"), hint);
        match field {
            "kibana" if value == UNKNOWN => {}
            "kibana" => match Version::strict(value) {
                Ok(version) => file.kibana = Some(version),
                Err(_) => unfit("write a version such as 9.1.3, or `unknown`"),
            },
            "prerelease" if value == UNKNOWN => {}
            "prerelease" => match yes_or_no(value) {
                Some(yes) => file.prerelease = Some(yes),
                None => unfit("write `yes`, `no` or `unknown`"),
            },
            "taken" => match time::parse_rfc3339(value) {
                Some(time) => file.taken = time,
                None => unfit("write a time such as 2026-11-28T22:00:00Z"),
            },
            "complete" => match yes_or_no(value) {
                Some(yes) => file.complete = yes,
                None => unfit("write `yes` or `no`"),
            },
            "key" => {
                if value.len() <= 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    file.key = Some(value.to_ascii_lowercase());
                } else {
                    unfit("write the hexadecimal digits of a key's id");
                }
            }
            _ => {}
        }
    }

    /// A line of one version.
    fn version(&mut self, number: u32, line: &str, versions: &mut BTreeMap<(String, Version), Kept>) {
        const FORM: &str = "write `nginx@2.3.1 installed registry`: a name, a version, and why it is kept";
        let mut words = line.split_whitespace();
        let id = words.next().unwrap_or_default();
        let parts = id.rsplit_once('@').filter(|(name, _)| is_name(name));
        let Some((name, version)) = parts.and_then(|(name, text)| Some((name, Version::strict(text).ok()?))) else {
            self.wrong(number, format!("`{id}` is no name and version"), FORM);
            return;
        };
        let mut kept = Kept::default();
        for word in words {
            if let Some((_, why)) = WHYS.iter().find(|(known, _)| *known == word) {
                kept.reasons.insert(*why);
            } else if let Some(source) = Source::named(word) {
                if kept.source.replace(source).is_some_and(|before| before != source) {
                    self.wrong(number, format!("{id} has two sources"), "leave one of them");
                }
            } else if word == OPTIONAL {
                kept.optional = true;
            } else {
                let known = WHYS.iter().map(|(word, _)| *word).chain(SOURCES.iter().map(|(word, _)| *word));
                let known: Vec<_> = known.chain([OPTIONAL]).collect();
                self.wrong(number, format!("unknown word `{word}`"), &did_you_mean(word, &known));
                return;
            }
        }
        if kept.reasons.is_empty() {
            self.wrong(number, format!("{id} has no reason"), FORM);
        }
        if versions.insert((name.to_owned(), version), kept).is_some() {
            self.wrong(number, format!("{id} is there twice"), "write all its reasons into one line");
        }
    }
}
