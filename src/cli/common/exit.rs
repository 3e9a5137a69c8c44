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
    /// Exit code 3: somebody else was not there; the same run may succeed later. What was done stays.
    TryAgain,
    /// Exit code 10: there is something to do, asked for with `--exit-code`.
    Pending,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Clean => 0,
            Exit::Problems => 1,
            Exit::Failed => 2,
            Exit::TryAgain => 3,
            Exit::Pending => 10,
        })
    }
}
