//! `epr-build keep list`.

use crate::base::words::counted;
use crate::cli::common::Exit;
use crate::cli::common::options::LayerOptions;
use crate::cli::common::print::{field, print, print_exact, print_json};
use crate::keep::list::{Listed, Site, list, sites};
use crate::select::keep_file::read_all;
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  epr-build keep list
  epr-build keep list keep/site-a.keep keep/site-b.keep --format csv

Exit codes:
  0  the list is there
  2  could not: wrong usage or configuration, a keep file that is wrong, or the machine failed";

/// List the sites, what is kept, and by which of them
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

/// The list as JSON.
#[derive(Serialize)]
struct Answer {
    sites: Vec<Site>,
    versions: Vec<Listed>,
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
    let files = read_all(&patterns)?;
    let (sites, versions) = (sites(&files), list(&files));
    match arguments.format {
        ListFormat::Json => print_json(&Answer { sites, versions })?,
        ListFormat::Csv => print_exact(&csv(&sites, &versions))?,
        ListFormat::Text => print(&(site_lines(&sites) + "\n" + &text(&versions)))?,
    }
    Ok(Exit::Clean)
}

/// One line for each site.
fn site_lines(sites: &[Site]) -> String {
    let line = |Site { site, kibana, prerelease, taken, complete, notes, key, versions }: &Site| {
        let kibana =
            kibana.as_ref().map_or_else(|| "Kibana of unknown version".to_owned(), |is| format!("Kibana {is}"));
        let prerelease = match prerelease {
            Some(true) => ", asks for pre-releases",
            Some(false) => "",
            None => ", may ask for pre-releases",
        };
        let key = key.as_ref().map(|key| format!(", key {key}")).unwrap_or_default();
        let complete = if *complete { "complete" } else { "not complete" };
        let notes: String = notes.iter().map(|note| field("note", note)).collect();
        let count = counted(*versions, "version");
        format!("{site}: {kibana}{prerelease}, taken {taken}, {complete}{key}, {count}\n{notes}")
    };
    sites.iter().map(line).collect()
}

fn text(listed: &[Listed]) -> String {
    let lines = listed.iter().map(|Listed { name, version, sites }| {
        let fields: String = sites.iter().map(|site| field(&site.site, site.words())).collect();
        format!("{name} {version}\n{fields}")
    });
    lines.collect()
}

/// No value has commas or quotes but names of sites, which are names of files.
fn csv(sites: &[Site], listed: &[Listed]) -> String {
    let quoted = |text: &str| {
        if text.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.to_owned()
        }
    };
    let sites: BTreeMap<&str, &Site> = sites.iter().map(|site| (site.site.as_str(), site)).collect();
    let yes_or_no = |value: bool| if value { "yes" } else { "no" };
    let mut text = "name,version,site,reasons,source,optional,kibana,prerelease,taken,complete,key\n".to_owned();
    for Listed { name, version, sites: kept_by } in listed {
        for site in kept_by {
            let Some(Site { kibana, prerelease, taken, complete, key, .. }) = sites.get(site.site.as_str()) else {
                continue;
            };
            let reasons: Vec<_> = site.reasons.iter().map(ToString::to_string).collect();
            let source = site.source.map(|source| source.to_string()).unwrap_or_default();
            let optional = yes_or_no(site.optional);
            text += &format!("{name},{version},{},{},{source},{optional}", quoted(&site.site), reasons.join(" "));
            let kibana = kibana.as_ref().map(ToString::to_string).unwrap_or_default();
            let (prerelease, complete) = (prerelease.map(yes_or_no).unwrap_or_default(), yes_or_no(*complete));
            text += &format!(",{kibana},{prerelease},{taken},{complete},{}\n", key.as_deref().unwrap_or_default());
        }
    }
    text
}
