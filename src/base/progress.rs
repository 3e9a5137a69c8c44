//! Progress for people: a bar when standard error is a terminal, nothing otherwise; and times and sizes as people read them.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt;
use std::time::{Duration, Instant};

/// A progress bar.
pub struct Progress(ProgressBar);

impl Progress {
    /// Progress on standard error; `quiet` hides it, and so does anything that is not a terminal.
    pub fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let style = ProgressStyle::with_template("{msg:>20} {wide_bar} {pos}/{len} {prefix}{eta}")
            .expect("a constant template");
        Self(ProgressBar::with_draw_target(None, target).with_style(style))
    }

    /// Begins a stage of so many steps.
    pub fn begin(&self, stage: &'static str, steps: u64) {
        self.0.reset();
        self.0.set_message(stage);
        self.0.set_prefix("");
        self.0.set_length(steps);
    }

    /// Says how much has come, before the time that is left.
    pub fn say(&self, amount: String) {
        self.0.set_prefix(amount + "  ");
    }

    /// Counts one step as done; may be called from any thread.
    pub fn step(&self) {
        self.0.inc(1);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// Durations of the stages of a run, in order.
#[derive(Clone, Debug, Default)]
pub struct Timings(Vec<(&'static str, Duration)>);

/// Times the stages of a run; nothing it measures reaches the output.
pub struct Clock {
    last: Instant,
    timings: Timings,
}

impl Clock {
    /// Starts the clock.
    pub fn start() -> Self {
        Self { last: Instant::now(), timings: Timings::default() }
    }

    /// Ends the stage that ran since the last call; times of a stage that comes again are added up.
    pub fn lap(&mut self, stage: &'static str) {
        let time = self.last.elapsed();
        match self.timings.0.iter_mut().find(|(known, _)| *known == stage) {
            Some((_, sum)) => *sum += time,
            None => self.timings.0.push((stage, time)),
        }
        self.last = Instant::now();
    }

    /// Returns the durations.
    pub fn timings(self) -> Timings {
        self.timings
    }
}

impl fmt::Display for Timings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.0.iter().map(|(stage, time)| format!("{stage} {:.2} s", time.as_secs_f64())).collect();
        f.write_str(&parts.join(", "))
    }
}

/// Writes a number of bytes for people: `1.5 MB`.
pub fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.2} GB", count as f64 / 1e9),
    }
}
