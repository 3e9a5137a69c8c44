//! From the command line to a finished run: arguments, settings, and the text people see.

mod add;
pub mod args;
pub mod bundle;
mod commands;
mod diff;
mod image;
mod kibana_config;
mod log;
mod edit;
mod probe;
mod promote;
mod publish;
mod release;
mod remove;
mod serve;
pub mod settings;
mod summary;
pub mod unbundle;
mod upkeep;
pub mod verify;
mod which;

pub use commands::run;

/// How a run ends, as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All well.
    Clean,
    /// Built, but something was left out or, strictly, is odd.
    Problems,
    /// Could not build.
    Failed,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Clean => 0,
            Exit::Problems => 1,
            Exit::Failed => 2,
        })
    }
}
