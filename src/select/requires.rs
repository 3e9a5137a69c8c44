//! What packages require of other packages, and requirements that nothing in a distribution meets.
//!
//! Kibana installs what `requires.content` names together with a package: the newest release that lies in the range
//! (`stepResolveDependencies` of Fleet). What `requires.input` names goes into a package when that is built, so no client
//! asks for it.

use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::base::words::{counted, few};
use crate::catalog::merge::{Catalog, Entry};
use crate::dialect::npm::Range;
use crate::dialect::version::Version;
use crate::package::SearchItem;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;

/// The key, as it stands in elements and manifests.
const KEY: &str = "requires";

/// What a package requires.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requires {
    /// Packages that Kibana installs with it.
    pub content: Vec<Need>,
    /// Packages that are put into it when it is built.
    pub input: Vec<Need>,
}

/// A package that is required.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Its name.
    pub package: String,
    /// The versions that will do, as they are written.
    pub version: String,
    /// The same, if it is a range.
    range: Option<Range>,
}

/// A requirement that no version meets as Kibana asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// What is required.
    pub need: Need,
    /// The versions of that package that there are, the newest first.
    pub there: Vec<Version>,
    /// Those that would do and are pre-releases, which Kibana does not take for it.
    pub prereleases: Vec<Version>,
}

impl Need {
    /// A need of some versions of a package.
    pub fn new(package: impl Into<String>, version: impl Into<String>) -> Self {
        let version = version.into();
        Self { package: package.into(), range: Range::parse(&version).ok(), version }
    }

    /// Returns true if this version will do; what is no range allows none.
    pub fn allows(&self, version: &Version) -> bool {
        self.range.as_ref().is_some_and(|range| range.allows(version))
    }

    /// Returns true if its versions are written as npm understands them.
    pub fn is_range(&self) -> bool {
        self.range.is_some()
    }
}

impl Requires {
    /// Reads `requires` of an element of a listing; nothing is required where it is absent.
    ///
    /// # Errors
    /// When it is of another form.
    pub fn of_item(item: &Value) -> Result<Self> {
        let requires = match item.get(KEY) {
            None | Some(Value::Null) => return Ok(Self::default()),
            Some(Value::Object(requires)) => requires,
            Some(_) => bail!("it is no mapping"),
        };
        let list = |key: &str| match requires.get(key) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(need).collect(),
            Some(_) => bail!("it is no list"),
        };
        let list = |key: &str| list(key).with_context(|| format!("`{key}`"));
        Ok(Self { content: list("content")?, input: list("input")? })
    }

    /// What the package of an element that was rendered here requires.
    pub fn of_rendered(item: &SearchItem) -> Self {
        // Most packages require nothing, and their elements need not be read.
        if !item.after_deprecated.contains("\"requires\"") {
            return Self::default();
        }
        let mut text = String::new();
        item.render(&mut text, |_| false, None);
        let value: Result<Value, _> = serde_json::from_str(&text);
        value.ok().and_then(|value| Self::of_item(&value).ok()).unwrap_or_default()
    }
}

fn need(value: &Value) -> Result<Need> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).with_context(|| format!("an element has no `{key}`"));
    Ok(Need::new(text("package")?, text("version")?))
}

/// The needs that none of the versions of their packages meets. Of each package `versions` gives all that there are, ascending,
/// with whether Kibana gets it only when it asks for pre-releases.
pub fn unmet(needs: &[Need], versions: impl Fn(&str) -> Vec<(Version, bool)>) -> Vec<Unmet> {
    let unmet = needs.iter().filter_map(|need| {
        let there = versions(&need.package);
        let fitting = || there.iter().filter(|(version, _)| need.allows(version));
        if fitting().any(|(_, is_prerelease)| !is_prerelease) {
            return None;
        }
        let prereleases = fitting().rev().map(|(version, _)| version.clone()).collect();
        Some(Unmet {
            need: need.clone(),
            there: there.iter().rev().map(|(version, _)| version.clone()).collect(),
            prereleases,
        })
    });
    unmet.collect()
}

/// What a version of a catalog requires for its installation, and nothing in the catalog meets.
pub fn unmet_in(catalog: &Catalog, entry: &Entry) -> Vec<Unmet> {
    let requires = Requires::of_rendered(&entry.record.item);
    unmet(&requires.content, |package| {
        // Kibana asks `/search`, which hidden versions are not in.
        let of_name = catalog.entries.iter().filter(|other| other.record.facts.name == package && !other.is_hidden());
        let facts = of_name.map(|other| &other.record.facts);
        facts.map(|facts| (facts.version.clone(), crate::answers::search::only_with_prerelease(facts))).collect()
    })
}

/// Warns of requirements that nothing in a distribution meets, once for all versions of a package that have the same.
pub fn unmet_requirements(distribution: &str, catalog: &Catalog) -> Vec<Problem> {
    let mut found: BTreeMap<(&str, String, String), (Unmet, Vec<&Entry>)> = BTreeMap::new();
    for entry in &catalog.entries {
        for unmet in unmet_in(catalog, entry) {
            let key = (entry.record.facts.name.as_str(), unmet.need.package.clone(), unmet.need.version.clone());
            found.entry(key).or_insert_with(|| (unmet, Vec::new())).1.push(entry);
        }
    }
    found.into_values().filter_map(|(unmet, entries)| problem(distribution, &unmet, &entries)).collect()
}

fn problem(distribution: &str, unmet: &Unmet, entries: &[&Entry]) -> Option<Problem> {
    let newest = entries.last()?;
    let others: Vec<String> =
        entries.iter().rev().skip(1).map(|entry| entry.record.facts.version.to_string()).collect();
    let others = if others.is_empty() { String::new() } else { format!(" (like {})", few(&others)) };
    let (name, version) = (&newest.record.facts.name, &newest.record.facts.version);
    let message =
        format!("{name} {version} requires {}{others}, and {}", unmet.what(), unmet.why(&format!("`{distribution}`")));
    let problem = Problem::new(Rule::UnmetRequirement, message).within(&newest.layer, &newest.package);
    Some(problem.file("manifest.yml").hint(unmet.remedy()))
}

impl Unmet {
    /// The package and the versions that will do.
    pub fn what(&self) -> String {
        format!("`{}` {}", self.need.package, self.need.version)
    }

    /// Why nothing meets it; `distribution` is how the distribution is called in a sentence.
    pub fn why(&self, distribution: &str) -> String {
        let Need { package, version, .. } = &self.need;
        let shown = |versions: &[Version]| few(&versions.iter().map(Version::to_string).collect::<Vec<_>>());
        if self.there.is_empty() {
            format!("{distribution} has no version of {package}")
        } else if !self.need.is_range() {
            format!("`{version}` is no range of versions, so none of {} fits", counted(self.there.len(), "version"))
        } else if self.prereleases.is_empty() {
            format!("{distribution} has {} alone", shown(&self.there))
        } else {
            format!(
                "{distribution} has only pre-releases that fit, {}, which Kibana does not take for it",
                shown(&self.prereleases)
            )
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        let Need { package, version, .. } = &self.need;
        match self.need.is_range() {
            true => format!("add a release of {package} that `{version}` allows to one of the layers, or mirror one"),
            false => format!("write the versions of {package} as npm does, for example `^1.2.0`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn requirements_are_read() {
        let item = json!({"requires": {"content": [{"package": "c", "version": "^1.0"}], "input": [{"package": "i", "version": "1.0.0"}]}});
        let expected = Requires { content: vec![Need::new("c", "^1.0")], input: vec![Need::new("i", "1.0.0")] };
        assert_eq!(Requires::of_item(&item).unwrap(), expected);
        for empty in
            [json!({}), json!({"requires": null}), json!({"requires": {}}), json!({"requires": {"content": null}})]
        {
            assert_eq!(Requires::of_item(&empty).unwrap(), Requires::default(), "{empty}");
        }
        for (item, reason) in [
            (json!({"requires": []}), "it is no mapping"),
            (json!({"requires": {"content": {}}}), "`content`: it is no list"),
            (json!({"requires": {"input": [{"package": "i"}]}}), "`input`: an element has no `version`"),
            (json!({"requires": {"input": [{"package": 1, "version": "1"}]}}), "`input`: an element has no `package`"),
        ] {
            assert_eq!(format!("{:#}", Requires::of_item(&item).unwrap_err()), reason);
        }
    }

    #[test]
    fn what_no_release_meets_is_told() {
        let versions = |package: &str| {
            let versions: &[(&str, bool)] = match package {
                "nginx_otel" => &[("0.0.1", false), ("0.0.2", false)],
                "later" => &[("1.0.0", false), ("1.1.0", false), ("2.0.0-beta", true)],
                _ => &[],
            };
            versions.iter().map(|(version, is_pre)| (Version::strict(version).unwrap(), *is_pre)).collect()
        };
        for (package, version, expected) in [
            ("nginx_otel", "^0.3.0", "d has 0.0.2, 0.0.1 alone"),
            ("nginx_otel", "0.0.x", ""),
            ("later", "^1.1.0", ""),
            (
                "later",
                "^2.0.0-alpha",
                "d has only pre-releases that fit, 2.0.0-beta, which Kibana does not take for it",
            ),
            ("later", "one", "`one` is no range of versions, so none of 3 versions fits"),
            ("other", "^1", "d has no version of other"),
        ] {
            let found = unmet(&[Need::new(package, version)], versions);
            let found: Vec<_> = found.iter().map(|unmet| unmet.why("d")).collect();
            assert_eq!(found.join(";"), expected, "{package} {version}");
        }
    }
}
