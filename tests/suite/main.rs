//! The test suite: one binary, one module a theme.

mod answers;
mod archives;
mod built;
mod fixture_layer;
mod fixtures;
mod golden;
mod repeat;
mod routers;
