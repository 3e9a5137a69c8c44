//! `rooms [SOURCE_FOLDER]`: prints how the modules of a crate depend on each other; fails if not in one direction.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("src"), PathBuf::from);
    let report = rooms::check(&folder)?;
    std::io::stdout().write_all(report.to_string().as_bytes())?;
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
