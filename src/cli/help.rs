//! The help of the program, with its commands in groups. Clap has groups for options only.

use clap::Command;
use clap::builder::{StyledStr, Styles};
use std::fmt::Write;

/// A heading, with the modules of the commands below it.
pub(super) type Group = (&'static str, &'static [&'static str]);

/// A template that lists the commands of a program in groups. The command `help`, which clap adds, ends the last one.
pub(super) fn template(program: &Command, groups: &[Group]) -> StyledStr {
    let styles = Styles::default();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let name = |module: &str| module.replace('_', "-");
    let width = groups.iter().flat_map(|(_, modules)| *modules).map(|module| module.len()).max().unwrap_or_default();
    let mut text = StyledStr::new();
    // Writing to a text cannot fail.
    let mut write = |part: String| {
        let _ = text.write_str(&part);
    };
    let line = |name: &str, about: String| format!("  {literal}{name:<width$}{literal:#}  {about}\n");
    write("{before-help}{about-with-newline}\n{usage-heading} {usage}\n\n".to_owned());
    for (heading, modules) in groups {
        write(format!("{header}{heading}:{header:#}\n"));
        for name in modules.iter().map(|module| name(module)) {
            let about = program.find_subcommand(&name).and_then(Command::get_about);
            write(line(&name, about.map(ToString::to_string).unwrap_or_default()));
        }
        if Some(*heading) == groups.last().map(|(heading, _)| *heading) {
            write(line("help", "Print the help of a command".to_owned()));
        }
        write("\n".to_owned());
    }
    write(format!("{header}Options:{header:#}\n{{options}}{{after-help}}"));
    text
}
