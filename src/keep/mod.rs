//! What sites have installed, and what a mirrored layer may lose.
//!
//! ```text
//! answers of Kibana ─► gather ─► keep file ─► pins ─► check
//!                                              └────► prune: wanted ─► fates ─► list ─► taken out
//! ```
//!
//! Kibana downloads what it has installed again: at upgrades, after failures, to repair. So an installed version must stay
//! where Kibana finds it, and what nobody has installed, no selection wants and no generation shows may go. `import` asks
//! one Kibana, `saved` reads answers that were saved; both end in `gather`, which draws the conclusion. Nothing here
//! removes a version unless it was shown before, with its reason, and is still of no use.

mod answer;
pub mod check;
mod client;
mod doubt;
mod gather;
mod import;
pub mod list;
pub mod prune;
pub mod replace;
mod saved;
pub mod sources;
#[cfg(test)]
mod tests;

pub use client::{Address, Client};
pub use doubt::{DAY, Doubt, STALE, doubts};
pub use gather::Imported;
pub use import::{Kibana, Reply, Spaces, Stop, import, is_space};
pub use saved::import as import_saved;
