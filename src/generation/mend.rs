//! Mends what a distribution notes beside its generations, and says what is damaged there.
//!
//! Everything here is small, so it is read at every build: the link to the generation in use, the log of uses, the history,
//! the advice and the exceptions.

use crate::base::fs::{self, Scrutiny, is_dated};
use crate::generation::distribution::{ADVICE, Distribution};
use crate::generation::history_page;
use crate::generation::uses::{self, Switch};
use anyhow::Result;

impl Distribution {
    /// Returns true if the log is as it was written, and tells of this generation.
    pub fn is_logged(&self, id: &str) -> bool {
        uses::proves(&self.log(), id)
    }

    /// Puts the log right, if that is needed; `by` is what is known of the switch to the generation in use.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn mend_log(&self, by: Switch) -> Result<()> {
        match self.current() {
            Some(current) if !uses::is_intact(&self.log(), &current) => uses::mend(&self.log(), &current, by),
            _ => Ok(()),
        }
    }

    /// Puts right what a look tells: the link to the generation in use and the log of uses, each from the other, and more.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn mend_records(&self) -> Result<()> {
        let in_use = self.current().filter(|id| self.has(id));
        let Some(current) = in_use.clone().or_else(|| self.used().into_iter().rev().find(|id| self.has(id))) else {
            return Ok(());
        };
        if in_use.is_none() {
            self.lead_to(&current)?;
        }
        self.mend_log(Switch::Build)?;
        if let Some(report) = self.report(&current) {
            self.keep_exceptions(&report.exceptions)?;
        }
        let advice = self.folder().join(ADVICE);
        if advice.exists() && !is_dated(&advice, Scrutiny::Read) {
            // What was said is of the past; a build that changes something says more.
            fs::remove_file(&advice)?;
        }
        self.mend_releases(Scrutiny::Look)?;
        if !history_page::is_intact(self) && self.releases().is_ok() {
            history_page::write(self)?;
        }
        Ok(())
    }

    /// What is damaged or lost of the same, one line each.
    pub fn record_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let Some(current) = self.current().filter(|id| self.has(id)) else {
            return vec![format!("{} leads to no generation", self.current_link().display())];
        };
        if !uses::is_intact(&self.log(), &current) {
            faults.push(format!("{} is damaged, or does not end with the generation in use", self.log().display()));
        }
        let advice = self.folder().join(ADVICE);
        if advice.exists() && !is_dated(&advice, Scrutiny::Read) {
            faults.push(format!("{} is damaged: its content does not fit its time", advice.display()));
        }
        if !history_page::is_intact(self) {
            faults.push(format!("{} is damaged or lost", self.folder().join(history_page::FILE).display()));
        }
        let kept = self.exceptions_with(&[], "");
        let lost = self.report(&current).is_some_and(|report| report.exceptions.iter().any(|one| !kept.contains(one)));
        if lost {
            faults.push(format!("{} has lost exceptions", self.folder().display()));
        }
        faults
    }
}
