//! Understanding the text of a keep file, strictly: every line counts, and every wrong one is said.

use super::words::{FIELDS, FIRST, NOTE, OPTIONAL, SOURCES, Source, UNKNOWN, WHYS, is_name};
use super::written::{KeepFile, Kept};
use crate::base::fs;
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::base::shown::printable;
use crate::base::suggest::did_you_mean;
use crate::base::time;
use crate::config::file::Mistakes;
use crate::dialect::version::Version;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Bytes of the largest file that is read: some ten thousand versions.
const MOST_BYTES: u64 = 4 << 20;

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
