//! Severities of problems.

use serde::{Deserialize, Serialize};

/// Effect of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is taken into use or changed.
    Refusal,
    /// The package is left out of the site.
    Quarantine,
    /// The package is published.
    Warning,
    /// Nothing is wrong, but somebody may want to know. Reports list notes apart from problems.
    Note,
}
