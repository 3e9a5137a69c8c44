//! `epr-build cache`.

use super::common::Exit;
use super::common::options::{ConfigOption, OutputFolder};
use super::common::print::{field, print};
use super::common::settings::layer_paths;
use super::common::talk;
use crate::base::fs::Lock;
use crate::base::progress::bytes;
use crate::base::words::counted;
use crate::catalog::cache::Cache;
use crate::generation::prune;
use crate::input::image::{self, UnpackedImage};
use crate::store::Store;
use anyhow::{Result, ensure};
use clap::Args;
use std::path::Path;

const EXAMPLES: &str = "\
Examples:
  epr-build cache info
  epr-build cache prune --out /srv/epr

Builds remember what they found out about packages, keep every content once in the store, and unpack container images that are \
layers into `.images` of the output folder. `prune` removes what nothing needs any more; images that no layer of the \
configuration names are such. Without a configuration it leaves images alone. What is removed and needed again is read again.";

/// Show or clean up what builds remember
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// What to do
    #[arg(value_enum)]
    action: Action,
    #[command(flatten)]
    folder: OutputFolder,
    #[command(flatten)]
    config: ConfigOption,
}

/// What can be done.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Action {
    /// Print how many packages and answers are remembered, and which images are unpacked
    Info,
    /// Remove from the store what no generation and no remembered package needs, and images that no layer is any more
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
            let images: String = image::unpacked(out)?.iter().map(render).collect();
            print(&format!(
                "{} and {} are remembered\n{images}",
                counted(packages, "package"),
                counted(answers, "answer")
            ))?;
        }
        Action::Prune => {
            // A mistake there is said before anything is removed.
            let paths = layer_paths(arguments.config.path())?;
            let _lock = Lock::take(out)?;
            let (store, cache) = (Store::open(&root)?, Cache::read(out));
            let pruned = prune::sweep(out, &store, &cache)?;
            let images = paths.map_or(Ok(Vec::new()), |paths| image::forget(out, &paths))?;
            let size = bytes(pruned.bytes + images.iter().map(|image| image.bytes).sum::<u64>());
            if !talk::quiet() {
                let lines: String = images.iter().map(render).collect();
                let parts = [(pruned.trees, "folder"), (pruned.blobs, "file"), (images.len(), "image")];
                let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, noun)| counted(*count, noun));
                print(&match parts.collect::<Vec<_>>().split_last() {
                    None => "there is nothing to remove\n".to_owned(),
                    Some((last, [])) => format!("removed {last}, {size}\n{lines}"),
                    Some((last, before)) => format!("removed {} and {last}, {size}\n{lines}", before.join(", ")),
                })?;
            }
        }
    }
    Ok(Exit::Clean)
}

/// An image in a line.
fn render(image: &UnpackedImage) -> String {
    let path =
        image.source.as_deref().map_or_else(|| "not known any more".to_owned(), |path| Path::display(path).to_string());
    field("image", format!("{path}, {}", bytes(image.bytes)))
}
