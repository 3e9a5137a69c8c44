//! Judges what is held: again when the layer has another policy or other keys than when that was done the last time, and folders
//! that count as versions.

use super::check::{self, Expected};
use super::deliver::{first_line, said};
use super::entry::State;
use super::holdings::Holdings;
use super::outcome::Event;
use super::place;
use super::plan::id;
use super::record::Counts;
use super::session::Run;
use super::wanted::Wanted;
use crate::base::fs;
use crate::openpgp::MOST_SIGNATURE_BYTES;
use anyhow::Result;
use rayon::prelude::*;

impl Run<'_> {
    /// Judges the signatures of all that is held, unless that was done by the same policy and keys before.
    pub(super) fn judge_again(&mut self, holdings: &Holdings) -> Result<()> {
        let judged_by = Some(self.site.trust.digest());
        if self.record.head.judged_by == judged_by {
            return Ok(());
        }
        let held: Vec<_> = self.record.versions.iter().filter(|(_, entry)| entry.is_held()).collect();
        self.progress.begin("judging signatures", held.len() as u64);
        let (site, progress) = (&self.site, self.progress);
        let judged = held.par_iter().map(|(key, entry)| {
            progress.step();
            // What is damaged is told as such.
            let Some(zip) = holdings.zips.get(&id(key)).filter(|zip| zip.harm(entry).is_none()) else {
                return Ok(None);
            };
            let path = site.root.join(&zip.path);
            let signature = if zip.is_signed {
                // One that is too long is judged as one of nothing.
                Some(fs::read_at_most(&place::signature_of(&path), MOST_SIGNATURE_BYTES)?.unwrap_or_default())
            } else {
                None
            };
            Ok(Some(((*key).clone(), site.trust.judge(signature.as_deref(), &path)?)))
        });
        let judged = judged.collect::<Result<Vec<_>>>()?;
        for (key, judged) in judged.into_iter().flatten() {
            let warnings = judged.warnings.into_iter().map(|warning| Event::new(said(&key), warning, None));
            self.outcome.warnings.extend(warnings);
            if let Some(entry) = self.record.versions.get_mut(&key) {
                entry.signature = Some(judged.words);
                entry.unfit = judged.refused.as_deref().map(first_line);
            }
        }
        self.record.head.judged_by = judged_by;
        Ok(())
    }

    /// Takes version folders that are wanted and are no packages out of what the layer holds: they are fetched as zips, which
    /// count before folders.
    pub(super) fn judge_folders(&mut self, holdings: &mut Holdings, wanted: &Wanted) {
        let site = &self.site;
        for key in wanted.versions.keys().filter(|key| !holdings.zips.contains_key(&id(key))) {
            let Some(candidate) = holdings.folder_candidates.get(&id(key)) else { continue };
            let expected = Expected { layer: &site.layer, key, format_version: None, limits: site.limits };
            if let Err(why) = check::folder(candidate, &expected) {
                let place = candidate.path.display().to_string();
                let why = format!(
                    "its folder in the layer is no package, and does not count: {why}\nhint: remove the folder"
                );
                self.outcome.warnings.push(Event::new(said(key), why, Some(place)));
                holdings.folders.remove(&id(key));
            }
        }
    }

    /// Tells the numbers of the last run again.
    pub(super) fn tell_counts(&mut self, before: Option<Counts>) {
        let listed = || self.record.versions.values().filter(|entry| entry.state != State::GoneUpstream);
        let Counts { listed, wanted, held } = before.unwrap_or_else(|| Counts {
            listed: self.record.head.upstreams.values().map(|listed| listed.versions).sum(),
            wanted: listed().count(),
            held: listed().filter(|entry| entry.is_held()).count(),
        });
        (self.outcome.listed, self.outcome.wanted, self.outcome.held) = (listed, wanted, held);
        self.count_kept();
    }

    /// Counts what the layer holds although no upstream lists it.
    pub(super) fn count_kept(&mut self) {
        self.outcome.kept = self.record.versions.values().filter(|entry| entry.state == State::GoneUpstream).count();
    }

    /// Tells what is held and would be refused if it came now, in every run until somebody decides.
    pub(super) fn tell_unfit(&mut self) {
        for (key, entry) in self.record.versions.iter().filter(|(_, entry)| entry.is_held()) {
            let what = said(key);
            if let Some(why) = &entry.unfit
                && !self.outcome.refused.iter().any(|event| event.what == what)
            {
                let hint = "hint: move it away, or change `signatures` or `keys` of the layer";
                let why = format!("it is held, and would be refused if it came now: {why}\n{hint}");
                self.outcome.refused.push(Event::new(what, why, None).lasting());
            }
        }
    }
}
