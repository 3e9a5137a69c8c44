//! The log of the generations that were taken into use, and the numbers of these switches.
//!
//! A line is the name, the time, the version of this program, the number of the switch, and what switched:
//! `0123456789abcdef 2026-01-31T12:00:00Z 0.1.0 7 build`. Older programs wrote less: their lines count as one switch each.

use crate::base::time;
use std::fmt;

/// That a generation was taken into use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Name of the generation.
    pub id: String,
    /// Since when, in seconds since 1970.
    pub since: Option<u64>,
    /// The version of the program that took it into use.
    pub program: Option<String>,
    /// Number of the switch in this output folder: higher than that of every earlier one.
    pub number: u64,
    /// What switched.
    pub by: Switch,
}

/// What takes a generation into use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// A build here.
    Build,
    /// A rollback here.
    Rollback,
    /// A bundle, with the number that its sender gave it; 0 if it has none.
    Bundle(u64),
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build => f.write_str("build"),
            Self::Rollback => f.write_str("rollback"),
            Self::Bundle(number) => write!(f, "bundle:{number}"),
        }
    }
}

impl Switch {
    fn parse(word: &str) -> Self {
        let number = || word.strip_prefix("bundle:")?.parse().ok();
        if word == "rollback" { Self::Rollback } else { number().map_or(Self::Build, Self::Bundle) }
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (since, program) = (time::rfc3339(self.since.unwrap_or_default()), self.program.as_deref().unwrap_or("-"));
        write!(f, "{} {since} {program} {} {}", self.id, self.number, self.by)
    }
}

/// Reads a log.
pub fn parse(log: &str) -> Vec<Use> {
    let mut uses = Vec::new();
    let mut last = 0_u64;
    for line in log.lines() {
        let mut words = line.split_whitespace();
        let Some(id) = words.next() else { continue };
        let since = words.next().and_then(time::parse_rfc3339);
        let program = words.next().map(str::to_owned);
        let next = last.saturating_add(1);
        last = words.next().and_then(|word| word.parse().ok()).unwrap_or(next).max(next);
        let by = words.next().map_or(Switch::Build, Switch::parse);
        uses.push(Use { id: id.to_owned(), since, program, number: last, by });
    }
    uses
}

/// The entry for a switch at this moment that follows upon others.
pub fn next(uses: &[Use], id: &str, by: Switch) -> Use {
    let last = uses.last().map_or(0, |one| one.number);
    let sent = if let Switch::Bundle(number) = by { number } else { 0 };
    Use {
        id: id.to_owned(),
        since: Some(time::now()),
        program: Some(env!("CARGO_PKG_VERSION").to_owned()),
        number: last.saturating_add(1).max(sent),
        by,
    }
}

/// The number below which a bundle is older than what was taken into use. A rollback is a choice for a while: it counts
/// for those who take bundles from here, and not for the bundles that are taken in here.
pub fn newest(uses: &[Use]) -> u64 {
    let last = uses.iter().rev().find(|one| one.by != Switch::Rollback);
    last.map_or(0, |one| if let Switch::Bundle(number) = one.by { number } else { one.number })
}

#[cfg(test)]
mod tests {
    use super::{Switch, Use, newest, next, parse};

    #[test]
    fn numbers_grow_with_every_switch() {
        for (log, numbers, expected) in [
            ("", &[][..], 0),
            // Lines of older programs, and one that nothing can be made of.
            ("a\nb 2026-01-31T12:00:00Z 0.1.0\n\nc x y z\n", &[1, 2, 3], 3),
            ("a 2026-01-31T12:00:00Z 0.1.0 7 build\nb 2026-01-31T12:00:00Z 0.1.0 8 rollback\n", &[7, 8], 7),
            ("a - - 1 bundle:40\nb - - 41 bundle:41\nc - - 42 rollback\nd - - 43 rollback\n", &[1, 41, 42, 43], 41),
            // What an older bundle brought on purpose counts from then on.
            ("a - - 41 bundle:41\nb - - 42 bundle:3\n", &[41, 42], 3),
            // A number that fell, by an edit.
            ("a - - 9 build\nb - - 2 build\n", &[9, 10], 10),
        ] {
            let uses = parse(log);
            assert_eq!(uses.iter().map(|one| one.number).collect::<Vec<_>>(), numbers, "{log}");
            assert_eq!(newest(&uses), expected, "{log}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut uses: Vec<Use> = Vec::new();
        for by in [Switch::Build, Switch::Bundle(9), Switch::Rollback, Switch::Bundle(0), Switch::Bundle(u64::MAX)] {
            uses.push(next(&uses, "0123456789abcdef", by));
        }
        let log: String = uses.iter().map(|one| format!("{one}\n")).collect();
        assert_eq!(parse(&log), uses, "{log}");
        assert_eq!(uses.iter().map(|one| one.number).collect::<Vec<_>>(), [1, 9, 10, 11, u64::MAX]);
    }
}
