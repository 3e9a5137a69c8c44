//! How large tables and answers become for a catalog like the real ones.

use crate::answers::route::build::{Built, build};
use crate::answers::route::whole::MOST_ANSWERS;
use crate::answers::search::samples::catalog;
use crate::config::routing::Options;
use crate::package::Facts;
use std::fmt::Write;

const SPECS: [&str; 15] =
    ["1.0", "1.1", "1.2", "2.0", "2.3", "2.5", "2.7", "2.8", "2.10", "2.11", "3.0", "3.2", "3.3", "3.4", "3.5"];
const CAPABILITIES: [&str; 4] = ["apm", "observability", "security", "uptime"];
const CATEGORIES: [&str; 12] = [
    "security",
    "observability",
    "web",
    "aws",
    "cloud",
    "network",
    "datastore",
    "iam",
    "edr_xdr",
    "containers",
    "custom",
    "firewall_security",
];

/// A small deterministic source of numbers.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// A catalog whose packages follow the stack: constraints and specs grow with the version, one version in fifty is a
/// pre-release, one package in forty asks for capabilities.
fn synthetic(names: usize, versions: usize) -> Vec<Facts> {
    let mut numbers = Numbers(7);
    let mut text = String::new();
    for name in 0..names {
        let capability = if numbers.below(40) == 0 { CAPABILITIES[numbers.below(4)] } else { "" };
        let categories = [CATEGORIES[numbers.below(12)], CATEGORIES[numbers.below(12)]].join(",");
        let package_type = ["integration", "integration", "integration", "input", "content"][numbers.below(5)];
        let count = 1 + numbers.below(2 * versions - 1);
        let (mut step, mut spec) = (numbers.below(100), numbers.below(4));
        for version in 0..count {
            step += numbers.below(500usize.div_ceil(count).max(2));
            spec = (spec + usize::from(numbers.below(count) < 6)).min(SPECS.len() - 1);
            let suffix = if numbers.below(50) == 0 { "-beta1" } else { "" };
            let _ = writeln!(
                text,
                "p{name:04} 1.{version}.0{suffix} kibana={} spec={} caps={capability} cats={categories} type={package_type} templates=-",
                constraint(step),
                SPECS[spec]
            );
        }
    }
    catalog(&text)
}

/// The constraint of a moment: first only 8, later 8 or 9; the patch makes some boundaries finer than a minor version.
fn constraint(step: usize) -> String {
    match step {
        0..150 => format!("^8.{}.{}", step / 8, step % 8 / 2),
        _ => format!("^8.19.{}_||_^9.{}.{}", (step - 150) / 10, (step - 150) / 30, (step - 150) % 30 / 6),
    }
}

/// Builds and prints what came out; for a look at other sizes as well.
fn measure(names: usize, versions: usize) -> Built {
    let catalog = synthetic(names, versions);
    let built = build(&catalog, &Options::default());
    let report = &built.report;
    println!(
        "{} versions of {names} names, {} boundaries: {} answers, {} nodes, {} rows, {} profile rows",
        catalog.len(),
        built.routes.kibana_boundaries.len(),
        report.distinct_answers,
        report.nodes,
        report.node_rows,
        report.profile_rows
    );
    for family in report.families.iter().filter(|family| family.answers > 100) {
        println!("{family:?}");
    }
    built
}

/// A tenth of the largest catalog expected: tables stay small against the combinations they stand for, which are some
/// hundred thousand for each of the 60 names and 20 lists.
#[test]
fn a_tenth_of_the_largest_catalog() {
    let built = measure(60, 20);
    assert!(built.routes.kibana_boundaries.len() > 100 && built.routes.specs.len() == SPECS.len());
    assert!(built.report.node_rows < 200_000, "{}", built.report.node_rows);
    assert!(built.report.families.iter().all(|family| family.answers <= MOST_ANSWERS));
    assert!(built.report.families.iter().all(|family| family.exact == (family.refused_contexts == 0)));
    assert!(built.report.families.iter().all(|family| family.exact == family.circles.is_empty()));
}

/// The largest catalog expected; it takes some ten seconds without optimisation, so it has to be asked for.
#[test]
fn the_largest_catalog() {
    if std::env::var_os("EPR_LARGE").is_none() {
        println!("skipped: EPR_LARGE is not set");
        return;
    }
    assert!(measure(600, 20).report.node_rows < 1_000_000);
}
