//! The test suite: one binary, one module a theme.

mod fixture_layer;
mod fixtures;
mod routers;
