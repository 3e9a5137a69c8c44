//! The `git` program, run so that a repository cannot make it do anything else.
//!
//! It runs without hooks, file system monitor, replaced objects, fetching, configuration of the machine, and variables of
//! the environment that lead to another repository. Output is read in fixed forms only.

use super::cat_file::Pool;
use crate::config::location::Location;
use anyhow::{Context, Result, bail};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;

/// Variables that lead to other repositories.
const FOREIGN: [&str; 8] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_COMMON_DIR",
    "GIT_CONFIG_PARAMETERS",
];

/// Bytes of the messages of a command that are kept.
const MOST_SAID: u64 = 1 << 16;

/// A repository on this machine.
#[derive(Debug)]
pub struct Repository {
    /// Folder of its objects and references.
    folder: PathBuf,
    pub(super) objects: Pool,
}

/// Repositories are equal if they lie in the same folder.
impl PartialEq for Repository {
    fn eq(&self, other: &Self) -> bool {
        self.folder == other.folder
    }
}

impl Eq for Repository {}

/// A `git` command with a clean environment and configuration.
pub(super) fn safe_git() -> Command {
    let mut command = Command::new("git");
    command.args(["--no-replace-objects", "--literal-pathspecs", "--no-pager"]);
    for setting in ["core.fsmonitor=false", "core.hooksPath=/dev/null", "protocol.allow=never", "gc.auto=0"] {
        command.args(["-c", setting]);
    }
    for name in FOREIGN {
        command.env_remove(name);
    }
    command.envs([
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("LC_ALL", "C"),
    ]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Repository {
    /// Opens the repository at a path.
    ///
    /// # Errors
    /// When there is none, or no `git`.
    pub fn open(clone: &Path) -> Result<Arc<Self>> {
        let mut command = safe_git();
        command.arg("-C").arg(clone).args(["rev-parse", "--absolute-git-dir"]);
        let folder = run(command, b"").with_context(|| {
            format!("cannot read the repository `{}`\nhint: name a clone on this machine", clone.display())
        })?;
        let folder = PathBuf::from(String::from_utf8(folder).context("its path is not UTF-8")?.trim_end_matches('\n'));
        Ok(Arc::new(Self { folder, objects: Pool::default() }))
    }

    /// Folder of the repository.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A `git` command for this repository.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = safe_git();
        let mut folder = std::ffi::OsString::from("--git-dir=");
        folder.push(&self.folder);
        command.arg(folder).args(arguments);
        command
    }

    /// Runs `git` to its end and returns its output as text, without the last line break.
    pub(super) fn ask(&self, arguments: &[&str], input: &[u8]) -> Result<String> {
        text(run(self.command(arguments), input)?)
    }

    /// The commit that a location names: a branch before anything else of the name.
    ///
    /// # Errors
    /// When there is none.
    pub fn commit(&self, location: &Location) -> Result<String> {
        let name = &location.reference;
        if name.is_empty() || name.starts_with('-') {
            bail!("`{}` names no branch\nhint: add one, for example `#production`", location.to_path().display());
        }
        let resolve = |name: &str| {
            let name = format!("{name}^{{commit}}");
            self.ask(&["rev-parse", "--verify", "--quiet", "--end-of-options", &name], b"")
        };
        resolve(&format!("refs/heads/{name}")).or_else(|_| resolve(name)).with_context(|| {
            format!("the repository {} has no `{name}`\nhint: name a branch, tag or commit", self.folder.display())
        })
    }

    /// The messages of the commits up to this one that begin with `[word] `, the newest first: those that fit into so many
    /// bytes. What is no text in them is replaced.
    ///
    /// # Errors
    /// When git fails.
    pub fn messages(&self, commit: &str, word: &str, most: u64) -> Result<Vec<String>> {
        let start = format!("[{word}] ");
        let chosen = format!("--grep={start}");
        let command = self.command(&["log", "-z", "--format=%B", "--fixed-strings", &chosen, commit, "--"]);
        let (mut bytes, is_whole) = beginning(command, most)?;
        if !is_whole {
            // The last one is cut off.
            bytes.truncate(bytes.iter().rposition(|byte| *byte == 0).unwrap_or(0));
        }
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.split('\0').filter(|message| message.starts_with(&start)).map(str::to_owned).collect())
    }
}

pub(super) fn text(bytes: Vec<u8>) -> Result<String> {
    let mut text = String::from_utf8(bytes).context("git printed something else than text")?;
    text.truncate(text.trim_end_matches('\n').len());
    Ok(text)
}

/// Runs a command until it has printed so many bytes; returns these, and whether they are all.
fn beginning(mut command: Command, most: u64) -> Result<(Vec<u8>, bool)> {
    let mut child = command.spawn().context("cannot run `git`\nhint: install it; layers in repositories need it")?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (mut bytes, mut said) = (Vec::new(), Vec::new());
    let read = std::thread::scope(|scope| {
        // Both are read at once, as it waits when either is full.
        scope.spawn(|| {
            let mut stderr = stderr?;
            let beginning = (&mut stderr).take(MOST_SAID).read_to_end(&mut said);
            beginning.and_then(|_| io::copy(&mut stderr, &mut io::sink())).ok()
        });
        let read = stdout.map_or(Ok(0), |stdout| stdout.take(most).read_to_end(&mut bytes));
        if bytes.len() as u64 == most {
            // What it would still print does not matter, nor how it ends.
            let _ = child.kill();
        }
        read
    });
    read.context("cannot read what `git` prints")?;
    let status = child.wait().context("cannot wait for `git`")?;
    let is_whole = bytes.len() as u64 != most;
    if is_whole {
        check(status, &said)?;
    }
    Ok((bytes, is_whole))
}

/// Runs a command to its end. If it fails, its messages are the error.
pub(super) fn run(mut command: Command, input: &[u8]) -> Result<Vec<u8>> {
    if !input.is_empty() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().context("cannot run `git`\nhint: install it; layers in repositories need it")?;
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        if let Some(mut stdin) = stdin {
            // If git ends before it has read everything, it says why.
            scope.spawn(move || drop(stdin.write_all(input)));
        }
        child.wait_with_output()
    });
    let output = output.context("cannot read what `git` prints")?;
    check(output.status, &output.stderr)?;
    Ok(output.stdout)
}

/// Fails with what a command said when it failed.
fn check(status: ExitStatus, said: &[u8]) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(said);
    let said = said.trim().trim_start_matches("fatal: ");
    bail!("git: {}", if said.is_empty() { "it failed without a message" } else { said })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever may commit may write as long a message as they like: it takes no more memory than it may.
    #[test]
    fn messages_are_read_up_to_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let git = |arguments: &[&str], input: &str| {
            let mut command = safe_git();
            command.arg("-C").arg(folder.path()).args(arguments);
            command.envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "a")));
            command.envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "a@localhost")));
            text(run(command, input.as_bytes()).unwrap()).unwrap()
        };
        git(&["init", "--quiet"], "");
        let tree = git(&["mktree"], "");
        let mut tip = git(&["commit-tree", &tree, "-F", "-"], "[staging] Add a-1.0.0\n");
        for message in
            [format!("[staging] Remove {}", "x".repeat(5000)), "other".to_owned(), "[staging] Add b".to_owned()]
        {
            tip = git(&["commit-tree", &tree, "-p", &tip, "-F", "-"], &message);
        }
        let repository = Repository::open(folder.path()).unwrap();
        let read = |most| {
            let messages = repository.messages(&tip, "staging", most).unwrap();
            messages.iter().map(|message| message.len().min(50)).collect::<Vec<_>>()
        };
        assert_eq!(read(1 << 20), [15, 50, 22]);
        assert_eq!(read(6000), [15, 50, 22]);
        assert_eq!(read(5040), [15, 50], "the last one is cut off, and left out");
        assert_eq!(read(4000), [15]);
        assert_eq!(read(4), [0_usize; 0]);
        let wrong = repository.messages(&"0".repeat(40), "staging", 1 << 20).unwrap_err();
        assert!(wrong.to_string().starts_with("git: "), "{wrong}");
    }
}
