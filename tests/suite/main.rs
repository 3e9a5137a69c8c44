//! The test suite: one binary, one module a theme.
#![allow(clippy::disallowed_methods, reason = "tests prepare and look at files by themselves")]

mod answers;
mod archives;
mod built;
mod bundle;
mod cli;
mod computed;
mod conformance;
mod coverage;
mod crash;
mod damage;
mod fixture_layer;
mod fixtures;
mod formats;
mod golden;
mod harness;
mod hostile;
mod image;
mod in_process;
mod included;
mod incremental;
mod life;
mod links;
mod oracle;
mod packaging;
mod power;
mod publish;
mod repeat;
mod rooms;
mod routers;
mod running;
mod serving;
mod strays;
mod switching;
mod tidy;
mod ui;
