//! Which versions a fleet needs, with the reason for each: a pure function of facts.
//!
//! ```text
//! take (union of rules, of what is not excluded) ─► previous ─► keep ─► closure ─► reasons, losses
//! ```
//!
//! Rules choose packages, not versions: a package is taken if some Kibana of the selection gets a version of it that the
//! rule admits, and then every Kibana of the selection gets the same version of it from the choice as from the whole. That is
//! the law, and it holds for all packages that any rule, keep file or requirement brings in. What breaks it is what people ask
//! for: `exclude`, `versions`, `prerelease: no` and queries of a distribution file. [`Choice::losses`] tells each such case,
//! and is found out by asking, not by reckoning.
//!
//! A range of Kibanas is asked at each of its *boundaries*: wherever a constraint of a version of that package changes its
//! result, or Kibana begins to ask in another way. Questions go to [`crate::answers::search`], which builds use, too.

pub mod candidate;
mod choice;
mod choose;
mod chooser;
mod closure;
mod filter;
mod finish;
pub mod keep_file;
mod law;
mod left_out;
pub mod load;
mod mistakes;
mod packages;
pub mod published;
mod queries;
pub mod reason;
pub mod requires;
pub mod resolved;
mod rules;
#[cfg(test)]
mod tests;

pub use candidate::Candidate;
pub use choice::{Choice, Key, Loss, Several};
pub use choose::{choose, choose_leniently, choose_strictly};
pub use keep_file::Pin;
pub use law::{Outside, seen_less_outside};
pub use load::{Loaded, load};
pub use mistakes::{Mistake, Mistakes};
pub use reason::{Asks, Cause, Demand, LeftOut, Reason};
