//! The text of a first configuration: from answers to YAML that explains itself.

use crate::config::selection::KibanaRange;
use std::fmt::Write;

/// Where packages come from that are not one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A registry, by its address.
    Upstream(String),
    /// A container image, by its path.
    Image(String),
}

/// What a first configuration says.
#[derive(Clone, Debug)]
pub(super) struct Start {
    /// Name of the distribution.
    pub(super) distribution: String,
    pub(super) origin: Option<Origin>,
    /// Whose signatures count: `elastic` and files.
    pub(super) keys: Vec<String>,
    /// How the operator of the registry reaches whom it serves.
    pub(super) contact: Option<String>,
    /// Folder of one's own packages.
    pub(super) in_house: Option<String>,
    /// Files with the keys by which one's own packages are signed.
    pub(super) in_house_keys: Vec<String>,
    /// The Kibanas in use.
    pub(super) kibana: Vec<InUse>,
}

/// Kibanas in use, as they were written: `8.19` are all its patches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InUse {
    text: String,
    pub(super) range: KibanaRange,
}

impl InUse {
    /// Reads a version or a range.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let range = KibanaRange::parse(text)
            .ok_or_else(|| format!("`{text}`: write 8.19.5, 8.19 for all its patches, or '9.1.0 - 9.2.4'"))?;
        Ok(Self { text: text.to_owned(), range })
    }
}

/// Name of the selection for the Kibanas in use.
const SELECTION: &str = "in_use";
/// The registry that Elastic runs.
pub(super) const ELASTIC: &str = "https://epr.elastic.co";

impl Start {
    /// Name of the layer for what is not one's own.
    pub(super) fn layer(&self) -> &'static str {
        match &self.origin {
            Some(Origin::Upstream(url)) if url.trim_end_matches('/') != ELASTIC => "mirrored",
            _ => "elastic",
        }
    }

    /// Returns true if the distribution names the selection: one that publishes everything keeps a mirrored layer from ever losing
    /// what nobody wants any more.
    fn publishes_selection(&self) -> bool {
        !self.kibana.is_empty() && self.origin.is_some()
    }

    /// The versions of Kibana in a sentence.
    pub(super) fn kibanas(&self) -> String {
        self.kibana.iter().map(|one| one.text.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// The configuration.
pub(super) fn text(start: &Start) -> String {
    let mut text = "# Settings of epr-build. epr-build.sample.yml shows all keys with their meanings.\n".to_owned();
    let own = start.in_house.as_ref().map(|_| "in_house");
    let theirs = start.origin.as_ref().map(|_| start.layer());
    let layers: Vec<&str> = theirs.into_iter().chain(own).collect();
    let _ = write!(
        text,
        "\ndistributions:\n  # What one registry serves. If two layers hold the same version of a package, the first layer wins.\n  \
         {}: {}\n\nlayers:\n",
        start.distribution,
        match start.publishes_selection() {
            true => format!("{{layers: [{}], select: {SELECTION}}}", layers.join(", ")),
            false => format!("[{}]", layers.join(", ")),
        }
    );
    match &start.origin {
        Some(Origin::Upstream(_)) => upstream_layer(start, &mut text),
        Some(Origin::Image(path)) => image_layer(start, path, &mut text),
        None => {}
    }
    if let Some(folder) = &start.in_house {
        let _ = write!(
            text,
            "  # Packages of your own: zips, or folders <name>/<version>. `epr-build add` puts them here.\n  in_house:\n    \
             paths: {}\n    # It may be absent until there is a first one.\n    optional: yes\n",
            scalar(folder)
        );
        if start.publishes_selection() {
            text += "    # All of it is published, whatever the selection of the distribution takes.\n    whole: yes\n";
        }
        if !start.in_house_keys.is_empty() {
            let keys: Vec<String> = start.in_house_keys.iter().map(|key| scalar(key)).collect();
            let _ = write!(
                text,
                "    # Wrong signatures are refused. Kibana knows one key only: what another one than its own has signed it refuses,\n    \
                 # and builds tell of it.\n    signatures: verify\n    keys: [{}]\n",
                keys.join(", ")
            );
        }
    }
    if let Some(Origin::Upstream(url)) = &start.origin {
        let _ = write!(
            text,
            "\n# Registries to copy from. Only `epr-build mirror` asks them; builds and servers need no network.\nupstreams:\n  \
             {}:\n    url: {}\n",
            start.layer(),
            scalar(url)
        );
        match &start.contact {
            Some(contact) => drop(writeln!(text, "    contact: {}", scalar(contact))),
            None => text += "    # How the operator of that registry reaches you.\n    # contact: ops@example.org\n",
        }
        text += "    # ca: /etc/ssl/our-ca.pem            # the authority of a proxy that opens TLS\n    \
                 # proxy: http://proxy.example.org:3128   # else HTTPS_PROXY and NO_PROXY count\n";
        selection(start, &mut text);
    } else if start.publishes_selection() {
        selection(start, &mut text);
    }
    text += "\n# Where nginx and other servers listen by the configurations that builds generate. `epr-build serve` has --listen.\nlisten: 0.0.0.0:8080\n";
    text
}

fn upstream_layer(start: &Start, text: &mut String) {
    let name = start.layer();
    let select = if start.kibana.is_empty() { String::new() } else { format!(", select: {SELECTION}") };
    let _ = write!(
        text,
        "  # Packages that `epr-build mirror` copies from a registry, with their signatures.\n  {name}:\n    paths: {name}\n    \
         mirror: {{from: [{name}]{select}}}\n"
    );
    signatures(start, text);
}

/// What is copied: for the Kibanas in use, if they are known.
fn selection(start: &Start, text: &mut String) {
    if start.kibana.is_empty() {
        *text += "\n# Every version that is listed is copied. `selections:` takes less: `epr-build init --kibana 9.1.0` writes an example.\n";
        return;
    }
    let (what, again) = if matches!(start.origin, Some(Origin::Image(_))) {
        (
            "# What the registry publishes of its layers. Without `select:` at the distribution it publishes everything.",
            "build again",
        )
    } else {
        (
            "# What `epr-build mirror` copies, and what the registry publishes of its layers. Without `select:` at the layer every version\n\
             # that is listed is copied; without `select:` at the distribution all is published that a layer holds, and\n\
             # `epr-build keep prune` can remove nothing of it.",
            "run `epr-build mirror` again and build",
        )
    };
    let _ = write!(
        text,
        "\n{what}\n\
         selections:\n  {SELECTION}:\n    \
         # The versions of Kibana in use; `8.19` stands for all its patches, and `9.1.0 - 9.2.4` for a range. Before a Kibana is\n    \
         # upgraded, write the new version down beside the old one, and {again}.\n    \
         kibana: [{}]\n    take:\n      \
         # Of every package what each of them gets. Less: `{{preset: fleet}}`, which Fleet itself needs, and `{{name: [nginx, system]}}`.\n      \
         - {{name: '*'}}\n    \
         # The next older version of each as well, to which Kibana can go back.\n    previous: 1\n",
        start.kibanas()
    );
}

fn image_layer(start: &Start, path: &str, text: &mut String) {
    let _ = write!(
        text,
        "  # Packages out of a container image that `docker save` wrote. A newer image takes the place of the file, and what only the\n  \
         # older one held is gone; docs/guides/images.md says how a layer keeps it, and takes only some of an image.\n  {}:\n    \
         paths: {}\n",
        start.layer(),
        scalar(path)
    );
    signatures(start, text);
}

fn signatures(start: &Start, text: &mut String) {
    if start.keys.is_empty() {
        text.push_str(
            "    # Signatures are passed on as they are. `signatures: verify` and `keys:` have them judged.\n",
        );
        return;
    }
    let keys: Vec<String> = start.keys.iter().map(|key| scalar(key)).collect();
    let is_elastic = matches!(&start.origin, Some(Origin::Upstream(_))) && start.layer() == "elastic";
    let (word, meaning) = match is_elastic {
        true => ("require", "Nothing is taken that no key of these has signed"),
        false => ("verify", "Wrong signatures are refused; what has none is taken unsigned"),
    };
    let elastic = if start.keys.iter().any(|key| key == "elastic") { "; `elastic` is built in" } else { "" };
    let _ = write!(text, "    # {meaning}{elastic}.\n    signatures: {word}\n    keys: [{}]\n", keys.join(", "));
}

/// A text as YAML that means nothing else.
fn scalar(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-@+".contains(letter);
    let begins = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || "/.".contains(letter));
    let is_word = text.contains(['/', '@']) || text.len() > 5 || text == "elastic";
    // An address has its only colon before two slashes, or before a port.
    let is_address = text.contains("://") && !text.ends_with(':');
    let rest = if is_address { text.replacen("://", "", 1).replace(':', "") } else { text.to_owned() };
    if begins && is_word && rest.chars().all(is_plain) {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{ELASTIC, InUse, Origin, Start, scalar, text};
    use crate::config::file;
    use std::path::{Path, PathBuf};

    fn start(origin: Option<Origin>, in_house: Option<&str>) -> Start {
        Start {
            distribution: "ours".to_owned(),
            origin,
            keys: vec!["elastic".to_owned()],
            contact: Some("ops@example.org".to_owned()),
            in_house: in_house.map(str::to_owned),
            in_house_keys: in_house.map(|_| "our-key.asc".to_owned()).into_iter().collect(),
            kibana: vec![InUse::parse("9.1.0").unwrap()],
        }
    }

    /// Whatever is answered, the text is a configuration that says it.
    #[test]
    fn texts_are_configurations() {
        let odd = "a: b # \"c\" 'd' {e} \\ é";
        let contact = "ops@example.org";
        for path in ["in_house", "/srv/own packages", odd, "- x", "0", "yes", "~", "a:b", "x: y"] {
            for origin in [
                None,
                Some(Origin::Upstream(ELASTIC.to_owned())),
                Some(Origin::Upstream("http://127.0.0.1:9000/epr".to_owned())),
                Some(Origin::Image(path.to_owned())),
            ] {
                let mut start = start(origin.clone(), Some(path));
                start.contact = Some(contact.to_owned());
                let text = text(&start);
                let config = file::parse(text.as_bytes(), Path::new("epr-build.yml"));
                let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"));
                assert_eq!(config.layers["in_house"].paths, [PathBuf::from(path)], "{text}");
                // What is published is selected, wherever it comes from, and one's own packages are published all the same.
                let select = config.distributions["ours"].select.as_deref();
                assert_eq!(select, origin.as_ref().map(|_| "in_use"), "{text}");
                assert_eq!(config.layers["in_house"].whole, origin.is_some(), "{text}");
                match origin {
                    Some(Origin::Image(path)) => {
                        assert_eq!(config.layers["elastic"].paths, [PathBuf::from(path)], "{text}");
                        assert_eq!(config.selections["in_use"].kibana, [start.kibana[0].range], "{text}");
                    }
                    Some(Origin::Upstream(_)) => {
                        let mirror = config.layers[start.layer()].mirror.as_ref().unwrap();
                        assert_eq!(mirror.select.as_deref(), Some("in_use"), "{text}");
                    }
                    None => assert_eq!(config.layers.len(), 1),
                }
            }
        }
    }

    /// The Kibanas in use decide what is copied; without any, everything is.
    #[test]
    fn kibanas_become_a_selection() {
        for (versions, expected) in [
            (&[][..], 0),
            (&["9.1.0"], 1),
            (&["8.19.5", "9.1.0"], 2),
            (&["9.1.0", "9.1.0"], 1),
            (&["8.10"], 1),
            (&["8.2 - 8.4", "9"], 2),
        ] {
            let mut start = start(Some(Origin::Upstream(ELASTIC.to_owned())), None);
            start.kibana = versions.iter().map(|version| InUse::parse(version).unwrap()).collect();
            let text = text(&start);
            let config = file::parse(text.as_bytes(), Path::new("epr-build.yml")).unwrap();
            let mirror = config.layers["elastic"].mirror.as_ref().unwrap();
            assert_eq!(mirror.select.is_some(), expected > 0, "{text}");
            let ranges = config.selections.get("in_use").map_or(0, |selection| selection.kibana.len());
            assert_eq!(ranges, expected, "{text}");
            // What is written is what is meant: 8.10 is not 8.1, and stands for all its patches.
            let written = versions.iter().map(|version| InUse::parse(version).unwrap().range);
            let read = config.selections.get("in_use").map(|selection| selection.kibana.clone()).unwrap_or_default();
            assert!(written.clone().all(|range| read.contains(&range)), "{text}");
            assert_eq!(config.selections.get("in_use").map_or(1, |selection| selection.previous), 1, "{text}");
        }
    }

    #[test]
    fn scalars_stay_texts() {
        for (text, expected) in [
            ("in_house", "in_house"),
            ("/srv/a", "/srv/a"),
            ("https://epr.elastic.co", "https://epr.elastic.co"),
            ("http://127.0.0.1:9000/epr", "http://127.0.0.1:9000/epr"),
            ("yes", "\"yes\""),
            ("a: b", "\"a: b\""),
            ("1.2.3", "\"1.2.3\""),
            ("http://a: b", "\"http://a: b\""),
        ] {
            assert_eq!(scalar(text), expected);
        }
    }
}
