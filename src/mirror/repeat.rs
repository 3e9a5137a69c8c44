//! Runs that ask for no listing: by a plan that was written before, by the record, and by the facts of the last one.

use super::audit;
use super::deliver::said;
use super::demands::{Demands, Teller};
use super::facts;
use super::facts::Key;
use super::index::ToldTable;
use super::leftovers;
use super::listings::Hindrance;
use super::outcome::Event;
use super::plan::{Fetch, id};
use super::record::{Head, RECORD};
use super::session::{Run, key_of};
use anyhow::Result;
use std::collections::BTreeSet;

impl Run<'_> {
    /// A run by a plan.
    pub(super) async fn apply(&mut self, fetches: &[Fetch]) -> Result<(), Hindrance> {
        let holdings = self.holdings()?;
        let facts = facts::read(&self.workshop.folder)?;
        let is_unknown = |fetch: &&Fetch| !self.transports.iter().any(|one| one.name == fetch.upstream);
        if let Some(fetch) = fetches.iter().find(is_unknown) {
            let (layer, Fetch { name, version, upstream, .. }) = (&self.outcome.layer, fetch);
            return Err(anyhow::anyhow!(
                "the plan takes {name} {version} from `{upstream}`, which is no upstream of layer `{layer}`\n\
                 hint: make the plan anew"
            )
            .into());
        }
        let is_missing = |fetch: &&Fetch| {
            fetch.only_signature || !holdings.zips.contains_key(&format!("{}-{}", fetch.name, fetch.version))
        };
        let missing: Vec<_> = fetches.iter().filter(is_missing).cloned().collect();
        self.outcome.wanted = fetches.len();
        self.outcome.plan.clone_from(&missing);
        let ended = self.fetch_all(&missing, |key| Demands::of(facts.get(key), Teller::Plan)).await;
        let is_whole = |fetch: &&Fetch| {
            let key = key_of(fetch);
            let zip = key.as_ref().and_then(|key| holdings.zips.get(&id(key)));
            let entry = key.as_ref().and_then(|key| self.record.versions.get(key));
            zip.is_some_and(|zip| entry.is_none_or(|entry| zip.harm(entry).is_none()))
        };
        let mirrored = self.mirrored();
        let new = self.outcome.plan.iter().filter(|fetch| !fetch.only_signature).filter_map(key_of);
        let new = new.filter(|key| mirrored.contains(key)).count();
        self.outcome.held = fetches.iter().filter(is_whole).count() + new;
        let head = Head { settled: false, ..self.record.head.clone() };
        let kept = self.keep(head, &facts, &[]);
        self.tell_changed();
        ended?;
        Ok(kept?)
    }

    /// A run by the record.
    pub(super) async fn locked(&mut self) -> Result<(), Hindrance> {
        let record = self.record.clone();
        let held: Vec<_> = record.versions.iter().filter(|(_, entry)| entry.is_held()).collect();
        if held.is_empty() {
            return Err(anyhow::anyhow!(
                "{} holds no version\nhint: run once without --locked, and keep the file that it writes",
                self.workshop.folder.join(RECORD).display()
            )
            .into());
        }
        if let Some((key, _)) = held.iter().find(|(_, entry)| entry.sha256.is_none()) {
            return Err(anyhow::anyhow!(
                "{} has no `sha256` for {}, so nothing says which zip is demanded\n\
                 hint: take the record from a backup or repository",
                self.workshop.folder.join(RECORD).display(),
                said(key)
            )
            .into());
        }
        let holdings = self.workshop.holdings()?;
        let mut missing = Vec::new();
        for (key, entry) in &held {
            let upstream = entry.upstream.clone().filter(|name| self.transports.iter().any(|one| one.name == *name));
            match (holdings.zips.get(&id(key)), upstream) {
                (Some(_), _) => {}
                (None, Some(upstream)) => missing.push(Fetch {
                    name: key.0.clone(),
                    version: key.1.to_string(),
                    upstream,
                    signed: entry.signature_sha256.is_some(),
                    only_signature: false,
                    why: "the record demands it".to_owned(),
                    ..Fetch::default()
                }),
                (None, None) => {
                    let why = "the record demands it, from an upstream that the layer does not have";
                    self.outcome.refused.push(Event::new(said(key), why, None));
                }
            }
        }
        let damaged = audit::compare(self, &held, &holdings)?;
        self.judge_again(&holdings)?;
        // Where others sign what the layer holds, signatures come after the record.
        let unsigned = held.iter().filter(|(_, entry)| entry.signature_sha256.is_none());
        for (key, _) in unsigned.filter(|_| !self.site.trust.leaves_signing_to_others()) {
            if holdings.zips.get(&id(key)).is_some_and(|zip| zip.is_signed) {
                let why = "a signature lies beside its zip, and the record has none\nhint: move it away";
                self.outcome.refused.push(Event::new(said(key), why, None));
            }
        }
        let recorded: BTreeSet<String> = held.iter().map(|(key, _)| id(key)).collect();
        for id in holdings.zips.keys().filter(|id| !recorded.contains(*id)) {
            self.outcome.warnings.push(Event::new(id.clone(), "it lies in the layer, and is not in the record", None));
        }
        self.outcome.wanted = held.len();
        self.outcome.plan.clone_from(&missing);
        let demands = |key: &Key| {
            let entry = record.versions.get(key);
            let digests = entry.and_then(|entry| Some((entry.sha256?, entry.signature_sha256)));
            let format_version = entry.and_then(|entry| entry.format_version.clone());
            Demands { format_version, digests, teller: Teller::Record, ..Demands::default() }
        };
        let ended = self.fetch_all(&missing, demands).await;
        let there = held.iter().filter(|(key, _)| holdings.zips.contains_key(&id(key))).count();
        self.outcome.held = there - damaged + self.outcome.mirrored.len();
        self.tell_unfit();
        // The record is what was demanded, and stays so to the byte.
        self.write_log(&[])?;
        record.write(&self.workshop.folder)?;
        leftovers::tidy(&self.workshop, &record, self.request.now, &mut self.outcome.cleared)?;
        ended
    }

    /// A run that asks for nothing.
    pub(super) fn offline(&mut self) -> Result<()> {
        let facts = facts::read(&self.workshop.folder)?;
        let mut holdings = self.holdings()?;
        let wanted = self.choose_by(&facts)?;
        self.judge_again(&holdings)?;
        self.judge_folders(&mut holdings, &wanted);
        let plan = self.plan(&facts, &wanted, &holdings, &ToldTable::new());
        self.outcome.listed = facts.values().filter(|facts| facts.listed).count();
        self.take_over(&plan, &wanted);
        let told = self.tell_selection(&wanted, &facts, &ToldTable::new());
        self.outcome.warnings.extend(told);
        self.count_kept();
        for fetch in &plan.fetch {
            let what = format!("{} {}", fetch.name, fetch.version);
            let is_lost = || key_of(fetch).and_then(|key| self.record.versions.get(&key)?.signature_sha256).is_some();
            match fetch.only_signature {
                false => {
                    self.outcome.refused.push(Event::new(what, format!("it is not held: {}", fetch.why), None));
                }
                // One that never was there is not missed.
                true if is_lost() => self.outcome.refused.push(Event::new(what, fetch.why.clone(), None)),
                true => {}
            }
        }
        self.tell_unfit();
        self.tell_changed();
        Ok(())
    }
}
