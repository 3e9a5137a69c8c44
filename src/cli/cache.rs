//! `epr-build cache`.

use super::common::Exit;
use super::common::options::OutputFolder;
use super::common::print::print;
use super::common::talk;
use crate::base::fs::Lock;
use crate::base::progress::bytes;
use crate::base::words::counted;
use crate::catalog::cache::Cache;
use crate::generation::prune;
use crate::store::Store;
use anyhow::{Result, ensure};
use clap::Args;

/// Show or clean up what builds remember
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// What to do
    #[arg(value_enum)]
    action: Action,
    #[command(flatten)]
    folder: OutputFolder,
}

/// What can be done.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Action {
    /// Print how many packages and answers are remembered
    Info,
    /// Remove from the store what no generation and no remembered package needs
    Prune,
}

/// Does it.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let out = &arguments.folder.out;
    let root = out.join("store");
    ensure!(
        root.is_dir(),
        "`{}` is not an output folder of builds\nhint: name the output folder with --out",
        out.display()
    );
    match arguments.action {
        Action::Info => {
            let (packages, answers) = Cache::read(out).len();
            print(&format!("{} and {} are remembered\n", counted(packages, "package"), counted(answers, "answer")))?;
        }
        Action::Prune => {
            let _lock = Lock::take(out)?;
            let (store, cache) = (Store::open(&root)?, Cache::read(out));
            let pruned = prune::sweep(out, &store, &cache)?;
            let size = bytes(pruned.bytes);
            if !talk::quiet() {
                print(&format!(
                    "removed {} and {}, {size}\n",
                    counted(pruned.trees, "folder"),
                    counted(pruned.blobs, "file")
                ))?;
            }
        }
    }
    Ok(Exit::Clean)
}
