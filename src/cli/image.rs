//! `epr-build image`: a container image without a container engine.

use super::commands::not_built;
use super::{Exit, args};
use crate::base::progress::Progress;
use crate::carry::image::{self, ImageOptions};
use crate::generation::distribution::Distribution;
use crate::generation::release::check_name;
use anyhow::{Context, Result};
use clap::Args;
use std::io::{self, Write};
use std::path::PathBuf;

/// Below the options of `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  epr-build image --dist staging --output epr.tar
  epr-build image --dist production --output epr.tar --repository registry.example.org/epr --tag 8.5.0

  docker load -i epr.tar        or  podman load -i epr.tar
  docker run --read-only -p 8080:8080 epr:staging
  skopeo copy oci-archive:epr.tar:staging docker://registry.example.org/epr:staging

The image serves one generation on port 8080 as an ordinary user. It holds this program, which must therefore be linked
statically: build it with `cargo static`.";

/// Arguments of `image`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Distribution to put into the image
    #[arg(long = "dist", value_name = "NAME")]
    pub dist: String,
    /// File to write
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Folder the distributions were written to
    #[arg(long, value_name = "DIR", default_value = args::DEFAULT_OUT)]
    pub out: PathBuf,
    /// Generation or release to put into the image; the generation in use when absent. The name of a release is a tag, too
    #[arg(long, value_name = "ID")]
    pub generation: Option<String>,
    /// Name of the image, without tag
    #[arg(long, value_name = "NAME", default_value = "epr")]
    pub repository: String,
    /// Further tag, besides the names of distribution and generation; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    pub tags: Vec<String>,
    /// Statically linked epr-build for the image; this program when absent
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,
    /// Print failures only
    #[arg(long, short)]
    pub quiet: bool,
}

/// Writes the image.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let distribution = Distribution::new(&arguments.out, &arguments.dist);
    let Some(current) = distribution.current() else { return Err(not_built(&arguments.dist, &arguments.out)) };
    let program = match &arguments.program {
        Some(program) => program.clone(),
        None => std::env::current_exe().context("cannot find this program")?,
    };
    let mut tags = arguments.tags.clone();
    tags.extend(arguments.generation.clone().filter(|name| check_name(name).is_ok()));
    let options = ImageOptions {
        out: arguments.out.clone(),
        distribution: arguments.dist.clone(),
        generation: arguments.generation.as_ref().map_or(Ok(current), |name| distribution.resolve(name))?,
        program,
        repository: arguments.repository.clone(),
        tags,
    };
    let progress = Progress::new(arguments.quiet);
    let image = image::write(&options, &arguments.output, &progress)?;
    if !arguments.quiet {
        let mut out = io::stdout().lock();
        writeln!(out, "{}: {} layers, {} bytes", arguments.output.display(), image.layers, image.bytes)?;
        writeln!(out, "  names     {}", image.names.join(", "))?;
        writeln!(out, "  digest    {}", image.digest)?;
        writeln!(out, "  load it   docker load -i {}", arguments.output.display())?;
        let name = image.names.first().map_or("", String::as_str);
        writeln!(out, "  run it    docker run --read-only -p 8080:8080 {name}")?;
    }
    Ok(Exit::Clean)
}
