//! From a choice that was made to what is told of it.

use super::choice::Choice;
use super::chooser::{Chooser, Place};
use super::reason::{Asks, Reason};
use super::{law, left_out};
use crate::base::words::counted;
use crate::config::selection::KibanaRange;

/// Ends the choice.
pub(super) fn finish(mut chooser: Chooser<'_>) -> Choice {
    chooser.chosen.values_mut().for_each(|reasons| *reasons = tidied(std::mem::take(reasons)));
    let losses = law::losses(&chooser);
    let left_out = left_out::all(&chooser);
    let suggestions = chooser.suggestions();
    warn_of_formats(&mut chooser);
    let key = |place: Place| {
        let facts = chooser.facts(place);
        facts.key()
    };
    let versions = chooser.chosen.iter().map(|(place, reasons)| (key(*place), reasons.clone())).collect();
    Choice {
        versions,
        left_out,
        losses,
        rules: chooser.tallies,
        missing: chooser.missing,
        warnings: chooser.warnings.into_iter().collect(),
        idle: chooser.idle,
        suggestions,
    }
}

/// What is not known may be wrong for a Kibana that reads only some formats.
fn warn_of_formats(chooser: &mut Chooser<'_>) {
    let is_known = |(package, version): &&Place| chooser.packages.all[*package].versions[*version].is_format_known;
    let unknown = chooser.chosen.keys().filter(|place| !is_known(place)).count();
    if unknown > 0 {
        chooser.warnings.insert(format!(
            "the format of {} is not known, so it is taken for one that every Kibana reads\n\
             hint: `epr-build mirror` asks for it",
            counted(unknown, "version")
        ));
    }
}

/// Joins ranges that touch, and what is the same for both kinds of questions.
fn tidied(reasons: Vec<Reason>) -> Vec<Reason> {
    let mut tidy: Vec<Reason> = Vec::new();
    for mut reason in reasons {
        reason.kibana = KibanaRange::joined(reason.kibana);
        let twin = tidy
            .iter_mut()
            .find(|other| other.cause == reason.cause && other.kibana == reason.kibana && other.asks != reason.asks);
        match twin {
            Some(twin) => twin.asks = Asks::Either,
            None => tidy.push(reason),
        }
    }
    let mut joined: Vec<Reason> = Vec::new();
    for reason in tidy {
        match joined.iter_mut().find(|other| other.cause == reason.cause && other.asks == reason.asks) {
            Some(known) => {
                let ranges = known.kibana.iter().chain(&reason.kibana).copied().collect();
                known.kibana = KibanaRange::joined(ranges);
            }
            None => joined.push(reason),
        }
    }
    joined
}
