//! The subcommands, each a function from arguments to an exit value.

use super::args::{BuildArgs, CheckArgs, Cli, Command, GenerateArgs, Generated, InputArgs, ServeArgs};
use super::{Exit, Settings};
use crate::generation::Distribution;
use crate::progress::Progress;
use crate::report::{Report, Timings, bytes};
use crate::serve::{Event, ServeOptions};
use anyhow::{Context, Result};
use clap::CommandFactory;
use std::io::{self, Write};

/// Runs what the command line asks for.
pub fn run(cli: Cli) -> Result<Exit> {
    match cli.command.unwrap_or(Command::Build(cli.build)) {
        Command::Build(args) => build(&args),
        Command::Check(args) => check(&args),
        Command::Serve(args) => serve(&args),
        Command::Generate(args) => generate(&args),
    }
}

fn build(args: &BuildArgs) -> Result<Exit> {
    let settings = prepare(&args.input)?;
    let progress = Progress::new(settings.quiet);
    let (reports, timings) = crate::build(&settings, &args.out, &progress)?;
    progress.finish();
    let mut out = io::stdout().lock();
    for report in &reports {
        eprint_problems(report)?;
        if !settings.quiet {
            write!(out, "{report}")?;
            how_to_serve(&mut out, report, args, &settings)?;
        }
    }
    if !settings.quiet {
        writeln!(out, "time: {timings}")?;
    }
    Ok(exit(&reports, settings.strict))
}

fn check(args: &CheckArgs) -> Result<Exit> {
    let settings = prepare(&args.input)?;
    let progress = Progress::new(settings.quiet);
    let (reports, timings): (Vec<Report>, Timings) = crate::check(&settings, &progress)?;
    progress.finish();
    let mut out = io::stdout().lock();
    for report in &reports {
        eprint_problems(report)?;
        if !settings.quiet {
            write!(out, "{report}")?;
        }
    }
    if !settings.quiet {
        writeln!(out, "nothing written; time: {timings}")?;
    }
    Ok(exit(&reports, settings.strict))
}

fn serve(args: &ServeArgs) -> Result<Exit> {
    let distribution = Distribution::new(&args.out, &args.dist);
    let current = distribution
        .current()
        .with_context(|| format!("{} holds no distribution `{}`; build it first", args.out.display(), args.dist))?;
    let options = ServeOptions { generation: distribution.current_link(), debug_header: args.debug_header };
    let name = args.dist.clone();
    crate::serve::serve(&options, &args.listen, move |event| {
        // Nobody may be listening; serving matters more than saying so.
        let _ = match event {
            Event::Listening(address) => writeln!(io::stdout(), "serving {name} ({current}) on http://{address}"),
            Event::Generation(folder) => writeln!(io::stdout(), "now serving {}", folder.display()),
            Event::Trouble(error) => writeln!(io::stderr(), "warning: {error:#}"),
        };
    })?;
    Ok(Exit::Clean)
}

fn generate(args: &GenerateArgs) -> Result<Exit> {
    let mut out = io::stdout().lock();
    let mut command = Cli::command();
    let shell = match args.what {
        Generated::Man => {
            clap_mangen::Man::new(command).render(&mut out)?;
            return Ok(Exit::Clean);
        }
        Generated::Bash => clap_complete::Shell::Bash,
        Generated::Zsh => clap_complete::Shell::Zsh,
        Generated::Fish => clap_complete::Shell::Fish,
    };
    clap_complete::generate(shell, &mut command, "epr-build", &mut out);
    Ok(Exit::Clean)
}

fn prepare(input: &InputArgs) -> Result<Settings> {
    let settings = Settings::resolve(input)?;
    if let Some(jobs) = input.jobs {
        rayon::ThreadPoolBuilder::new().num_threads(jobs).build_global().context("cannot start the threads")?;
    }
    Ok(settings)
}

fn eprint_problems(report: &Report) -> Result<()> {
    Ok(io::stderr().lock().write_all(report.problems_text().as_bytes())?)
}

fn exit(reports: &[Report], strict: bool) -> Exit {
    if reports.iter().all(|report| report.is_clean(strict)) { Exit::Clean } else { Exit::Problems }
}

fn how_to_serve(out: &mut impl Write, report: &Report, args: &BuildArgs, settings: &Settings) -> io::Result<()> {
    let plan = settings.distributions.iter().find(|plan| plan.name == report.distribution);
    let listen = plan.map_or("", |plan| plan.listen.as_str());
    let name = &report.distribution;
    let folder = args.out.display();
    writeln!(out, "  generation {} in {folder}/{name}/current", report.generation)?;
    writeln!(out, "  site {}", bytes(report.sizes.archives + report.sizes.documents + report.sizes.answers))?;
    writeln!(out, "  serve it:  epr-build serve --dist {name} --out {folder}")?;
    writeln!(out, "  or:        nginx -p {folder}/{name}/current/hosts/nginx -c nginx.conf")?;
    writeln!(out, "  kibana.yml: xpack.fleet.registryUrl: \"http://{listen}\"")
}
