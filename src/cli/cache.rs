//! `epr-build cache`.

use super::common::Exit;
use super::common::options::{OutputFolder, Verbosity};
use super::common::print::print;
use crate::base::fs::Lock;
use crate::base::progress::bytes;
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
    #[command(flatten)]
    verbosity: Verbosity,
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
            print(&format!("{packages} packages and {answers} answers are remembered\n"))?;
        }
        Action::Prune => {
            let _lock = Lock::take(out)?;
            let (store, cache) = (Store::open(&root)?, Cache::read(out));
            let pruned = prune::sweep(out, &store, &cache)?;
            let size = bytes(pruned.bytes);
            if !arguments.verbosity.quiet {
                print(&format!("removed {} folders and {} files, {size}\n", pruned.trees, pruned.blobs))?;
            }
        }
    }
    Ok(Exit::Clean)
}
