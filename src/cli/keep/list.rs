//! `epr-build keep list`.

use crate::cli::common::Exit;
use crate::cli::common::options::LayerOptions;
use crate::cli::common::print::{field, print, print_exact, print_json};
use crate::keep::list::{Listed, list};
use crate::select::keep_file::read_all;
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  epr-build keep list
  epr-build keep list keep/site-a.keep keep/site-b.keep --format csv

Exit codes:
  0  the list is there
  2  could not: wrong usage or configuration, a keep file that is wrong, or the machine failed";

/// List what is kept, and by which sites
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Keep files [default: those of all layers in the configuration]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Keep files of this layer alone
    #[arg(long, value_name = "LAYER", conflicts_with = "files")]
    layer: Option<String>,
    #[command(flatten)]
    layers: LayerOptions,
    /// Format of the result
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = ListFormat::Text)]
    format: ListFormat,
}

/// Formats of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    /// Lines for people
    Text,
    /// JSON for programs
    Json,
    /// A table for spreadsheets: one line for each version and site
    Csv,
}

/// Prints the list.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let mut patterns = arguments.files.clone();
    if patterns.is_empty() {
        let settings = arguments.layers.resolve_unplaced()?;
        if let Some(name) = &arguments.layer {
            super::files::layer(&settings, name)?;
        }
        let is_meant = |name: &str| arguments.layer.as_deref().is_none_or(|layer| layer == name);
        let plans = settings.layers.iter().filter(|plan| is_meant(&plan.source.name));
        patterns.extend(plans.filter_map(|plan| plan.rules.mirror.as_ref()).flat_map(|source| source.keep.clone()));
    }
    if patterns.is_empty() {
        bail!(
            "no keep file is named\nhint: name some, or give a layer `mirror: {{keep: [keep/*.keep]}}` in the configuration"
        );
    }
    let listed = list(&read_all(&patterns)?);
    match arguments.format {
        ListFormat::Json => print_json(&listed)?,
        ListFormat::Csv => print_exact(&csv(&listed))?,
        ListFormat::Text => print(&text(&listed))?,
    }
    Ok(Exit::Clean)
}

fn text(listed: &[Listed]) -> String {
    let lines = listed.iter().map(|Listed { name, version, sites }| {
        let fields: String = sites.iter().map(|site| field(&site.site, site.words())).collect();
        format!("{name} {version}\n{fields}")
    });
    lines.collect()
}

/// No value has commas or quotes but names of sites, which are names of files.
fn csv(listed: &[Listed]) -> String {
    let quoted = |text: &str| {
        if text.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.to_owned()
        }
    };
    let mut text = "name,version,site,reasons,source,optional\n".to_owned();
    for Listed { name, version, sites } in listed {
        for site in sites {
            let reasons: Vec<_> = site.reasons.iter().map(ToString::to_string).collect();
            let source = site.source.map(|source| source.to_string()).unwrap_or_default();
            let optional = if site.optional { "yes" } else { "no" };
            text += &format!("{name},{version},{},{},{source},{optional}\n", quoted(&site.site), reasons.join(" "));
        }
    }
    text
}
