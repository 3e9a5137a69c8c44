//! The power fails at any moment: what is in use is whole, and the next command mends all, or says what to do.
//!
//! `strace` ends the program at a chosen system call and writes down what was written and flushed until then. What was not
//! flushed is then lost as a disk loses it: files keep their names, sizes and times and are empty, or hold zeros, or are not
//! there at all.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

mod scenes;
mod trace;

use crate::crash::{calls_of, can_trace, most_of_a_thread, spread, traced};
use crate::harness::Case;
use std::fs;
use trace::Trace;

/// Calls that write, name or flush something. A name that this machine does not have is no mistake.
const CALLS: &str = "?open,openat,write,?pwrite64,?writev,ftruncate,?copy_file_range,?sendfile,linkat,?link,symlinkat,\
                     ?symlink,?rename,renameat,?renameat2,utimensat,?unlink,unlinkat,?rmdir,fsync,?fdatasync,syncfs,flock";

/// What becomes of a file that was not flushed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// It is there, with its time, and empty.
    Empty,
    /// It is there, with its time and size, and holds zeros.
    Zeros,
    /// It is not there.
    Gone,
}

/// A command, and what is looked at around it.
pub(crate) trait Scene {
    /// Arguments of the next run, after preparing for it; every run has something new to do.
    fn next(&mut self, case: &Case) -> Vec<String>;
    /// What must hold right after the power failed. `is_done` says that the program had ended well.
    fn check_cut(&mut self, case: &Case, is_done: bool, context: &str);
    /// Runs what people run next, and compares with what must be.
    fn check_mended(&mut self, case: &Case, context: &str);
}

/// Runs a command with a cut at a call; returns whether the program was ended by it, and the files that were lost.
fn cut(case: &Case, arguments: &[String], place: Option<(&str, usize)>, fate: Fate) -> (bool, usize) {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (calls, inject);
    let mut options = vec!["-y", "-o", "calls", "-e"];
    calls = format!("trace={CALLS}");
    options.push(&calls);
    if let Some((call, number)) = place {
        inject = format!("inject={call}:signal=KILL:when={number}");
        options.extend(["-e", &inject]);
    }
    let (code, stderr) = traced(case, &options, &arguments);
    assert!(matches!(code, None | Some(0)), "{arguments:?} {place:?}: {code:?} {stderr}");
    let text = fs::read_to_string(case.path("calls")).unwrap();
    fs::remove_file(case.path("calls")).unwrap();
    let lost = Trace::read(&text, &case.path(".")).lose(&case.path("."), fate);
    (code.is_none(), lost)
}

/// Plays a scene with cuts at many moments, most of them where things are flushed and moved, and one after the end.
fn play(scene: &mut dyn Scene, case: &Case, least: usize) {
    if !can_trace() {
        return;
    }
    let arguments = scene.next(case);
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let counts = most_of_a_thread(&calls_of(case, CALLS, &words));
    scene.check_cut(case, true, "without a cut");
    scene.check_mended(case, "without a cut");
    let mut places: Vec<Option<(&str, usize)>> = vec![None, None];
    for (call, points) in [
        ("syncfs", 4),
        ("fsync", 5),
        ("rename", 5),
        ("renameat", 3),
        ("renameat2", 2),
        ("linkat", 2),
        ("symlinkat", 2),
        ("utimensat", 3),
        ("write", 4),
        ("unlink", 3),
        ("unlinkat", 2),
    ] {
        let last = counts.get(call).copied().unwrap_or(0);
        let numbers = if last == 0 { Vec::new() } else { spread(1, last, points) };
        places.extend(numbers.into_iter().map(|number| Some((call, number))));
    }
    let (mut cuts, mut losses) = (0, 0);
    for (number, place) in places.into_iter().enumerate() {
        let fate = [Fate::Empty, Fate::Zeros, Fate::Gone][number % 3];
        let arguments = scene.next(case);
        let context = format!("{arguments:?} {place:?} {fate:?}");
        let (is_cut, lost) = cut(case, &arguments, place, fate);
        scene.check_cut(case, !is_cut, &context);
        scene.check_mended(case, &context);
        cuts += 1;
        losses += usize::from(lost > 0);
    }
    println!("{cuts} cuts, {losses} of them with loss: {counts:?}");
    assert!(cuts >= least && losses * 5 > cuts, "{cuts} cuts, {losses} with loss: {counts:?}");
}
