//! Reads answers of Kibana that somebody saved: with curl, from a browser, from a support diagnostic. No file says by which
//! address it was given, so its shape does.

use super::answer::{Answer, Page, Statement, recognise};
use super::gather::{Gathered, Heard, Imported};
use super::import::version;
use crate::base::shown::printable;
use crate::dialect::version::Version;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a site from saved answers, each with the name of its file.
///
/// # Errors
/// When a file is no answer that is of use.
pub fn import(files: &[(String, Vec<u8>)], told: Option<Version>, (site, taken): (&str, u64)) -> Result<Imported> {
    let mut gathered = Gathered::new();
    let (mut stored, mut installed, mut policies) = (Vec::new(), Vec::new(), Vec::new());
    let mut shown: Option<Vec<Statement>> = None;
    let mut versions = BTreeSet::new();
    for (file, bytes) in files {
        let hint = "hint: save what Kibana answers, unchanged; docs/guides/keep.md has the commands";
        let value: Value = serde_json::from_slice(bytes).with_context(|| format!("`{file}` is no JSON\n{hint}"))?;
        match recognise(&value) {
            Some(Answer::Stored(page)) => stored.push(page),
            Some(Answer::Installed(page)) => installed.push(page),
            Some(Answer::Policies(page)) => policies.push(page),
            Some(Answer::Shown(items)) => {
                let all = shown.get_or_insert_with(Vec::new);
                let new: Vec<_> = items.into_iter().filter(|item| !all.contains(item)).collect();
                all.extend(new);
            }
            Some(Answer::Status(number)) => versions.extend(number.as_deref().and_then(version)),
            Some(Answer::Settings(prerelease)) => gathered.prerelease = prerelease,
            Some(Answer::KeyId(id)) => {
                gathered.key = id.filter(|id| id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
            }
            Some(Answer::Spaces(_)) => {}
            Some(Answer::Refusal(status, message)) => {
                let message = printable(&message, 200);
                bail!(
                    "`{file}` is a refusal of Kibana and no answer: {status} {message}\nhint: ask with a key that may read it, or leave the file out"
                )
            }
            None => bail!("`{file}` is no answer that is known\n{hint}"),
        }
    }
    if versions.len() > 1 {
        let versions: Vec<_> = versions.iter().map(Version::as_str).collect();
        bail!("the files are of several Kibanas: {}\nhint: write a keep file for each", versions.join(", "));
    }
    gathered.kibana = versions.pop_first().or(told);
    gathered.stored = joined(stored);
    gathered.installed = joined(installed);
    gathered.policies = joined(policies);
    gathered.shown = shown.map_or(Heard::Absent, Heard::Whole);
    let has_any = [&gathered.stored, &gathered.shown, &gathered.installed].iter().any(|list| **list != Heard::Absent);
    if !has_any && gathered.policies == Heard::Absent {
        bail!(
            "none of the files lists packages\nhint: save at least the stored packages and the policies; docs/guides/keep.md has the commands"
        );
    }
    Ok(gathered.conclude(site, taken))
}

/// The parts of a list, or of the lists of several spaces. Whole is a list if of each total that is promised all parts are
/// there and as many elements.
fn joined<T>(pages: Vec<Page<T>>) -> Heard<T> {
    if pages.is_empty() {
        return Heard::Absent;
    }
    let mut groups: BTreeMap<(u64, u64), Vec<Page<T>>> = BTreeMap::new();
    for page in pages {
        let per_page = page.per_page.unwrap_or_default();
        groups.entry((page.total, per_page)).or_default().push(page);
    }
    let (mut all, mut short) = (Vec::new(), Vec::new());
    for ((total, per_page), pages) in groups {
        let numbers: BTreeSet<u64> = pages.iter().filter_map(|page| page.number).collect();
        let items: BTreeMap<String, T> = pages.into_iter().flat_map(|page| page.items).collect();
        let parts = if per_page == 0 { 1 } else { total.div_ceil(per_page).max(1) };
        let lacks_part = !numbers.is_empty() && (1..=parts).any(|number| !numbers.contains(&number));
        if (items.len() as u64) < total || lacks_part {
            short.push(format!("came short: {total} were promised, and {} came", items.len()));
        }
        all.extend(items.into_values());
    }
    if short.is_empty() { Heard::Whole(all) } else { Heard::Broken(short.join(", "), all) }
}
