//! Complete builds of a distribution, side by side.

pub mod distribution;
pub mod history_page;
pub mod include;
pub mod lay_again;
pub mod listed;
pub mod lost;
pub mod mend;
pub mod own_files;
pub mod prune;
pub mod release;
mod release_log;
pub mod uses;
