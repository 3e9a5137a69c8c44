//! Headers that every host sends alike: how long an answer may be kept, and what a browser may do with it.

use serde::{Deserialize, Serialize};

/// The policy of every page: nothing but what this host serves, and no script or style inside a page.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                          form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The policy of files of packages, which are not ours: an SVG or HTML file that is opened by itself runs nothing.
pub const SANDBOX: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// Time for which clients may keep an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheClass {
    /// For ever: the path names a version that its layer promises never to change.
    Immutable,
    /// Ten minutes.
    Minutes,
    /// Ten seconds.
    Seconds,
}

impl CacheClass {
    /// The value of Cache-Control (contract, "Status and text per endpoint" and "Where a static site differs").
    pub fn header(self) -> &'static str {
        match self {
            Self::Immutable => "max-age=31536000, public, immutable",
            Self::Minutes => "max-age=600, public",
            Self::Seconds => "max-age=10, public",
        }
    }
}
