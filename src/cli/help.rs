//! The help of the program, with its commands in groups. Clap has groups for options only.

use clap::Command;
use clap::builder::Styles;

/// A heading, with the modules of the commands below it.
pub(super) type Group = (&'static str, &'static [&'static str]);

/// A template that lists the commands of a program in groups. The command `help`, which clap adds, ends the last one.
pub(super) fn template(program: &Command, groups: &[Group]) -> String {
    let styles = Styles::default();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let width = groups.iter().flat_map(|(_, modules)| *modules).map(|module| module.len()).max().unwrap_or_default();
    let line = |name: &str, about: &str| format!("  {literal}{name:<width$}{literal:#}  {about}\n");
    let mut text = "{before-help}{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    for (heading, modules) in groups {
        text += &format!("\n{header}{heading}:{header:#}\n");
        for module in *modules {
            let name = module.replace('_', "-");
            let about = program.find_subcommand(&name).and_then(Command::get_about);
            text += &line(&name, &about.map(ToString::to_string).unwrap_or_default());
        }
    }
    text += &line("help", "Print the help of a command");
    text + &format!("\n{header}Options:{header:#}\n{{options}}{{after-help}}")
}
