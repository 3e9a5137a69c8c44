//! `epr-build include`: lets a web server that exists take in a generation through a link.

use super::common::Exit;
use super::common::failures::wanted_distribution;
use super::common::options::{Format, FormatOption, OutputFolder};
use super::common::print::{field, print, print_json};
use super::common::talk;
use crate::base::fs::Lock;
use crate::generation::distribution::Distribution;
use crate::generation::include::{Place, Plan};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  epr-build include nginx --dist production --at /etc/nginx/epr
  epr-build include apache --dist production --at /etc/apache2/epr --dry-run
  epr-build include nginx --dist production --at /etc/nginx/epr --remove

The link leads to a small folder of files that name one generation, and only this command switches it, by one rename. So the \
server can be reloaded by anybody at any time: it goes on with this generation, whatever is built. After each build run this \
command again, and reload the server. Builds keep the generation that the link leads to and the one before it.

Exit codes:
  0  the link leads to the generation, or did before
  2  refused, because something else is at the path; or wrong usage, or the machine failed";

/// Let a web server that you have include a generation
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The web server
    #[arg(value_enum, value_name = "SERVER")]
    host: Host,
    /// Distribution to include [default: the only one in the output folder]
    #[arg(long, value_name = "NAME")]
    dist: Option<String>,
    /// Path of the link, in the configuration folder of the server
    #[arg(long, value_name = "PATH")]
    at: PathBuf,
    #[command(flatten)]
    folder: OutputFolder,
    /// Generation or release that the link shall lead to [default: the generation in use]
    #[arg(long, value_name = "ID", conflicts_with = "remove")]
    generation: Option<String>,
    /// Say what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Remove the link; later builds may then remove its generations
    #[arg(long)]
    remove: bool,
    #[command(flatten)]
    format: FormatOption,
}

/// Servers that take in files of others.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Host {
    Apache,
    Caddy,
    Haproxy,
    Nginx,
}

impl Host {
    /// The folder of the host in a generation.
    fn name(self) -> &'static str {
        match self {
            Self::Apache => "apache",
            Self::Caddy => "caddy",
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
        }
    }

    /// What to write into the configuration of the server: place and line.
    fn lines(self, at: &Path, distribution: &str) -> Vec<(&'static str, String)> {
        let at = at.display();
        match self {
            Self::Apache => vec![("virtual host", format!("Include {at}/virtual-host.conf"))],
            Self::Caddy => vec![("site", format!("import {at}/site.caddy"))],
            Self::Haproxy => vec![
                ("arguments", format!("-f {at}/registry.cfg")),
                ("frontend", format!("use_backend epr_{distribution}")),
            ],
            Self::Nginx => {
                vec![("http", format!("include {at}/http.conf;")), ("server", format!("include {at}/server.conf;"))]
            }
        }
    }

    /// The command by which the server checks its configuration and reads it again.
    fn reload(self, at: &Path) -> String {
        match self {
            Self::Apache => "apachectl configtest && apachectl graceful".to_owned(),
            Self::Caddy => "caddy reload --config /etc/caddy/Caddyfile".to_owned(),
            Self::Haproxy => {
                let files = format!("-f /etc/haproxy/haproxy.cfg -f {}/registry.cfg", at.display());
                format!("haproxy -c {files} && systemctl reload haproxy")
            }
            Self::Nginx => "nginx -t && nginx -s reload".to_owned(),
        }
    }
}

/// Switches or removes the link.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let format = arguments.format.format()?;
    let distribution = wanted_distribution(&arguments.folder.out, arguments.dist.as_deref())?;
    let place = Place::new(&distribution, arguments.host.name(), &arguments.at)?;
    let dist = distribution.name();
    if arguments.remove {
        remove(arguments, &dist, &place, format)
    } else {
        switch(arguments, &distribution, &place, format)
    }
}

fn switch(arguments: &Arguments, distribution: &Distribution, place: &Place, format: Format) -> Result<Exit> {
    let plan = || {
        let current = || distribution.current().unwrap_or_default();
        place.plan(&arguments.generation.as_ref().map_or_else(|| Ok(current()), |id| distribution.resolve(id))?)
    };
    // Refused before the lock is taken, which writes; and looked at again under it.
    let mut planned = plan()?;
    if !planned.is_done && !arguments.dry_run {
        let _lock = Lock::take(&arguments.folder.out)?;
        planned = plan()?;
        place.switch(&planned)?;
    }
    match format {
        Format::Json => print_json(&as_json(arguments, &distribution.name(), &planned))?,
        Format::Text if talk::quiet() => {}
        Format::Text => print(&render(arguments, &distribution.name(), &planned))?,
    }
    Ok(Exit::Clean)
}

fn render(arguments: &Arguments, dist: &str, plan: &Plan) -> String {
    let include = &plan.include;
    let leads = match (plan.is_done, arguments.dry_run) {
        (true, _) => "leads already to",
        (false, true) => "would lead to",
        (false, false) => "leads to",
    };
    let mut text = format!("{}: {} {leads} generation {}\n", dist, include.at.display(), include.generation);
    if let Some(before) = &include.before {
        text += &field("before", before);
    }
    for (place, line) in arguments.host.lines(&include.at, dist) {
        text += &field(&format!("in {place}"), line);
    }
    text + &field("then", arguments.host.reload(&include.at))
}

fn as_json(arguments: &Arguments, dist: &str, plan: &Plan) -> serde_json::Value {
    let include = &plan.include;
    let lines = arguments.host.lines(&include.at, dist).into_iter();
    json!({
        "distribution": dist,
        "server": include.host,
        "at": include.at,
        "generation": include.generation,
        "before": include.before,
        "switched": !plan.is_done && !arguments.dry_run,
        "files": plan.paths(),
        "lines": lines.map(|(place, line)| json!({ "place": place, "line": line })).collect::<Vec<_>>(),
        "reload": arguments.host.reload(&include.at),
    })
}

fn remove(arguments: &Arguments, dist: &str, place: &Place, format: Format) -> Result<Exit> {
    let is_there = place.is_there()?;
    if !is_there {
        bail!(
            "there is no link `{}` of `{dist}`\nhint: `epr-build generations --dist {dist}` lists the links",
            place.at().display(),
        );
    }
    if !arguments.dry_run {
        let _lock = Lock::take(&arguments.folder.out)?;
        place.remove()?;
    }
    let verb = if arguments.dry_run { "would be removed" } else { "is removed" };
    match format {
        Format::Json => print_json(&json!({
            "distribution": dist, "server": arguments.host.name(), "at": place.at(), "removed": !arguments.dry_run,
        }))?,
        Format::Text if talk::quiet() => {}
        Format::Text => print(&format!("{}: {} {verb}\n", dist, place.at().display()))?,
    }
    Ok(Exit::Clean)
}
