//! Progress for people: a bar when standard error is a terminal, nothing otherwise.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where a run shows how far it is.
pub struct Progress(ProgressBar);

impl Progress {
    /// Progress on standard error; `quiet` hides it, and so does anything that is not a terminal.
    pub fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let style =
            ProgressStyle::with_template("{msg:>20} {wide_bar} {pos}/{len} {eta}").expect("a constant template");
        Self(ProgressBar::with_draw_target(None, target).with_style(style))
    }

    /// Begins a stage of so many steps.
    pub fn begin(&self, stage: &'static str, steps: u64) {
        self.0.reset();
        self.0.set_message(stage);
        self.0.set_length(steps);
    }

    /// One step is done; called from any thread.
    pub fn step(&self) {
        self.0.inc(1);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
