//! Tables and scenes for plans: what is known, and what a run would do.

use super::super::facts::Facts;
use super::super::holdings::HeldZip;
use super::super::wanted::{Standing, Wants};
use super::*;
use crate::edit::PackageSelector;

/// All that is listed; with `only`, those of them that it names.
fn wanted(facts: &FactsTable, only: &[PackageSelector]) -> Wanted {
    let layer = Standing { is_held: &|_| false, is_out: &|_| false };
    Wants::default().wanted(facts, &layer, only).unwrap()
}

fn key(version: &str) -> Key {
    ("a".to_owned(), Version::strict(version).unwrap())
}

fn facts(versions: &[(&str, bool)]) -> FactsTable {
    let facts = |listed| Facts {
        upstream: "up".to_owned(),
        listed,
        hidden: false,
        signed: true,
        format_version: None,
        format_class: None,
        bytes: None,
        license: None,
        item: String::new(),
    };
    versions.iter().map(|(version, listed)| (key(version), facts(*listed))).collect()
}

fn entry(state: State, signature: Option<&str>) -> Entry {
    Entry {
        signature: signature.map(str::to_owned),
        upstream: Some("up".to_owned()),
        ..Entry::new(state, String::new())
    }
}

fn terms(is_named: bool, told: &ToldTable) -> Terms<'_> {
    let trust = Digest::of(b"trust");
    Terms {
        wants_signatures: true,
        needs_signatures: false,
        is_named,
        tries_again: is_named,
        trust,
        now: 1_000_000,
        told,
    }
}

/// What was refused rests for a day, unless it is listed otherwise, judged otherwise, or named.
#[test]
fn what_was_refused_rests_for_a_day() {
    let facts = facts(&[("1.0.0", true)]);
    let told = |size| Told { upstream: "up".to_owned(), size, sha256: Digest::of(b"zip"), signature: None };
    let (before, now) = (ToldTable::from([(key("1.0.0"), told(3))]), ToldTable::from([(key("1.0.0"), told(4))]));
    let plan =
        |record: &Record, terms: &Terms<'_>| plan(&facts, &wanted(&facts, &[]), record, &Holdings::default(), terms);
    let first = plan(&Record::default(), &terms(false, &before)).fetch.remove(0);
    assert_eq!((first.bytes, first.sha256), (Some(3), Some(Digest::of(b"zip"))));
    let refused = |at, state| {
        let refusal = first.terms.map(|terms| super::super::record::Refusal { at, terms });
        Record { versions: [(key("1.0.0"), Entry { refusal, ..entry(state, None) })].into(), ..Record::default() }
    };
    let day = 24 * 60 * 60;
    for (at, terms, rests) in [
        (1_000_000, terms(false, &before), true),
        (1_000_001 - day, terms(false, &before), true),
        (1_000_000 - day, terms(false, &before), false),
        (1_000_001, terms(false, &before), false),
        (1_000_000, terms(false, &now), false),
        (1_000_000, terms(true, &before), false),
        (1_000_000, Terms { trust: Digest::of(b"other"), ..terms(false, &before) }, false),
    ] {
        let plan = plan(&refused(at, State::Refused), &terms);
        assert_eq!((plan.later.len(), plan.fetch.len()), (usize::from(rests), usize::from(!rests)), "{at}");
    }
    assert_eq!(plan(&refused(1_000_000, State::Held), &terms(false, &before)).later.len(), 0);
}

/// One version in every combination of record, layer and listing, and what is done about it.
#[test]
fn every_state_of_a_version_has_its_consequence() {
    let held = Some(entry(State::Held, None));
    let gone = Some(entry(State::GoneUpstream, None));
    let refused = Some(entry(State::Refused, None));
    let unsigned = Some(entry(State::Held, Some("bad: is in text mode")));
    let sized = Some(Entry { size: Some(4), ..entry(State::Held, None) });
    let signed_as = |state| Some(Entry { signature_sha256: Some(Digest::of(b"signature")), ..entry(state, None) });
    let (signed, changed) = (signed_as(State::Held), signed_as(State::Changed));
    for (is_listed, recorded, on_disk, expected) in [
        (true, None, "nothing", "fetch: it is new"),
        (true, refused.clone(), "nothing", "fetch: it was refused before"),
        (true, held.clone(), "nothing", "fetch: it lies no more in the layer"),
        (true, held.clone(), "signed", ""),
        (true, held.clone(), "unsigned", "signature"),
        (true, unsigned, "unsigned", ""),
        (true, None, "signed", "adopt"),
        (true, refused, "signed", "adopt"),
        (true, None, "folder", ""),
        (true, gone.clone(), "signed", "back"),
        (true, held.clone(), "taken out", "taken out"),
        (true, None, "taken out", "taken out"),
        (true, None, "pruned", "fetch: it is new"),
        (true, held.clone(), "pruned", "fetch: it lies no more in the layer"),
        (false, held.clone(), "pruned", "taken out"),
        (false, held.clone(), "signed", "gone"),
        (false, gone, "signed", ""),
        (false, held.clone(), "nothing", "lost"),
        (false, held.clone(), "taken out", "taken out"),
        (false, None, "nothing", ""),
        (true, sized.clone(), "signed", "damaged"),
        (true, sized, "unsigned", "damaged"),
        (true, held.clone(), "fifo", "damaged"),
        (true, signed.clone(), "signed", ""),
        (true, signed.clone(), "unsigned", "signature"),
        (true, changed, "unsigned", ""),
        (false, signed, "unsigned", "gone, bared"),
    ] {
        let facts = facts(&[("1.0.0", is_listed)]);
        let mut record = Record::default();
        record.versions.extend(recorded.clone().map(|entry| (key("1.0.0"), entry)));
        let mut holdings = Holdings::default();
        let size = (on_disk != "fifo").then_some(3);
        let zip = |is_signed| HeldZip { path: "a/a-1.0.0.zip".into(), size, is_signed, state: None, exchanged: None };
        match on_disk {
            "signed" | "unsigned" | "fifo" => {
                drop(holdings.zips.insert("a-1.0.0".to_owned(), zip(on_disk != "unsigned")));
            }
            "folder" => drop(holdings.folders.insert("a-1.0.0".to_owned())),
            "taken out" => drop(holdings.taken_out.insert("a-1.0.0".to_owned())),
            "pruned" => {
                holdings.taken_out.insert("a-1.0.0".to_owned());
                holdings.pruned.insert("a-1.0.0".to_owned());
            }
            _ => {}
        }
        let plan = plan(&facts, &wanted(&facts, &[]), &record, &holdings, &terms(false, &ToldTable::new()));
        let fetch = plan.fetch.first().map(|fetch| match fetch.only_signature {
            true => "signature".to_owned(),
            false => format!("fetch: {}", fetch.why),
        });
        let words = [
            fetch,
            plan.adopt.first().map(|_| "adopt".to_owned()),
            plan.gone.first().map(|_| "gone".to_owned()),
            plan.back.first().map(|_| "back".to_owned()),
            plan.lost.first().map(|_| "lost".to_owned()),
            plan.taken_out.first().map(|_| "taken out".to_owned()),
            plan.damaged.first().map(|_| "damaged".to_owned()),
            plan.bared.first().map(|_| "bared".to_owned()),
        ];
        let found: Vec<_> = words.into_iter().flatten().collect();
        assert_eq!(found.join(", "), expected, "{is_listed} {recorded:?} {on_disk}");
    }
}

#[test]
fn what_was_taken_out_comes_back_when_it_is_named() {
    let facts = facts(&[("1.0.0", true), ("1.1.0", true)]);
    let holdings = Holdings { taken_out: ["a-1.0.0".to_owned()].into(), ..Holdings::default() };
    let only = ["a@1.0.0".parse().unwrap()];
    let plan = plan(&facts, &wanted(&facts, &only), &Record::default(), &holdings, &terms(true, &ToldTable::new()));
    assert_eq!(plan.fetch.len(), 1);
    let vain = wanted(&facts, &["b".parse().unwrap(), "a@9.0.0".parse().unwrap()]);
    assert_eq!(
        vain.vain,
        [
            "b is not listed\nhint: no package that is known has a name like it",
            "a 9.0.0 is not listed, though other versions of a are"
        ]
    );
}
