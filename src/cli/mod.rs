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
mod coverage;
mod diff;
mod generate;
mod generations;
mod help;
mod image;
mod include;
mod init;
mod keep;
mod keys;
mod kibana_config;
mod log;
mod mirror;
mod probe;
mod promote;
mod publish;
mod release;
mod remove;
mod rollback;
mod select;
mod serve;
mod unbundle;
mod verify;
mod which;

use crate::compare::policy::Refused;
use crate::config::file::Mistakes;
use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
pub use common::Exit;
use common::talk::{self, TalkOptions, say};

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
        Init(init),
        Build(build),
        Check(check),
        Serve(serve),
        Include(include),
        Probe(probe),
        KibanaConfig(kibana_config);
    "Layers":
        Mirror(mirror),
        Select(select),
        Add(add),
        Promote(promote),
        Remove(remove),
        Keys(keys),
        Keep(keep);
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
        Coverage(coverage),
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
    #[command(flatten)]
    talk: TalkOptions,
}

/// Reads the arguments. Wrong ones, and a wish for help, end the program.
pub fn parse() -> Cli {
    let matches = Cli::command().color(talk::asked(std::env::args_os().map(lossy))).get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

fn lossy(argument: std::ffi::OsString) -> String {
    argument.to_string_lossy().into_owned()
}

/// Prints a failure. Nothing is left to do when even this cannot be written.
pub fn report(error: &anyhow::Error) {
    let _ = say(&common::failures::render(error));
}

/// Runs the command.
///
/// # Errors
/// Fails with a message for people, which may end with a hint on a line of its own. Problems of packages, refused changes
/// and mistakes in the configuration are printed here instead.
pub fn run(cli: Cli) -> Result<Exit> {
    talk::begin(cli.talk);
    cli.command.unwrap_or(Command::Build(cli.build)).run().or_else(|error| {
        // Each line of these begins with its own `error:`.
        match error.downcast::<Refused>() {
            Ok(refused) => say(&format!("{refused}\nnothing was taken into use\n"))?,
            Err(error) => say(&format!("{}\n", error.downcast::<Mistakes>()?))?,
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

    /// What an option does, whatever command has it.
    fn described(command: &clap::Command, id: &str) -> Option<String> {
        let found = command.get_arguments().find(|argument| argument.get_id() == id)?;
        let values: Vec<_> = found.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        let (short, long, help) = (found.get_short(), found.get_long(), found.get_help().map(ToString::to_string));
        Some(format!("{short:?} {long:?} {:?} {values:?} {help:?}", found.get_value_names()))
    }

    // Every command takes the first three; the others are taken by all that read packages, many files or the configuration.
    #[test]
    fn shared_options_are_the_same_wherever_they_are() {
        let mut program = Cli::command();
        program.build();
        let commands = program.get_subcommands().filter(|command| command.get_name() != "help");
        let commands: Vec<_> = commands.chain([&program]).collect();
        let all: Vec<_> = commands.iter().map(|command| command.get_name()).collect();
        let layers =
            ["build", "check", "mirror", "select", "add", "promote", "remove", "release", "which", "diff", "epr-build"];
        let configured = [&layers[..], &["verify"]].concat();
        let files = ["image", "bundle", "unbundle"];
        for (id, expected) in [
            ("quiet", all.clone()),
            ("verbose", all.clone()),
            ("color", all),
            ("config", [&configured[..], &["cache"]].concat()),
            (
                "jobs",
                [&configured[..], &files[..]]
                    .concat()
                    .into_iter()
                    .filter(|name| !matches!(*name, "mirror" | "select"))
                    .collect(),
            ),
        ] {
            let mut taken: Vec<_> =
                commands.iter().filter_map(|command| Some((command.get_name(), described(command, id)?))).collect();
            for (name, description) in &taken {
                assert_eq!(*description, taken[0].1, "{name} --{id}");
            }
            let mut expected = expected;
            taken.sort();
            expected.sort_unstable();
            assert_eq!(taken.iter().map(|(name, _)| *name).collect::<Vec<_>>(), expected, "--{id}");
        }
        for command in commands {
            for argument in command.get_arguments() {
                let (id, short) = (argument.get_id().as_str(), argument.get_short());
                assert!(id == "quiet" || short != Some('q'), "{} -q", command.get_name());
                assert!(id == "verbose" || short != Some('v'), "{} -v", command.get_name());
            }
        }
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
