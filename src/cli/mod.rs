//! The command line: what is typed becomes a run, and its results become text.
//!
//! Each command has a file with its options, help and `run`. To add one, write its file, declare it as a module here, and
//! enter it into `commands!` below. Commands import [`common`], never each other or this file.

pub mod common;
mod add;
mod build;
mod bundle;
mod cache;
mod check;
mod diff;
mod generate;
mod generations;
mod help;
mod image;
mod kibana_config;
mod log;
mod probe;
mod promote;
mod publish;
mod release;
mod remove;
mod rollback;
mod serve;
mod unbundle;
mod verify;
mod which;

use crate::compare::policy::Refused;
use crate::config::file::Mistakes;
use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};
pub use common::Exit;
use std::io::{self, Write};

/// Declares the commands, group by group in the order of `--help`. A command that needs more than its own arguments
/// has that after the name of its module.
macro_rules! commands {
    ($($heading:literal: $($variant:ident($module:ident $(, $extra:expr)?)),+;)+) => {
        #[derive(Debug, Subcommand)]
        enum Command {
            $($($variant($module::Arguments),)+)+
        }

        impl Command {
            fn run(self) -> Result<Exit> {
                match self {
                    $($(Self::$variant(arguments) => $module::run(&arguments $(, $extra)?),)+)+
                }
            }
        }

        /// Headings of groups, each with the modules of its commands.
        const GROUPS: &[help::Group] = &[$(($heading, &[$(stringify!($module)),+])),+];
    };
}

commands! {
    "Build and serve":
        Build(build),
        Check(check),
        Serve(serve),
        Probe(probe),
        KibanaConfig(kibana_config);
    "Layers":
        Add(add),
        Promote(promote),
        Remove(remove);
    "Generations":
        Generations(generations),
        Rollback(rollback),
        Release(release),
        Cache(cache);
    "Carry":
        Publish(publish),
        Image(image),
        Bundle(bundle),
        Unbundle(unbundle),
        Verify(verify);
    "Explain":
        Which(which),
        Diff(diff),
        Log(log);
    "Help":
        Generate(generate, Cli::command());
}

const ABOUT: &str = "\
Builds an Elastic Package Registry as a static tree of files that any web server can host.

A layer is a folder of packages: folders `<name>/<version>`, or zips. A distribution is a stack of layers; if several layers hold \
the same version of a package, the first layer wins. Three distributions are built in: `production` (layer production), `staging` \
(production, staging) and `snapshot` (production, staging, snapshot). The configuration file can define others; \
epr-build.sample.yml shows every setting.";

/// Builds an Elastic Package Registry as a static tree of files that any web server can host.
#[derive(Debug, Parser)]
#[command(
    name = "epr-build",
    version,
    long_about = ABOUT,
    help_template = help::template(&Command::augment_subcommands(clap::Command::new("epr-build")), GROUPS),
    after_help = build::EXAMPLES,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Arguments of `build`, the default command.
    #[command(flatten)]
    build: build::Arguments,
}

/// Runs the command.
///
/// # Errors
/// Fails with a message for people, which may end with a hint on a line of its own. Problems of packages, refused changes
/// and mistakes in the configuration are printed here instead.
pub fn run(cli: Cli) -> Result<Exit> {
    cli.command.unwrap_or(Command::Build(cli.build)).run().or_else(|error| {
        // Each line of these begins with its own `error:`.
        match error.downcast::<Refused>() {
            Ok(refused) => writeln!(io::stderr(), "{refused}\nnothing was taken into use")?,
            Err(error) => writeln!(io::stderr(), "{}", error.downcast::<Mistakes>()?)?,
        }
        Ok(Exit::Failed)
    })
}

#[cfg(test)]
mod tests {
    use super::{Cli, GROUPS};
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_lists_every_command_once_in_a_group() {
        let help = Cli::command().render_help().to_string();
        let listing = help.split("\n\nOptions:\n").next().expect("there is something before the options");
        // A description that goes on in the next line is indented further.
        let lines = listing.lines().filter(|line| !line.starts_with("   "));
        let mut listed: Vec<_> = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
        let mut program = Cli::command();
        program.build();
        let mut commands: Vec<_> = program.get_subcommands().map(clap::Command::get_name).collect();
        listed.sort_unstable();
        commands.sort_unstable();
        assert_eq!(listed, commands);
        for (heading, _) in GROUPS {
            assert!(listing.contains(&format!("\n{heading}:\n  ")), "{heading}: {listing}");
        }
    }
}
