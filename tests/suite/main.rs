//! The test suite: one binary, one module a theme.

mod answers;
mod archives;
mod built;
mod cli;
mod conformance;
mod fixture_layer;
mod fixtures;
mod golden;
mod harness;
mod hostile;
mod repeat;
mod routers;
mod tidy;
