//! The test suite: one binary, one module a theme.

mod answers;
mod archives;
mod built;
mod cli;
mod conformance;
mod crash;
mod fixture_layer;
mod fixtures;
mod golden;
mod harness;
mod hostile;
mod incremental;
mod repeat;
mod routers;
mod running;
mod switching;
mod tidy;
mod ui;
