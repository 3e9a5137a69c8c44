//! The test suite: one binary, one module a theme.

mod routers;
