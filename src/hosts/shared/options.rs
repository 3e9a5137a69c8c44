//! Options of a host's configuration.

use super::escape::escape;
use crate::answers::route::request::VERSIONS;
use crate::base::digest::Digest;
use crate::base::file_notes::FileNotes;
use crate::config::fallback::Fallback;
use std::collections::{BTreeMap, BTreeSet};

/// The options of a host's configuration, besides the routing tables.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Name of the distribution.
    pub distribution: String,
    /// Name of the generation's folder, which `current` points to.
    pub generation_id: String,
    /// Address, port, or both, to listen on.
    pub listen: String,
    /// Where to ask for what the tables do not hold, instead of refusing it.
    pub fallback: Fallback,
    /// Beginning of the paths of the process id file and of the temporary folder, outside of every generation. The address
    /// is appended, so that several instances on a machine keep apart.
    pub state: String,
    /// Path below which the registry lies: empty, or for example `/epr/staging`. It is taken off requests before they
    /// are routed and put before redirects; answers do not change, because Kibana puts it before paths itself.
    pub prefix: String,
    /// True if answers name their file in `X-Epr-Route`.
    pub debug_header: bool,
    /// Exceptions among the package files.
    pub notes: FileNotes,
    /// The files of the site, for hosts that cannot look at a disk.
    pub published: Published,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            distribution: "epr".to_owned(),
            generation_id: "current".to_owned(),
            listen: "8080".to_owned(),
            fallback: Fallback::Off,
            state: "/tmp/epr-nginx".to_owned(),
            prefix: String::new(),
            debug_header: false,
            notes: FileNotes::default(),
            published: Published::default(),
        }
    }
}

/// Longer slugs become digests.
const LONGEST_SLUG: usize = 40;

impl HostOptions {
    /// The name of the distribution as part of other names, which may hold letters, digits and `_` and ignore case: no
    /// two distributions share it. A long one is a digest, since servers have limits for names.
    pub(in crate::hosts) fn slug(&self) -> String {
        let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let slug = escape(&self.distribution, is_plain, |byte| format!("_{byte:02x}"));
        if slug.len() > LONGEST_SLUG {
            format!("_{}", &Digest::of(self.distribution.as_bytes()).to_string()[..16])
        } else {
            slug
        }
    }

    /// Returns true for the files of a release. No distribution has a slash in its name.
    pub(in crate::hosts) fn is_release(&self) -> bool {
        self.distribution.contains('/')
    }

    /// The beginning of the paths outside of the generation, for this address alone.
    pub(in crate::hosts) fn state_of_address(&self) -> String {
        let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' };
        format!("{}-{}", self.state, self.listen.chars().map(plain).collect::<String>())
    }

    /// The prefix, if it is a plain path.
    ///
    /// # Errors
    /// When it is more than plain segments, each with a slash before it: configurations could take it for something else.
    pub(in crate::hosts) fn plain_prefix(&self) -> anyhow::Result<&str> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte);
        let prefix = self.prefix.as_str();
        let segments = || prefix.split('/').skip(1);
        let is_path = prefix.is_empty()
            || (prefix.starts_with('/') && segments().all(|segment| !matches!(segment, "" | "." | "..")));
        anyhow::ensure!(
            is_path && prefix.bytes().all(plain),
            "the prefix `{prefix}` is not a plain path\nhint: write it as `/epr/staging`"
        );
        Ok(prefix)
    }
}

/// The files of a generation, besides the answers that the tables name, for hosts that cannot look at a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// `<name>/<version>` of every package version, and whether its document has a compressed copy.
    pub versions: BTreeMap<String, bool>,
    /// Answers with a compressed copy, as paths without their extension `.json`.
    pub copies: BTreeSet<String>,
    /// Files below `/ui/`, and whether they have a compressed copy.
    pub pages: BTreeMap<String, bool>,
    /// Whether the list of all versions has a compressed copy, if there is such a list.
    pub list: Option<bool>,
}

impl Published {
    /// Notes a file of the site, given its path and whether there is a compressed copy.
    pub fn note(&mut self, path: &str, has_copy: bool) {
        if path.starts_with("/ui/") {
            self.pages.insert(path.to_owned(), has_copy);
            return;
        }
        if path == VERSIONS {
            self.list = Some(has_copy);
            return;
        }
        let Some(path) = path.strip_suffix(".json") else { return };
        if let Some(version) = path.strip_prefix("/documents/") {
            self.versions.insert(version.to_owned(), has_copy);
        } else if has_copy && path.starts_with("/answers/") {
            self.copies.insert(path.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_plain_paths() {
        for (prefix, is_right) in [
            ("", true),
            ("/epr", true),
            ("/epr.d/staging-1", true),
            ("epr", false),
            ("/", false),
            ("/epr/", false),
            ("/a//b", false),
            ("/a/../b", false),
            ("/a b", false),
            ("/a\"", false),
            ("/%41", false),
        ] {
            let options = HostOptions { prefix: prefix.to_owned(), ..HostOptions::default() };
            assert_eq!(options.plain_prefix().is_ok(), is_right, "{prefix}");
        }
    }

    #[test]
    fn what_is_published_is_seen_from_paths() {
        let files = [
            ("/documents/a/1.0.0.json", true),
            ("/documents/a/1.1.0.json", false),
            ("/answers/list/x.json", true),
            ("/answers/list/y.json", false),
            ("/index.json", true),
            ("/index/packages.json", true),
            ("/epr/a/a-1.0.0.zip", false),
        ]
        .map(|(path, has_copy)| (path.to_owned(), has_copy));
        let mut published = Published::default();
        files.iter().for_each(|(path, has_copy)| published.note(path, *has_copy));
        assert_eq!(published.versions, [("a/1.0.0".to_owned(), true), ("a/1.1.0".to_owned(), false)].into());
        assert_eq!((published.copies, published.list), (["/answers/list/x".to_owned()].into(), Some(true)));
    }
}
