//! Changing branches of a repository without a checkout: a tree is made in a separate index, then a commit, then the
//! branch is moved, unless it was moved since it was read.

use super::program::{Repository, run, text};
use crate::base::fs::remove_file;
use crate::config::location::Location;
use anyhow::{Context, Result, bail, ensure};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

/// A branch at the time when it was read.
#[derive(Clone, Debug)]
pub struct Branch {
    /// The repository.
    pub repository: Arc<Repository>,
    /// `refs/heads/<name>`.
    pub name: String,
    /// Commit it points to.
    pub commit: String,
}

/// New state of a path in a tree.
#[derive(Clone, Debug)]
pub enum Change {
    /// Becomes a folder with the content of this tree.
    Tree(String, String),
    /// Becomes a folder with these files: paths in the folder, and ids of the contents.
    Files(String, Vec<(String, String)>),
    /// Becomes a file with the content of this object.
    File(String, String),
    /// Is removed.
    Gone(String),
}

/// A branch that is about to be moved to another commit.
#[derive(Clone, Debug)]
pub struct Moved {
    /// The branch before.
    pub branch: Branch,
    /// The new commit.
    pub commit: String,
}

impl Branch {
    /// The branch that a location names.
    ///
    /// # Errors
    /// When it is not a branch, or a work tree has it checked out: the files of the work tree would not follow.
    pub fn open(location: &Location) -> Result<Self> {
        let repository = Repository::open(&location.clone)?;
        let name = format!("refs/heads/{}", location.reference);
        let commit = repository.ask(&["rev-parse", "--verify", "--quiet", "--end-of-options", &name], b"");
        let commit = commit.with_context(|| {
            format!("`{}` is not a branch\nhint: only branches can be changed", location.to_path().display())
        })?;
        let trees = repository.ask(&["worktree", "list", "--porcelain"], b"")?;
        let mut place = "";
        for line in trees.lines() {
            place = line.strip_prefix("worktree ").unwrap_or(place);
            if line.strip_prefix("branch ") == Some(name.as_str()) {
                bail!(
                    "branch `{}` is checked out in {place}\nhint: switch that work tree to another branch (`git switch \
                     --detach`), or name its folder as the layer",
                    location.reference
                );
            }
        }
        Ok(Self { repository, name, commit })
    }

    /// Makes a commit on top of the branch, without moving the branch.
    ///
    /// # Errors
    /// When git fails.
    pub fn commit(&self, changes: &[Change], message: &str) -> Result<Moved> {
        let folder = self.repository.folder();
        let index = folder.join(format!("epr-build.{}.index", std::process::id()));
        let result = self.tree(changes, &index);
        let _ = remove_file(&index);
        let tree = result?;
        let mut command = self.repository.command(&["commit-tree", "-p", &self.commit, "-F", "-", &tree]);
        if self.repository.ask(&["var", "GIT_COMMITTER_IDENT"], b"").is_err() {
            // Machines that only build have no author configured.
            for who in ["AUTHOR", "COMMITTER"] {
                command
                    .env(format!("GIT_{who}_NAME"), "epr-build")
                    .env(format!("GIT_{who}_EMAIL"), "epr-build@localhost");
            }
        }
        let commit = text(run(command, message.as_bytes())?)?;
        Ok(Moved { branch: self.clone(), commit })
    }

    fn tree(&self, changes: &[Change], index: &std::path::Path) -> Result<String> {
        let git = |arguments: &[&str], input: &[u8]| {
            let mut command = self.repository.command(arguments);
            // Some of these commands require a work tree, though they use the index only.
            command.env("GIT_INDEX_FILE", index).env("GIT_WORK_TREE", self.repository.folder());
            command.current_dir(self.repository.folder());
            run(command, input)
        };
        git(&["read-tree", &self.commit], b"")?;
        for change in changes {
            let path = match change {
                Change::Tree(path, _) | Change::Files(path, _) | Change::File(path, _) | Change::Gone(path) => path,
            };
            // Lists the files that are there, and removes them.
            let known = git(&["ls-files", "-z", "--cached", "--", path], b"")?;
            let mut lines = Vec::new();
            for name in known.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
                let zeros = "0".repeat(self.commit.len());
                lines.extend_from_slice(format!("0 {zeros}\t").as_bytes());
                lines.extend_from_slice(name);
                lines.push(0);
            }
            if !lines.is_empty() {
                git(&["update-index", "-z", "--index-info"], &lines)?;
            }
            match change {
                Change::Tree(path, tree) => {
                    git(&["read-tree", &format!("--prefix={path}/"), tree], b"")?;
                }
                Change::Files(path, files) => {
                    let line = |(name, blob): &(String, String)| format!("100644 {blob}\t{path}/{name}\0");
                    let lines: String = files.iter().map(line).collect();
                    git(&["update-index", "-z", "--index-info"], lines.as_bytes())?;
                }
                Change::File(path, blob) => {
                    git(&["update-index", "-z", "--index-info"], format!("100644 {blob}\t{path}\0").as_bytes())?;
                }
                Change::Gone(_) => {}
            }
        }
        text(git(&["write-tree"], b"")?)
    }
}

impl Moved {
    /// Moves the branch, unless somebody else did.
    ///
    /// # Errors
    /// When the branch is no longer where it was read.
    pub fn take_effect(&self, why: &str) -> Result<()> {
        let Branch { repository, name, commit: before } = &self.branch;
        let arguments = ["update-ref", "--no-deref", "-m", why, name.as_str(), &self.commit, before];
        repository.ask(&arguments, b"").with_context(|| {
            format!("`{name}` was changed in the meantime\nhint: run the command again, it reads the branch anew")
        })?;
        Ok(())
    }
}

impl Repository {
    /// Writes files into the repository unchanged, and returns their ids.
    ///
    /// # Errors
    /// When one cannot be read, or git fails.
    pub fn write(&self, files: &[PathBuf]) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for file in files {
            let name = std::path::absolute(file)?.into_os_string().into_encoded_bytes();
            if name.contains(&b'\n') {
                bail!("{} has a line break in its path", file.display());
            }
            names.extend(name);
            names.push(b'\n');
        }
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let ids = self.ask(&["hash-object", "-w", "--no-filters", "--stdin-paths"], &names)?;
        let ids: Vec<_> = ids.lines().map(str::to_owned).collect();
        ensure!(ids.len() == files.len(), "git wrote {} of {} files", ids.len(), files.len());
        Ok(ids)
    }
}

/// Prefix of references that keep the second commit of a move between two branches.
const PENDING: &str = "refs/epr-build/pending/";

impl Moved {
    /// Keeps the commit of a branch that is to be moved after another branch.
    ///
    /// # Errors
    /// When git fails.
    pub fn keep(&self) -> Result<()> {
        self.branch.repository.ask(&["update-ref", &self.kept_as(), &self.commit], b"").map(drop)
    }

    /// Removes the reference that keeps the commit.
    ///
    /// # Errors
    /// When git fails.
    pub fn forget(&self) -> Result<()> {
        self.branch.repository.ask(&["update-ref", "-d", &self.kept_as(), &self.commit], b"").map(drop)
    }

    fn kept_as(&self) -> String {
        self.branch.name.replacen("refs/heads/", PENDING, 1)
    }
}

impl Repository {
    /// Finishes moves that were interrupted between the first and the second branch, and drops those that had not begun. The
    /// message of a kept commit names the commit and the branch of the first half, see [`halves`].
    ///
    /// Returns the subjects of the commits that were taken into use.
    ///
    /// # Errors
    /// When git fails, or a branch was changed in the meantime.
    pub fn finish_pending(self: &Arc<Self>) -> Result<Vec<String>> {
        let list = self.ask(&["for-each-ref", "--format=%(refname) %(objectname)", PENDING], b"")?;
        let mut finished = Vec::new();
        for line in list.lines() {
            let Some((kept, commit)) = line.split_once(' ') else { continue };
            let message = self.ask(&["log", "-1", "--format=%B", commit], b"")?;
            let value = |key: &str| message.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
            let (first, target) = (value(FIRST), value(TARGET));
            let is_begun = !first.is_empty() && self.ask(&["merge-base", "--is-ancestor", first, target], b"").is_ok();
            let name = kept.replacen(PENDING, "refs/heads/", 1);
            let is_done = self.ask(&["merge-base", "--is-ancestor", commit, &name], b"").is_ok();
            let before = self.ask(&["rev-parse", "--verify", "--end-of-options", &format!("{commit}^")], b"")?;
            let tip = self.ask(&["rev-parse", "--verify", "--end-of-options", &name], b"").unwrap_or_default();
            // If the branch went on meanwhile, both hold the version, and promoting it again removes it below.
            if is_begun && !is_done && tip == before {
                let branch = Branch { repository: Arc::clone(self), name, commit: before };
                Moved { branch, commit: commit.to_owned() }.take_effect("finish what was interrupted")?;
                finished.push(message.lines().next().unwrap_or_default().to_owned());
            }
            self.ask(&["update-ref", "-d", kept, commit], b"")?;
        }
        Ok(finished)
    }
}

/// Trailer with the commit of the first half.
const FIRST: &str = "Promoted-in: ";
/// Trailer with the branch of the first half.
const TARGET: &str = "Promoted-to: ";

/// The lines in the message of the second commit that name the first half of a move.
pub fn halves(first: &Moved) -> String {
    let mut text = String::new();
    // Writing to a text cannot fail.
    let _ = write!(text, "{FIRST}{}\n{TARGET}{}\n", first.commit, first.branch.name);
    text
}
