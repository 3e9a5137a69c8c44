//! Finds out what selections ask for and no listing tells: which Kibanas read the format of a version.
//!
//! Few versions are asked for their documents, which tell the format itself. Of many one listing is asked for each bound that
//! Kibanas send: which of them have a version says between which bounds its format lies, and no Kibana asks for more. A
//! registry that does not answer these is asked for documents all the same. What was found out is kept for ever.

use super::facts::{self, FactsTable, FormatClass, Key};
use super::fault::Fault;
use super::listings::{self, Hindrance, LISTING, MOST_DOCUMENTS};
use super::scan::BOUNDS;
use super::session::{Mode, Run, answering};
use super::transport::Transport;
use super::wanted::{Standing, Wanted};
use super::{fetch, listing};
use crate::config::routing::branches;
use crate::package::Spec;
use std::collections::{BTreeMap, BTreeSet};

/// The bounds that Kibanas send.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SpecBounds {
    /// Ascending.
    least: Vec<Spec>,
    /// Ascending.
    most: Vec<Spec>,
}

impl SpecBounds {
    fn in_use() -> Self {
        let of = |bound: fn(&crate::config::routing::Client) -> Option<Spec>| {
            branches().iter().filter_map(bound).collect::<BTreeSet<_>>().into_iter().collect()
        };
        Self { least: of(|client| client.spec_min), most: of(|client| client.spec_max) }
    }

    /// The bounds in words: what was found out by others says nothing of these.
    fn text(&self) -> String {
        let list = |bounds: &[Spec]| bounds.iter().map(shown).collect::<Vec<_>>().join(",");
        format!("spec.min={} spec.max={}", list(&self.least), list(&self.most))
    }

    /// A format that all Kibanas treat as that of a version which the listings of these places have. Nothing if they
    /// contradict each other.
    fn class(&self, has_least: &[bool], has_most: &[bool]) -> Option<Spec> {
        // Who has a version with a lower bound has it with all that are lower, and the other way round.
        let is_sorted = has_least.is_sorted_by(|a, b| a >= b) && has_most.is_sorted();
        let from = self.least.iter().zip(has_least).filter(|(_, has)| **has).map(|(bound, _)| *bound).next_back();
        let below = self.least.iter().zip(has_least).find(|(_, has)| !**has).map(|(bound, _)| *bound);
        let to = self.most.iter().zip(has_most).find(|(_, has)| **has).map(|(bound, _)| *bound);
        let above = self.most.iter().zip(has_most).filter(|(_, has)| !**has).map(|(bound, _)| *bound).next_back();
        let spec = match (below, to, above) {
            (Some(below), ..) => before(below),
            (None, Some(to), _) => to,
            (None, None, Some(above)) => Spec { minor: above.minor + 1, ..above },
            (None, None, None) => from?,
        };
        let fits = from.is_none_or(|from| spec >= from)
            && to.is_none_or(|to| spec <= to)
            && above.is_none_or(|above| spec > above);
        (is_sorted && fits).then_some(spec)
    }
}

/// The highest format below a bound.
fn before(bound: Spec) -> Spec {
    match bound.minor.checked_sub(1) {
        Some(minor) => Spec { minor, ..bound },
        None => Spec { major: bound.major.saturating_sub(1), minor: 999 },
    }
}

fn shown(spec: &Spec) -> String {
    format!("{}.{}", spec.major, spec.minor)
}

/// Drops what was found out by other bounds than Kibanas send now.
pub(super) fn forget_other_bounds(facts: &mut FactsTable) {
    let bounds = SpecBounds::in_use().text();
    for facts in facts.values_mut() {
        facts.format_class = facts.format_class.take().filter(|class| class.bounds == bounds);
    }
}

impl Run<'_> {
    /// Chooses, and asks upstreams for what the choice depends on and nobody told yet.
    pub(super) async fn choose(&mut self, facts: &mut FactsTable) -> Result<Wanted, Hindrance> {
        forget_other_bounds(facts);
        let (mut asked, mut wrong) = (BTreeSet::new(), BTreeSet::new());
        loop {
            let mut wanted = self.choose_by(facts)?;
            // Of every package that is taken all versions count, since one that is not taken may be newer.
            let choice = wanted.choice.iter().flat_map(|choice| choice.versions.keys());
            let names: BTreeSet<&str> = choice.map(|(name, _)| name.as_str()).collect();
            let is_open = |(key, facts): &(&Key, &facts::Facts)| {
                facts.is_given()
                    && facts.known_format().is_none()
                    && names.contains(key.0.as_str())
                    && !asked.contains(*key)
            };
            let open: Vec<Key> = facts.iter().filter(is_open).map(|(key, _)| key.clone()).collect();
            if open.is_empty() {
                wrong.iter().for_each(|key| drop(wanted.versions.remove(key)));
                return Ok(wanted);
            }
            wrong.extend(self.ask_formats(&open, asked.len(), facts).await?);
            asked.extend(open);
            if matches!(self.request.mode, Mode::Fetch) {
                facts::write(&self.workshop.folder, facts)?;
            }
        }
    }

    /// Chooses by what is known.
    pub(super) fn choose_by(&self, facts: &FactsTable) -> anyhow::Result<Wanted> {
        let layer = Standing { is_held: &|key| self.holds(key), is_out: &|key| self.is_out(key) };
        self.wants.wanted(facts, &layer, self.request.only)
    }

    /// Asks each upstream for formats of the versions that it gives; returns those whose documents are wrong.
    async fn ask_formats(&mut self, open: &[Key], asked: usize, facts: &mut FactsTable) -> Result<Vec<Key>, Hindrance> {
        let mut wrong = Vec::new();
        for transport in answering(&self.transports, &self.silent) {
            let is_its = |key: &&Key| facts.get(*key).is_some_and(|facts| facts.upstream == transport.name);
            let own: Vec<Key> = open.iter().filter(is_its).cloned().collect();
            let are_many = asked + own.len() > MOST_DOCUMENTS;
            if own.is_empty() || (are_many && classify(transport, &own, facts).await?) {
                continue;
            }
            wrong.extend(listings::documents(transport, &own, facts, &mut self.outcome).await?);
        }
        Ok(wrong)
    }
}

/// Notes of versions between which bounds their formats lie. Returns false if the upstream does not answer such a question.
async fn classify(transport: &Transport, keys: &[Key], facts: &mut FactsTable) -> Result<bool, Hindrance> {
    let classes = match classes(transport, keys).await {
        Ok(classes) => classes,
        Err(Fault::Status(_) | Fault::Unfit(_)) => return Ok(false),
        Err(fault) => return Err(listings::hindrance(fault, &transport.name, LISTING)),
    };
    let bounds = SpecBounds::in_use().text();
    for (key, spec) in classes {
        if let Some(facts) = facts.get_mut(&key) {
            facts.format_class = Some(FormatClass { spec, bounds: bounds.clone() });
        }
    }
    Ok(true)
}

/// A format for each version that lies between the same bounds of Kibanas as its own, by one listing for each bound. Versions of
/// which the listings contradict each other have none.
pub(super) async fn classes(transport: &Transport, keys: &[Key]) -> Result<BTreeMap<Key, String>, Fault> {
    let bounds = SpecBounds::in_use();
    let asked = bounds.least.iter().map(|bound| format!("spec.min={}", shown(bound)));
    let asked = asked.chain(bounds.most.iter().map(|bound| format!("spec.max={}", shown(bound))));
    let mut listings: Vec<BTreeSet<Key>> = Vec::new();
    for bound in asked {
        let url = transport.address(&format!("{LISTING}&{bound}"))?;
        let stash = fetch::listing(transport, &url, BOUNDS.bytes).await?;
        let unfit = |why: String| Fault::Unfit(why);
        let text = stash.text().map_err(|error| unfit(format!("it cannot be unpacked: {error}")))?;
        let read = listing::read(text, &transport.name, &BOUNDS).map_err(|error| unfit(error.to_string()))?;
        listings.push(read.versions.into_keys().collect());
    }
    let (least, most) = listings.split_at(bounds.least.len());
    let has = |listings: &[BTreeSet<Key>], key: &Key| listings.iter().map(|one| one.contains(key)).collect::<Vec<_>>();
    let class = |key: &Key| Some((key.clone(), shown(&bounds.class(&has(least, key), &has(most, key))?)));
    Ok(keys.iter().filter_map(class).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> Spec {
        let (major, minor) = text.split_once('.').unwrap();
        Spec { major: major.parse().unwrap(), minor: minor.parse().unwrap() }
    }

    /// Whatever format a version has: what stands for it passes the same bounds.
    #[test]
    fn what_stands_for_a_format_passes_the_same_bounds() {
        let bounds = SpecBounds::in_use();
        assert!(bounds.least.len() + bounds.most.len() <= 6, "no more listings are asked for: {bounds:?}");
        for (format, expected) in [
            ("1.0", "2.2"),
            ("2.2", "2.2"),
            ("2.3", "3.0"),
            ("2.12", "3.0"),
            ("3.0", "3.0"),
            ("3.1", "3.3"),
            ("3.4", "3.4"),
            ("3.6", "3.6"),
            ("3.7", "3.7"),
            ("4.1", "3.7"),
        ] {
            let format = spec(format);
            let least: Vec<_> = bounds.least.iter().map(|bound| format >= *bound).collect();
            let most: Vec<_> = bounds.most.iter().map(|bound| format <= *bound).collect();
            let class = bounds.class(&least, &most).unwrap();
            assert_eq!(shown(&class), expected);
            assert!(bounds.least.iter().map(|bound| class >= *bound).eq(least), "{format:?}");
            assert!(bounds.most.iter().map(|bound| class <= *bound).eq(most), "{format:?}");
        }
    }

    /// A listing that was cut short must not make a version one that some Kibanas cannot read.
    #[test]
    fn listings_that_contradict_each_other_say_nothing() {
        let bounds = SpecBounds { least: vec![spec("2.3")], most: vec![spec("3.0"), spec("3.3"), spec("3.4")] };
        for (least, most) in
            [([true], [true, false, true]), ([true], [true, true, false]), ([false], [false, true, true])]
        {
            assert_eq!(bounds.class(&least, &most), None, "{least:?} {most:?}");
        }
        assert_eq!(bounds.class(&[false], &[true, true, true]), Some(spec("2.2")));
    }
}
