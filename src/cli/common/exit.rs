//! Exit codes.

/// How a run ends, as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Exit code 0: the run succeeded.
    Clean,
    /// Exit code 1: the run found problems, for example quarantined packages, or refused a change.
    Problems,
    /// Exit code 2: the run could not do its work.
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
