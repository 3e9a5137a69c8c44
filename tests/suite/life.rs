//! The life of packages: what a Kibana gets of them and why, what may change, what did change.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

mod branches;
mod diff;
mod generations;
mod kills;
mod log;
mod loss;
mod moving;
mod policy;
mod release;
mod which;
