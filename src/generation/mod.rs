//! Complete builds of a distribution, side by side.

pub mod distribution;
pub mod history_page;
pub mod include;
pub mod prune;
pub mod release;
pub mod uses;
