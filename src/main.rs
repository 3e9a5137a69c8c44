//! The door: parse, call, print, exit.

use clap::Parser;
use epr_build::cli::{self, Exit};
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(exit) => exit.into(),
        Err(error) if is_broken_pipe(&error) => Exit::Clean.into(),
        Err(error) => {
            // In one piece, so that nothing else can come between. Nothing is left to do when even this cannot be written.
            let _ = std::io::stderr().write_all(format!("error: {error:#}\n").as_bytes());
            Exit::Failed.into()
        }
    }
}

/// Whoever reads our output may stop reading.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let is_pipe = |cause: &std::io::Error| cause.kind() == std::io::ErrorKind::BrokenPipe;
    error.chain().filter_map(|cause| cause.downcast_ref()).any(is_pipe)
}
