//! `epr-build generate`: texts that are made from the command line itself.

use super::common::Exit;
use crate::base::rule;
use anyhow::Result;
use clap::{Args, Command};
use clap_complete::Shell;
use std::io::{self, Write};

/// Print the manual page or shell completions
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// What to print
    #[arg(value_enum)]
    what: Generated,
}

/// What can be printed.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Generated {
    /// The manual page, in roff
    Man,
    /// Completions for bash
    Bash,
    /// Completions for zsh
    Zsh,
    /// Completions for fish
    Fish,
    /// The reference page of all rules, in Markdown
    #[value(hide = true)]
    Rules,
}

/// Prints a text made from the whole command line.
pub(super) fn run(arguments: &Arguments, program: Command) -> Result<Exit> {
    // Made in memory, because the generator of completions panics if nobody reads them any more.
    let mut text = Vec::new();
    let mut complete = |shell| clap_complete::generate(shell, &mut program.clone(), "epr-build", &mut text);
    match arguments.what {
        Generated::Man => manual(program, &mut text)?,
        Generated::Bash => complete(Shell::Bash),
        Generated::Zsh => complete(Shell::Zsh),
        Generated::Fish => complete(Shell::Fish),
        Generated::Rules => text = rule::reference().into_bytes(),
    }
    io::stdout().write_all(&text)?;
    Ok(Exit::Clean)
}

/// Writes one page for the program and all commands. The options of `build` are those of the program.
fn manual(program: Command, text: &mut Vec<u8>) -> io::Result<()> {
    let commands: Vec<_> = program.get_subcommands().filter(|known| known.get_name() != "build").cloned().collect();
    let page = clap_mangen::Man::new(program);
    page.render_title(text)?;
    page.render_name_section(text)?;
    page.render_synopsis_section(text)?;
    page.render_description_section(text)?;
    page.render_options_section(text)?;
    for command in commands {
        section(command.get_name().to_owned(), command, text)?;
    }
    page.render_extra_section(text)
}

/// Writes the section of a command, and those of the commands below it.
fn section(name: String, command: Command, text: &mut Vec<u8>) -> io::Result<()> {
    let below: Vec<_> = command.get_subcommands().filter(|known| known.get_name() != "help").cloned().collect();
    writeln!(text, ".SH \"SUBCOMMAND {}\"", name.to_uppercase())?;
    let page = clap_mangen::Man::new(command.disable_help_flag(true));
    page.render_description_section(text)?;
    page.render_options_section(text)?;
    below.into_iter().try_for_each(|command| section(format!("{name} {}", command.get_name()), command, text))
}
