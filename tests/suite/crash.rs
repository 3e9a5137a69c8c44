//! Whatever ends or fails at whatever moment: what is in use stays whole, failures are said, and the next build mends all.
//!
//! `strace` kills the program at a chosen system call, or lets the call fail. Each round changes a package, builds with a
//! fault, looks at what is in use, builds again without one, and compares with a build from nothing.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

use crate::built::Generation;
use crate::harness::{Case, Run};
use crate::incremental::{add, check_whole, settle};
use epr_build::base::fs::Lock;
use epr_build::build::verify::same;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Builds two layers, so that there are copies and pre-releases.
const BUILD: [&str; 5] = ["--dist", "staging", "--quiet", "--jobs", "1"];

/// Calls that change something, and calls that read. A name that this machine does not have is no mistake.
const CALLS: &str = "?open,openat,write,linkat,symlinkat,?mkdir,mkdirat,?rename,renameat,?renameat2,utimensat,\
                     ?unlink,unlinkat,?rmdir,ftruncate,flock,read,pread64,getdents64,?newfstatat,?statx,fstat,?readlink";

/// Whether calls can be traced here.
pub(crate) fn can_trace() -> bool {
    let traced = Command::new("strace").args(["-f", "-qq", "-o", "/dev/null", "true"]).output();
    let reason = match traced {
        Err(_) => "no strace",
        Ok(output) if !output.status.success() => "ptrace not permitted",
        Ok(_) => return true,
    };
    assert!(std::env::var_os("EPR_REQUIRE_ALL").is_none(), "{reason}");
    println!("skipped: {reason}");
    false
}

/// Two packages, one of which `change` changes.
fn world() -> Case {
    let case = Case::new();
    for version in ["1.0.0", "1.1.0-beta1"] {
        add(&case.path("packages/production/stable").join(version), "stable", version, "stable");
    }
    change(&case, 0);
    case
}

/// Changes text, manifest and answers.
fn change(case: &Case, round: usize) {
    let folder = case.path("packages/staging/moving/1.0.0");
    add(&folder, "moving", "1.0.0", &format!("Round {round}. {}", "Long enough for a twin. ".repeat(100)));
    let manifest = fs::read_to_string(folder.join("manifest.yml")).unwrap();
    fs::write(folder.join("manifest.yml"), manifest.replace("title: Sample\n", &format!("title: Round {round}\n")))
        .unwrap();
}

/// Numbers without a pattern, the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

/// A program with its arguments, under strace with some options.
pub(crate) fn under_strace(program: &Command, options: &[&str]) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq"]).args(options).arg("--").arg(program.get_program()).args(program.get_args());
    command.stdin(Stdio::null());
    command
}

/// Runs the program under strace with some options.
pub(crate) fn traced(case: &Case, options: &[&str], arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = under_strace(&case.command(arguments), options);
    command.current_dir(case.path("."));
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

fn generation(case: &Case, out: &str) -> PathBuf {
    fs::canonicalize(case.path(out).join("staging/current")).unwrap()
}

fn build(case: &Case) -> Run {
    let built = case.run(&BUILD);
    assert_eq!(built.code, 0, "{built:#?}");
    built
}

/// What is in use equals what is made from nothing.
fn check_clean(case: &Case, context: &str) {
    let _ = fs::remove_dir_all(case.path("clean"));
    let clean = case.run(&[&BUILD[..], &["--out", "clean"]].concat());
    assert_eq!(clean.code, 0, "{context}: {clean:#?}");
    let (ours, theirs) = (generation(case, "out"), generation(case, "clean"));
    assert_eq!(ours.file_name(), theirs.file_name(), "{context}");
    same(&ours, &theirs).unwrap_or_else(|error| panic!("{context}: {error:#}"));
}

/// Nothing is left of what was being written.
fn check_tidy(case: &Case, context: &str) {
    let out = case.path("out");
    let is_left = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let below = path.strip_prefix(&out).unwrap();
        name.ends_with(".new")
            || (name.starts_with('.') && below != Path::new(".lock"))
            || below.starts_with("store/tmp/")
    };
    // A package may hold such names; those of this test do not.
    let walk = walkdir::WalkDir::new(&out).min_depth(1).into_iter().map(|entry| entry.unwrap().into_path());
    let left: Vec<_> = walk.filter(|path| is_left(path) && path != &out.join("store/tmp")).collect();
    assert!(left.is_empty(), "{context}: {left:?}");
}

/// A call and its number in a thread, and what happens there.
#[derive(Clone, Debug)]
struct Fault {
    call: String,
    number: usize,
    effect: &'static str,
}

/// One round with a fault.
fn round(case: &Case, number: usize, fault: &Fault) -> Option<i32> {
    let context = format!("{fault:?}");
    let before = generation(case, "out");
    change(case, number);
    // What is known of the packages is part of the game in every second round.
    if number.is_multiple_of(2) {
        settle();
    }
    let inject = format!("inject={}:{}:when={}", fault.call, fault.effect, fault.number);
    let trace = format!("trace={}", fault.call);
    let (code, stderr) = traced(case, &["-o", "/dev/null", "-e", &trace, "-e", &inject], &BUILD);
    assert!(!stderr.contains("panicked"), "{context}: {stderr}");
    // Old or new, but whole.
    check_whole(&case.path("out"), "staging");
    let after = generation(case, "out");
    let is_kill = fault.effect.starts_with("signal");
    match code {
        None => assert!(is_kill, "{context}: {stderr}"),
        // What was not done was not needed.
        Some(0) => {
            assert_ne!(before, after, "{context}: nothing was built");
            check_clean(case, &context);
        }
        // Packages were left out because they could not be read, and it is said which.
        Some(1) => assert!(stderr.contains("cannot be read") || stderr.contains("cannot read"), "{context}: {stderr}"),
        // The message may have met the same fault.
        Some(2) if stderr.is_empty() => assert_eq!(fault.call, "write", "{context}"),
        // It names what could not be read or written: a package, the output folder or something in it.
        Some(2) => {
            let names_it = ["out", "cannot read", "cannot be read"].iter().any(|words| stderr.contains(words));
            assert!(stderr.starts_with("error: ") && names_it, "{context}: {stderr}");
        }
        Some(code) => panic!("{context}: exit code {code}: {stderr}"),
    }
    build(case);
    check_tidy(case, &context);
    check_clean(case, &context);
    code
}

/// The calls that a command makes, a line each that begins with the thread.
pub(crate) fn calls_of(case: &Case, calls: &str, arguments: &[&str]) -> String {
    let (code, stderr) = traced(case, &["-o", "calls", "-e", &format!("trace={calls}")], arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {stderr}");
    let made = fs::read_to_string(case.path("calls")).unwrap();
    fs::remove_file(case.path("calls")).unwrap();
    made
}

/// How often each call is made by the thread that makes it most often.
pub(crate) fn most_of_a_thread(calls: &str) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for line in calls.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((call, _)) = rest.trim_start().split_once('(') else { continue };
        *counts.entry((thread, call)).or_default() += 1;
    }
    let mut most = BTreeMap::new();
    for ((_, call), count) in counts {
        let known: &mut usize = most.entry(call.to_owned()).or_default();
        *known = count.max(*known);
    }
    most
}

/// The same in a build that changes what is there; and the number of the first file that is opened by the program and not by
/// its loader.
fn count(case: &Case) -> (BTreeMap<String, usize>, usize) {
    change(case, 1);
    let calls = calls_of(case, CALLS, &BUILD);
    let opened = || calls.lines().filter(|line| line.contains(" openat("));
    let lock = opened().find(|line| line.contains("/.lock\"")).expect("the lock is opened");
    let thread = |line: &str| line.split(' ').next().unwrap().to_owned();
    let own = opened().filter(|line| thread(line) == thread(lock));
    let first = 1 + own.take_while(|line| *line != lock).count();
    (most_of_a_thread(&calls), first)
}

/// So many numbers from `first` to `last`, both included.
pub(crate) fn spread(first: usize, last: usize, points: usize) -> Vec<usize> {
    let mut numbers: Vec<_> =
        (0..points).map(|point| first + (last.saturating_sub(first)) * point / (points - 1)).collect();
    numbers.dedup();
    numbers
}

fn faults(counts: &BTreeMap<String, usize>, first_open: usize) -> Vec<Fault> {
    let plan: [(&str, &'static str, usize); 17] = [
        ("write", "signal=KILL", 8),
        ("linkat", "signal=KILL", 5),
        ("symlinkat", "signal=KILL", 5),
        ("mkdirat", "signal=KILL", 4),
        ("utimensat", "signal=KILL", 6),
        ("openat", "signal=KILL", 6),
        ("renameat", "signal=KILL", 4),
        ("rename", "signal=KILL", 8),
        ("write", "error=ENOSPC", 8),
        ("openat", "error=EMFILE", 8),
        ("openat", "error=ENOSPC", 4),
        ("linkat", "error=ENOSPC", 4),
        ("symlinkat", "error=ENOSPC", 4),
        ("mkdirat", "error=ENOSPC", 3),
        ("utimensat", "error=EIO", 4),
        ("renameat", "error=EIO", 3),
        ("rename", "error=EIO", 6),
    ];
    let mut faults = Vec::new();
    for (call, effect, points) in plan {
        let Some(&last) = counts.get(call) else { continue };
        let first = if call == "openat" { first_open } else { 1 };
        for number in spread(first, last, points) {
            faults.push(Fault { call: call.to_owned(), number, effect });
        }
    }
    faults
}

#[test]
fn no_moment_leaves_half_a_generation() {
    if !can_trace() {
        return;
    }
    let case = world();
    build(&case);
    let (counts, first_open) = count(&case);
    let faults = faults(&counts, first_open);
    assert!(faults.len() > 60, "{} points: {counts:?}", faults.len());
    let threads = 3;
    let codes: Vec<_> = std::thread::scope(|scope| {
        let faults = &faults;
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                scope.spawn(move || {
                    let case = world();
                    build(&case);
                    let mine = faults.iter().enumerate().skip(worker).step_by(threads);
                    mine.map(|(number, fault)| (fault, round(&case, number + 2, fault))).collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    // The faults happened: most runs were killed or failed.
    let hit = codes.iter().filter(|(_, code)| *code != Some(0)).count();
    let missed: Vec<_> = codes.iter().filter(|(_, code)| *code == Some(0)).map(|(fault, _)| fault).collect();
    println!("{hit} of {} faults told; without effect: {missed:?}", codes.len());
    assert!(hit * 10 > codes.len() * 8, "{missed:?}");
}

/// A file of a package that cannot be read, or is gone when it is opened, says nothing about the package: where it was read
/// before, the build stops and what is in use stays; in a first build it is left out, for this build only.
#[test]
fn what_cannot_be_read_is_read_again_next_time() {
    if !can_trace() {
        return;
    }
    for (file, call, effect) in [
        ("manifest.yml", "read", "error=EIO"),
        ("docs/README.md", "read", "error=EIO"),
        ("data_stream/log/fields/base.yml", "read", "error=EIO"),
        ("docs/README.md", "openat2", "error=ENOENT"),
        ("manifest.yml", "openat2", "error=ENOENT"),
        ("docs", "getdents64", "error=EIO"),
    ] {
        let context = format!("{file} {call} {effect}");
        let case = world();
        build(&case);
        let before = generation(&case, "out");
        change(&case, 1);
        settle();
        let path = case.path("packages/staging/moving/1.0.0").join(file);
        // Files are opened below the layer's folder, and paths are matched as the program writes them.
        let below = format!("moving/1.0.0/{file}");
        let options = ["-o", "/dev/null", "-P", path.to_str().unwrap(), "-P", &below];
        let packages = case.path("packages");
        let arguments = [&BUILD[..], &["--packages", packages.to_str().unwrap()]].concat();
        let inject = format!("inject={call}:{effect}");
        let faults = [&options[..], &["-e", &inject]].concat();
        let (code, stderr) = traced(&case, &faults, &arguments);
        assert_eq!(code, Some(2), "{context}: {stderr}");
        assert!(stderr.contains("moving/1.0.0") && stderr.contains(file), "{context}: {stderr}");
        check_whole(&case.path("out"), "staging");
        assert_eq!(generation(&case, "out"), before, "{context}");
        let again = case.run(&arguments);
        assert_eq!(again.code, 0, "{context}: {again:#?}");
        assert_ne!(generation(&case, "out"), before, "{context}");

        fs::remove_dir_all(case.path("out")).unwrap();
        let (code, stderr) = traced(&case, &faults, &arguments);
        assert_eq!(code, Some(1), "{context}: {stderr}");
        assert!(stderr.contains("moving/1.0.0") && stderr.contains(file), "{context}: {stderr}");
        assert_eq!(Generation::open(&case.path("out"), "staging").packages().len(), 2, "{context}");
        assert_eq!(case.run(&arguments).code, 0, "{context}");
        assert_eq!(Generation::open(&case.path("out"), "staging").packages().len(), 3, "{context}");
    }
}

/// With few file handles a build works, or says that there are too few; it never leaves packages out because of that.
#[test]
fn few_file_handles_are_enough_or_said() {
    let mut worked = 0;
    for handles in [6, 8, 9, 10, 11, 12, 14, 16, 24] {
        let case = world();
        build(&case);
        change(&case, 1);
        let before = generation(&case, "out");
        let program = case.command(&BUILD);
        let shell = format!("ulimit -n {handles}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &shell]).arg(program.get_program()).args(program.get_args()).current_dir(case.path("."));
        let Output { status, stderr, .. } = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&stderr);
        match status.code() {
            Some(0) => {
                worked += 1;
                check_clean(&case, &handles.to_string());
            }
            Some(2) => {
                assert!(stderr.starts_with("error: "), "{handles}: {stderr}");
                assert_eq!(before, generation(&case, "out"), "{handles}: {stderr}");
            }
            // So few that not even the program is loaded.
            Some(127) => {}
            code => panic!("{handles}: {code:?}: {stderr}"),
        }
        check_whole(&case.path("out"), "staging");
        build(&case);
        check_clean(&case, &handles.to_string());
    }
    assert!(worked > 0, "24 handles are not enough");
}

/// The lock is the kernel's: the number in the file only tells people whom to ask.
#[test]
fn one_build_at_a_time() {
    let case = world();
    fs::create_dir_all(case.path("out")).unwrap();
    fs::write(case.path("out/.lock"), "4194305\n").unwrap();
    build(&case);
    let lock = Lock::take(&case.path("out")).unwrap();
    let refused = case.run(&BUILD);
    assert_eq!(refused.code, 2, "{refused:#?}");
    assert!(refused.stderr.contains(&format!("(process {})", std::process::id())), "{refused:#?}");
    drop(lock);
    build(&case);

    change(&case, 1);
    let start = || case.command(&BUILD).stderr(Stdio::piped()).spawn().unwrap();
    let runs: Vec<_> =
        [start(), start(), start(), start()].into_iter().map(|run| run.wait_with_output().unwrap()).collect();
    let mut built = 0;
    for run in runs {
        let stderr = String::from_utf8_lossy(&run.stderr);
        match run.status.code() {
            Some(0) => built += 1,
            code => assert!(code == Some(2) && stderr.contains("another build writes to"), "{code:?}: {stderr}"),
        }
    }
    assert!(built > 0);
    check_clean(&case, "four builds at once");
    check_tidy(&case, "four builds at once");
}
