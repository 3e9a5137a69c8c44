//! Committing in a work tree only what a command changed there, whatever else is changed or staged.
//!
//! Hooks do not run.

use super::program::{run, safe_git, text};
use crate::base::fs::link_metadata;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A work tree.
#[derive(Clone, Debug)]
pub struct WorkTree {
    root: PathBuf,
}

impl WorkTree {
    /// The work tree that a folder is in, or would be in.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(folder: &Path) -> Result<Self> {
        let place = folder.ancestors().find(|place| place.is_dir()).unwrap_or(folder);
        let mut command = safe_git();
        command.arg("-C").arg(place).args(["rev-parse", "--show-toplevel"]);
        let root = run(command, b"").and_then(text).with_context(|| {
            format!("{} is not in a git work tree\nhint: run the command without --commit", folder.display())
        })?;
        Ok(Self { root: root.into() })
    }

    /// Commits the state of some paths, present or removed. Without a change there is no commit.
    ///
    /// # Errors
    /// When git fails.
    pub fn commit(&self, paths: &[PathBuf], message: &str) -> Result<()> {
        let mut known = Vec::new();
        for path in paths {
            let mut tracked = self.command(&["ls-files", "-z", "--"]);
            tracked.arg(path);
            if link_metadata(path).is_ok() || !run(tracked, b"")?.is_empty() {
                known.push(path);
            }
        }
        let with_paths = |arguments: &[&str]| {
            let mut command = self.command(arguments);
            command.args(&known);
            command
        };
        if known.is_empty() {
            return Ok(());
        }
        run(with_paths(&["add", "--all", "--"]), b"")?;
        if run(with_paths(&["diff", "--cached", "--name-only", "--"]), b"")?.is_empty() {
            return Ok(());
        }
        run(with_paths(&["commit", "--quiet", "--no-verify", "--only", "--file=-", "--"]), message.as_bytes())
            .with_context(|| {
                format!(
                    "cannot commit in {}\nhint: the files are changed as asked; commit them yourself",
                    self.root.display()
                )
            })?;
        Ok(())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = safe_git();
        command.arg("-C").arg(&self.root).args(arguments);
        command
    }
}
