//! The subcommands, each a function from arguments to an exit value.

use super::args::{BuildArgs, CheckArgs, Cli, Command, GenerateArgs, Generated, InputArgs};
use super::{Exit, publish, settings, summary, upkeep};
use crate::base::fs::list;
use crate::base::progress::{Progress, Timings};
use crate::base::suggest::nearest;
use crate::build;
use crate::compare::holdings::Base;
use crate::compare::policy::Refused;
use crate::config::file::Mistakes;
use crate::config::settings::Settings;
use crate::generation::distribution::Distribution;
use crate::site::report::Report;
use anyhow::{Context, Error, Result, anyhow};
use clap::CommandFactory;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// How many problems a build prints; all of them are in its report.
const MAX_PROBLEMS: usize = 20;

/// A watch looks at most this often.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);
/// Between two looks of a watch lies so many times the time of a look.
const WATCH_SHARE: u32 = 10;

/// Runs what the command line asks for.
///
/// # Errors
/// What has to be said besides problems, which are printed here; a hint is on a line of its own.
pub fn run(cli: Cli) -> Result<Exit> {
    let exit = match cli.command.unwrap_or(Command::Build(cli.build)) {
        Command::Build(args) => build(&args),
        Command::Check(args) => check(&args),
        Command::Serve(args) => super::serve::run(&args),
        Command::Publish(args) => publish::run(&args),
        Command::Generations(args) => upkeep::generations(&args),
        Command::Rollback(args) => upkeep::rollback(&args),
        Command::Cache(args) => upkeep::cache(&args),
        Command::Image(args) => super::image::run(&args),
        Command::Probe(args) => super::probe::run(&args),
        Command::KibanaConfig(args) => super::kibana_config::run(&args),
        Command::Bundle(args) => super::bundle::run(&args),
        Command::Unbundle(args) => super::unbundle::run(&args),
        Command::Verify(args) => super::verify::run(&args),
        Command::Which(args) => super::which::run(&args),
        Command::Diff(args) => super::diff::run(&args),
        Command::Log(args) => super::log::run(&args),
        Command::Release(args) => super::release::run(&args),
        Command::Add(args) => super::add::run(&args),
        Command::Promote(args) => super::promote::run(&args),
        Command::Remove(args) => super::remove::run(&args),
        Command::Generate(args) => generate(&args),
    };
    exit.or_else(|error| {
        // These carry their own `error:` each.
        match error.downcast::<Refused>() {
            Ok(refused) => writeln!(io::stderr(), "{refused}\nnothing was taken into use")?,
            Err(error) => writeln!(io::stderr(), "{}", error.downcast::<Mistakes>()?)?,
        }
        Ok(Exit::Failed)
    })
}

fn build(args: &BuildArgs) -> Result<Exit> {
    start_threads(&args.input)?;
    if args.watch {
        return watch(args);
    }
    let settings = build_settings(args)?;
    let progress = Progress::new(settings.quiet);
    let (reports, timings) =
        build::build(&settings, &args.out, &progress).map_err(|error| with_hint(error, &args.out))?;
    if args.verify_clean {
        crate::build::verify::equals_clean_build(&settings, &args.out, &progress)
            .context("the build is not a clean one")?;
    }
    progress.finish();
    tell(args, &settings, &reports, &timings)?;
    if args.verify_clean && !settings.quiet {
        writeln!(io::stdout(), "verified: equal to a clean build")?;
    }
    Ok(exit(&reports, settings.strict))
}

/// Builds whenever something changed, until the process is ended; what goes wrong is said, and tried again.
///
/// Changes are looked for and not waited for: that works on every file system, and a look is cheap.
fn watch(args: &BuildArgs) -> Result<Exit> {
    let mut last = String::new();
    loop {
        let begin = Instant::now();
        let told = match watched_build(args) {
            Ok((settings, reports, timings)) => {
                let told = reports.iter().map(Report::to_json).collect();
                if told != last {
                    tell(args, &settings, &reports, &timings)?;
                }
                told
            }
            Err(error) => {
                let told = format!("error: {error:#}");
                if told != last {
                    writeln!(io::stderr(), "{told}")?;
                }
                told
            }
        };
        last = told;
        std::thread::sleep((begin.elapsed() * WATCH_SHARE).max(WATCH_INTERVAL));
    }
}

fn watched_build(args: &BuildArgs) -> Result<(Settings, Vec<Report>, Timings)> {
    let settings = build_settings(args)?;
    let (reports, timings) = build::build(&settings, &args.out, &Progress::new(true))?;
    Ok((settings, reports, timings))
}

fn build_settings(args: &BuildArgs) -> Result<Settings> {
    let resolved = settings::resolve(&args.input)?;
    Ok(Settings {
        use_cache: !args.no_cache,
        keep: args.keep.into(),
        exceptions: args.exceptions.exceptions(),
        ..resolved
    })
}

/// Says what was built and what was not.
fn tell(args: &BuildArgs, settings: &Settings, reports: &[Report], timings: &Timings) -> Result<()> {
    io::stderr().write_all(summary::problems(reports, MAX_PROBLEMS).as_bytes())?;
    if !settings.quiet {
        let mut out = io::stdout().lock();
        for (report, plan) in reports.iter().zip(&settings.distributions) {
            out.write_all(summary::summary(report).as_bytes())?;
            out.write_all(summary::how_to_serve(report, plan, &args.out).as_bytes())?;
        }
        writeln!(out, "time: {timings}")?;
    }
    Ok(())
}

fn check(args: &CheckArgs) -> Result<Exit> {
    start_threads(&args.input)?;
    let settings = Settings { exceptions: args.exceptions.exceptions(), ..settings::resolve(&args.input)? };
    let progress = Progress::new(settings.quiet);
    let base = args.against.as_deref().map(|path| Base::open(path, &settings, &progress)).transpose()?;
    let (reports, timings) = build::check::check(&settings, base.as_ref(), &progress)?;
    progress.finish();
    io::stderr().write_all(summary::problems(&reports, usize::MAX).as_bytes())?;
    if !settings.quiet {
        let mut out = io::stdout().lock();
        for report in &reports {
            out.write_all(summary::summary(report).as_bytes())?;
        }
        writeln!(out, "nothing written; time: {timings}")?;
    }
    Ok(exit(&reports, settings.strict))
}

/// What was asked for is not there; says what is.
pub(super) fn not_built(name: &str, out: &Path) -> Error {
    let entries = list(out).unwrap_or_default();
    let mut built: Vec<_> = entries.iter().filter_map(|entry| entry.name().map(str::to_owned)).collect();
    built.retain(|name| Distribution::new(out, name).current().is_some());
    let built: Vec<_> = built.iter().map(String::as_str).collect();
    let hint = match nearest(name, &built) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("build it with `epr-build --dist {name}`, or name the folder it was written to with --out"),
    };
    anyhow!("`{}` holds no distribution `{name}`\nhint: {hint}", out.display())
}

fn generate(args: &GenerateArgs) -> Result<Exit> {
    let mut command = Cli::command();
    // Completions are made in memory, because their generator cannot say that nobody reads any more.
    let mut text = Vec::new();
    let shell = match args.what {
        Generated::Man => None,
        Generated::Bash => Some(clap_complete::Shell::Bash),
        Generated::Zsh => Some(clap_complete::Shell::Zsh),
        Generated::Fish => Some(clap_complete::Shell::Fish),
    };
    match shell {
        None => manual(command, &mut text)?,
        Some(shell) => clap_complete::generate(shell, &mut command, "epr-build", &mut text),
    }
    io::stdout().write_all(&text)?;
    Ok(Exit::Clean)
}

/// One page for the program and all subcommands; the options of `build` are those of the program.
fn manual(command: clap::Command, text: &mut Vec<u8>) -> io::Result<()> {
    let subcommands: Vec<_> = command.get_subcommands().filter(|known| known.get_name() != "build").cloned().collect();
    let page = clap_mangen::Man::new(command);
    page.render_title(text)?;
    page.render_name_section(text)?;
    page.render_synopsis_section(text)?;
    page.render_description_section(text)?;
    page.render_options_section(text)?;
    for subcommand in subcommands {
        writeln!(text, ".SH \"SUBCOMMAND {}\"", subcommand.get_name().to_uppercase())?;
        let page = clap_mangen::Man::new(subcommand.disable_help_flag(true));
        page.render_description_section(text)?;
        page.render_options_section(text)?;
    }
    page.render_extra_section(text)
}

pub(super) fn start_threads(input: &InputArgs) -> Result<()> {
    if let Some(jobs) = input.jobs {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(jobs.into());
        threads.build_global().context("cannot start the threads")?;
    }
    Ok(())
}

fn exit(reports: &[Report], strict: bool) -> Exit {
    if reports.iter().all(|report| report.is_clean(strict)) { Exit::Clean } else { Exit::Problems }
}

/// Adds what to do when the output folder is to blame.
fn with_hint(error: Error, out: &Path) -> Error {
    let hint = match kind(&error) {
        Some(ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            "--out names a folder that you may write to"
        }
        Some(ErrorKind::NotADirectory | ErrorKind::AlreadyExists) => "a file is in the way; --out names a folder",
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            "make room, or name a folder on a larger disk with --out; what was in use before is unharmed"
        }
        _ => return error,
    };
    anyhow!("cannot write to `{}`: {error:#}\nhint: {hint}", out.display())
}

/// What the operating system said, if it is behind the error.
pub(super) fn kind(error: &Error) -> Option<ErrorKind> {
    error.chain().find_map(|cause| {
        let said = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        said.or_else(|| cause.downcast_ref::<rustix::io::Errno>().map(|errno| errno.kind()))
    })
}
