//! The test suite: one binary, one module a theme.

mod answers;
mod archives;
mod built;
mod conformance;
mod fixture_layer;
mod fixtures;
mod golden;
mod hostile;
mod repeat;
mod routers;
