//! Taking a bundle in, ended at any moment: one whole generation is in use, and a second run completes.

use super::{build, bundle, check_arrived, current, unbundle, world};
use crate::crash::{calls_of, can_trace, most_of_a_thread, spread, traced};
use crate::incremental::check_whole;
use std::fs;
use std::path::Path;

/// Calls that change something.
const CALLS: &str =
    "?open,openat,write,linkat,symlinkat,?mkdir,mkdirat,?rename,renameat,?renameat2,utimensat,?unlink,unlinkat";

const TAKE: [&str; 4] = ["unbundle", "delta", "--out", "far"];

/// Copies a tree with its links, modes and times.
fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    assert!(std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

#[test]
fn no_moment_leaves_half_a_generation() {
    if !can_trace() {
        return;
    }
    let case = world();
    let first = build(&case);
    bundle(&case, "full", &[]);
    unbundle(&case, "full", "before");
    let case = case.package("packages/production", "alpha", "2.0.0", &"Something new to say. ".repeat(300));
    let case = case.zip("packages/production", "zipped", "3.0.0");
    let second = build(&case);
    bundle(&case, "delta", &["--since", &first]);
    copy(&case.path("before"), &case.path("far"));
    let counts = most_of_a_thread(&calls_of(&case, CALLS, &TAKE));
    let calls: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    // Calls that are rare are tried at every moment, the others at so many: some hundred moments in all.
    let points = 16;
    let (mut tried, mut killed, mut switched) = (0, 0, 0);
    copy(&case.path("before"), &case.path("far"));
    for (call, last) in calls {
        // The end of a run is where generations are written and switched.
        let mut numbers = spread(1, *last, points - 4);
        numbers.extend(last.saturating_sub(4)..*last);
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers.into_iter().filter(|number| *number > 0) {
            tried += 1;
            // Every other time from where the last kill left it: that is how a second run finds things.
            if tried % 2 == 0 || current(&case, "far") == second {
                copy(&case.path("before"), &case.path("far"));
            }
            let inject = format!("inject={call}:signal=KILL:when={number}");
            let trace = format!("trace={call}");
            let (code, stderr) = traced(&case, &["-o", "/dev/null", "-e", &trace, "-e", &inject], &TAKE);
            let context = format!("{call} {number}: {code:?} {stderr}");
            assert!(matches!(code, None | Some(0)), "{context}");
            killed += usize::from(code.is_none());
            check_whole(&case.path("far"), "staging");
            let now = current(&case, "far");
            assert!(now == first || now == second, "{context}");
            assert!(code.is_none() || now == second, "{context}");
            switched += usize::from(code.is_none() && now == second);
            if tried % 2 == 1 {
                unbundle(&case, "delta", "far");
                check_arrived(&case, "far");
                let left: Vec<_> = fs::read_dir(case.path("far/store/tmp")).unwrap().collect();
                assert!(left.is_empty(), "{context}: {left:?}");
            }
        }
    }
    println!("{killed} of {tried} runs were killed, {switched} of them after the switch: {counts:?}");
    assert!(tried >= 90 && killed * 10 > tried * 7, "{killed} of {tried}: {counts:?}");
}

/// What a run that was ended had stored is not stored again.
#[test]
fn a_second_run_goes_on() {
    if !can_trace() {
        return;
    }
    let case = world();
    build(&case);
    bundle(&case, "delta", &[]);
    let (code, stderr) = traced(
        &case,
        &["-o", "/dev/null", "-e", "trace=symlinkat", "-e", "inject=symlinkat:signal=KILL:when=1"],
        &TAKE,
    );
    assert_eq!(code, None, "{stderr}");
    let again = unbundle(&case, "delta", "far");
    assert!(again.stdout.contains("contents           0 new"), "{again:#?}");
    check_arrived(&case, "far");
}
