//! `epr-build image`.

use super::common::Exit;
use super::common::failures::{other_file, wanted_distribution};
use super::common::options::{JobsOption, OutputFolder};
use super::common::print::print;
use super::common::talk;
use crate::base::progress::Progress;
use crate::base::words::counted;
use crate::carry::image::{self, ImageOptions};
use crate::generation::release::check_name;
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  epr-build image --dist staging --output epr.tar
  epr-build image --dist production --output epr.tar --repository registry.example.org/epr --tag 8.5.0

  docker load -i epr.tar        or  podman load -i epr.tar
  docker run --read-only -p 8080:8080 epr:staging
  skopeo copy oci-archive:epr.tar:staging docker://registry.example.org/epr:staging

The image serves one generation on port 8080 as an unprivileged user. It contains this program, which must therefore be \
statically linked: build it with `cargo static`. A program for another processor, named with --program, makes an image for that \
processor; a file that is not epr-build is refused.";

/// Write a container image that serves a distribution; no container engine is needed
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Distribution to put into the image [default: the only one in the output folder]
    #[arg(long, value_name = "NAME")]
    dist: Option<String>,
    /// Image file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    folder: OutputFolder,
    /// Generation or release to put into the image; a release also becomes a tag [default: the generation in use]
    #[arg(long, value_name = "ID")]
    generation: Option<String>,
    /// Name of the image, without a tag
    #[arg(long, value_name = "NAME", default_value = "epr")]
    repository: String,
    /// Tag to add to the names of the distribution and the generation; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Statically linked epr-build to put into the image [default: this program]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Write over a file that is not an image
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    jobs: JobsOption,
}

/// Writes the image.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    arguments.jobs.start_threads()?;
    let distribution = wanted_distribution(&arguments.folder.out, arguments.dist.as_deref())?;
    let generation = match &arguments.generation {
        Some(name) => distribution.resolve(name)?,
        None => distribution.current().unwrap_or_default(),
    };
    let program = match &arguments.program {
        Some(program) => program.clone(),
        None => std::env::current_exe().context("cannot find this program")?,
    };
    let mut tags = arguments.tags.clone();
    tags.extend(arguments.generation.clone().filter(|name| check_name(name).is_ok()));
    let options = ImageOptions {
        out: arguments.folder.out.clone(),
        distribution: distribution.name(),
        generation,
        program,
        repository: arguments.repository.clone(),
        tags,
    };
    if !arguments.force && image::is_other_file(&arguments.output)? {
        return Err(other_file(&arguments.output, "an image"));
    }
    let progress = Progress::new(talk::quiet());
    let image = image::write(&options, &arguments.output, &progress)?;
    if !talk::quiet() {
        let (output, layers) = (arguments.output.display(), counted(image.layers, "layer"));
        let name = image.names.first().map_or("", String::as_str);
        print(&format!(
            "{output}: {layers}, {} bytes\n  names     {}\n  digest    {}\n  load it   docker load -i {output}\n  \
             run it    docker run --read-only -p 8080:8080 {name}\n",
            image.bytes,
            image.names.join(", "),
            image.digest
        ))?;
    }
    Ok(Exit::Clean)
}
