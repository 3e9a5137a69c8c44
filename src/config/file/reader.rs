//! Reading YAML values of an expected kind, collecting what is wrong with them.
//!
//! Every value knows its path from the top of the file, which messages name. Knows nothing of distributions or layers.

use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::base::shown::printable;
use crate::base::suggest::did_you_mean;
use std::path::Path;
use yaml11::{Plain, Scalar, Warning, WarningKind};

/// Characters of a message that are kept; it may quote any text of the file.
const MAX_SHOWN: usize = 300;

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Value<'a> {
    /// Keys and list positions from the top, joined by dots; empty at the top.
    pub(super) path: String,
    /// The line of its key, or of the value itself in lists, from 1.
    pub(super) line: u32,
    /// The value itself.
    pub(super) plain: &'a Plain,
}

impl<'a> Value<'a> {
    /// The whole file.
    pub(super) fn root(plain: &'a Plain) -> Self {
        Self { path: String::new(), line: plain.line().max(1), plain }
    }

    fn below(&self, name: &str, line: u32, plain: &'a Plain) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { path, line, plain }
    }

    /// Name of the value in messages.
    fn name(&self) -> String {
        if self.path.is_empty() { "the file".to_owned() } else { format!("`{}`", self.path) }
    }

    fn kind(&self) -> &'static str {
        match self.plain {
            Plain::Scalar(Scalar::Null, _) => "empty",
            Plain::Scalar(Scalar::Bool(_), _) => "yes or no",
            Plain::Scalar(Scalar::Int(_) | Scalar::Uint(_) | Scalar::Float(_), _) => "a number",
            Plain::Scalar(Scalar::String(_), _) => "text",
            Plain::List(..) => "a list",
            Plain::Map(..) => "a mapping",
        }
    }
}

/// Collects mistakes.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    file: &'a Path,
    mistakes: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// A reader of the file of this name.
    pub(super) fn new(file: &'a Path) -> Self {
        Self { file, mistakes: Vec::new() }
    }

    /// Something is wrong on this line.
    pub(super) fn mistake(&mut self, line: u32, message: impl Into<String>, hint: &str) {
        let message = printable(&message.into(), MAX_SHOWN);
        let problem = Problem::new(Rule::Configuration, message).line(line).hint(hint);
        self.mistakes.push(problem.within("", &self.file.display().to_string()));
    }

    /// What a reader of YAML drops is a mistake. Manifests are read as the registry reads them; here nothing is lost without a
    /// word.
    pub(super) fn refuse_lost(&mut self, warnings: &[Warning]) {
        for warning in warnings {
            let hint = match warning.kind {
                WarningKind::DuplicateKey | WarningKind::TwoSpellings => "remove one of the two",
                WarningKind::SeveralDocuments => "write everything into one document, without `---` in between",
                WarningKind::Utf16 | WarningKind::UnknownTag => continue,
            };
            self.mistake(warning.line, warning.message.split(';').next().unwrap_or_default(), hint);
        }
    }

    /// Number of mistakes until now.
    pub(super) fn mistakes(&self) -> usize {
        self.mistakes.len()
    }

    /// All mistakes, by line.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        self.mistakes.sort_by_key(|problem| problem.place.line);
        self.mistakes
    }

    /// The value is of another kind than `wanted`.
    pub(super) fn wrong(&mut self, value: &Value<'_>, wanted: &str, hint: &str) {
        let message = match value.kind() {
            "empty" => format!("{} is empty; it must be {wanted}", value.name()),
            kind => format!("{} must be {wanted}, not {kind}", value.name()),
        };
        self.mistake(value.line, message, hint);
    }

    /// The pairs of a mapping whose keys are free; nothing counts as an empty one.
    pub(super) fn map<'v>(&mut self, value: &Value<'v>) -> Vec<(&'v str, Value<'v>)> {
        let entries = match value.plain {
            Plain::Map(entries, _) => entries.as_slice(),
            plain if plain.is_null() => &[],
            _ => {
                self.wrong(
                    value,
                    "a mapping",
                    "write `key: value` pairs, one a line; epr-build.sample.yml has an example",
                );
                &[]
            }
        };
        let mut pairs = Vec::with_capacity(entries.len());
        for entry in entries {
            if let Scalar::String(key) = &entry.key {
                pairs.push((key.as_str(), value.below(key, entry.line, &entry.value)));
            } else {
                self.mistake(entry.line, format!("a key of {} is not text", value.name()), "put quotes around it");
            }
        }
        pairs
    }

    /// The pairs of a mapping whose keys are known.
    pub(super) fn section<'v>(
        &mut self,
        value: &Value<'v>,
        known: &'static [&'static str],
    ) -> Vec<(&'v str, Value<'v>)> {
        let mut pairs = self.map(value);
        pairs.retain(|(key, pair)| {
            if known.contains(key) {
                return true;
            }
            let place = if value.path.is_empty() { String::new() } else { format!(" in `{}`", value.path) };
            self.mistake(pair.line, format!("unknown key `{key}`{place}"), &did_you_mean(key, known));
            false
        });
        pairs
    }

    /// The items of a list that holds something.
    pub(super) fn list<'v>(&mut self, value: &Value<'v>, wanted: &str, hint: &str) -> Vec<Value<'v>> {
        let Plain::List(items, _) = value.plain else {
            self.wrong(value, wanted, hint);
            return Vec::new();
        };
        if items.is_empty() {
            self.mistake(value.line, format!("{} is an empty list", value.name()), hint);
        }
        let item = |(position, plain): (usize, &'v Plain)| value.below(&position.to_string(), plain.line(), plain);
        items.iter().enumerate().map(item).collect()
    }

    /// A text that says something.
    pub(super) fn text<'v>(&mut self, value: &Value<'v>, wanted: &str) -> Option<&'v str> {
        match value.plain.as_str() {
            Some("") => self.mistake(value.line, format!("{} is empty", value.name()), &format!("write {wanted}")),
            Some(text) => return Some(text),
            None => {
                let is_scalar = matches!(value.plain, Plain::Scalar(..)) && !value.plain.is_null();
                let hint = if is_scalar { "put quotes around it".to_owned() } else { format!("write {wanted}") };
                self.wrong(value, wanted, &hint);
            }
        }
        None
    }

    /// Yes or no; no when it is neither.
    pub(super) fn flag(&mut self, value: &Value<'_>) -> bool {
        let Plain::Scalar(Scalar::Bool(flag), _) = value.plain else {
            self.wrong(value, "yes or no", "write `yes` or `no`, without quotes");
            return false;
        };
        *flag
    }

    /// One of the known words; the first one when it is none.
    pub(super) fn choice<T: Copy>(&mut self, value: &Value<'_>, known: &[(&str, T)]) -> T {
        let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
        let wanted = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
        match value.plain.as_str() {
            Some(text) => match known.iter().find(|(word, _)| *word == text) {
                Some((_, choice)) => return *choice,
                None => {
                    let message = format!("{} must be {wanted}, not `{text}`", value.name());
                    self.mistake(value.line, message, &did_you_mean(text, &words));
                }
            },
            None => self.wrong(value, &wanted, &format!("write {wanted}")),
        }
        known[0].1
    }

    /// A whole number above zero.
    pub(super) fn count<T: TryFrom<u64>>(&mut self, value: &Value<'_>, place: &mut T) {
        match whole(value.plain).and_then(|number| T::try_from(number).ok()) {
            Some(number) => *place = number,
            None => self.mistake(
                value.line,
                format!("{} must be a whole number above zero", value.name()),
                "write it with digits only, for example `1000`",
            ),
        }
    }

    /// A number of bytes: a whole number, or one with a unit.
    pub(super) fn size<T: TryFrom<u64>>(&mut self, value: &Value<'_>, place: &mut T) {
        let bytes = whole(value.plain).or_else(|| size(value.plain.as_str()?));
        match bytes.and_then(|number| T::try_from(number).ok()) {
            Some(bytes) => *place = bytes,
            None => self.mistake(
                value.line,
                format!("{} must be a size above zero", value.name()),
                "write bytes, or a whole number with B, kB, MB, GB, KiB, MiB or GiB, for example `512 MiB`",
            ),
        }
    }
}

fn whole(plain: &Plain) -> Option<u64> {
    let number = match plain {
        Plain::Scalar(Scalar::Int(number), _) => u64::try_from(*number).ok()?,
        Plain::Scalar(Scalar::Uint(number), _) => *number,
        _ => return None,
    };
    (number > 0).then_some(number)
}

/// Reads a number of bytes: a whole number and a unit such as `MB` or `GiB`.
pub(crate) fn size(text: &str) -> Option<u64> {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let factor: u64 = match text[digits..].trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(factor).filter(|bytes| *bytes > 0)
}
