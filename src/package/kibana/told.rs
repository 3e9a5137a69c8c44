//! How it is told: problems whose messages say who refuses.

use crate::base::problem::Problem;
use crate::base::rule::Rule;
use yaml11::{Warning, WarningKind};

/// The words that all messages of the family begin with.
const REFUSES: &str = "Kibana refuses it";

pub(super) fn problem(rule: Rule, file: &str, reason: impl std::fmt::Display) -> Problem {
    Problem::new(rule, format!("{REFUSES}: {reason}")).file(file)
}

/// The problem of something odd in a YAML file that Kibana reads.
pub(in crate::package) fn of_oddity(warning: &Warning, file: &str) -> Problem {
    let told = |rule| problem(rule, file, &warning.message).line(warning.line);
    match warning.kind {
        WarningKind::TwoSpellings => {
            Problem::new(Rule::YamlOddity, warning.message.as_str()).file(file).line(warning.line)
        }
        WarningKind::DuplicateKey => told(Rule::KibanaDuplicateKey),
        WarningKind::SeveralDocuments => told(Rule::KibanaSeveralDocuments),
        WarningKind::Utf16 => told(Rule::KibanaEncoding),
        WarningKind::UnknownTag => told(Rule::KibanaYaml),
    }
}
