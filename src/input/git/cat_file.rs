//! Processes of `git cat-file` that stay and answer one question after the other.
//!
//! As many run as threads ask at the same time. A process that did not answer as expected is not asked again.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// Processes of a repository, by what they answer with.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// `--batch`: objects with their content.
    pub(super) contents: Idle,
    /// `--batch-check`: objects without it.
    pub(super) sizes: Idle,
}

/// Processes that wait for questions.
#[derive(Debug, Default)]
pub(super) struct Idle(Mutex<Vec<Process>>);

/// A process and its pipes.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pub(super) input: ChildStdin,
    pub(super) output: BufReader<ChildStdout>,
}

impl Idle {
    /// A process that waits, or a new one.
    pub(super) fn take(&self, command: impl FnOnce() -> Command) -> io::Result<Process> {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| Process::start(command()), Ok)
    }

    /// Keeps a process that answered as expected.
    pub(super) fn give_back(&self, process: Process) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(process);
    }
}

impl Process {
    fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = (input, output) else { return Err(unexpected("no pipes")) };
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    /// Reads the line `<id> <kind> <size>`; nothing for `<name> missing`.
    pub(super) fn answer(&mut self) -> io::Result<Option<(String, String, u64)>> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let line = line.strip_suffix('\n').ok_or_else(|| unexpected("it ended"))?;
        if line.ends_with(" missing") || line.ends_with(" ambiguous") {
            return Ok(None);
        }
        let mut words = line.split(' ');
        let answer = (words.next(), words.next(), words.next().and_then(|size| size.parse().ok()));
        match answer {
            (Some(id), Some(kind), Some(size)) => Ok(Some((id.to_owned(), kind.to_owned(), size))),
            _ => Err(unexpected("a line in another form")),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The error of a process that answers in another way than it should.
pub(super) fn unexpected(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("git: {what}"))
}
