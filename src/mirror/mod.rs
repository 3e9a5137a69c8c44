//! Layers that are filled from registries: what upstreams list is fetched, checked and put into place.
//!
//! ```text
//! listing ─► facts ─► wanted ─► plan ─► fetch ─► check ─► place ─► record
//! ```
//!
//! Listing, facts, wanted and plan are values; requests and files are at the two ends. Nothing that an upstream says is
//! believed: a version is in the layer only after its zip was opened as a build opens it, names itself as it was asked for,
//! and has the signature that the layer's policy demands. A version that is held is never overwritten and never deleted;
//! that an upstream changed or lost one is told, and nothing else. A run may be killed at any moment: what is known of a
//! version is noted before it comes into place, and the next run goes on.
//!
//! ```text
//! LAYER/<name>/<name>-<version>.zip, .zip.sig
//!      /.epr-build/mirror.json        what is held, from where, and what was refused; one version a line
//!                 /mirror.journal     what is added to it while a run goes on
//!                 /unwanted.json      since when versions are held that are not wanted
//!                 /facts.jsonl.zst    what upstreams say of every version that they ever listed
//!                 /deprecated.json    what upstreams say of names that are deprecated, for builds
//!                 /fingerprints       states of files on this disk, by which an exchange is seen
//!                 /partial/           unfinished downloads
//!                 /images/            what lies in saved images that are upstreams, so that none is read twice
//!                 /changed/           what an upstream gives now for a version that is held with other bytes
//!                 /log.jsonl          the log of the layer
//! ```

mod accept;
mod adopt;
mod answer;
mod aside;
mod audit;
mod check;
mod client;
mod deliver;
mod demands;
mod entry;
mod event;
mod exchanged;
mod facts;
mod fault;
mod fetch;
mod fingerprints;
mod formats;
mod gate;
mod group;
mod headers;
mod holdings;
mod index;
mod journal;
mod leftovers;
mod listing;
mod listings;
pub mod look;
mod mirrored;
mod named;
mod notices;
mod ordinary;
mod outcome;
mod place;
mod plan;
mod plan_file;
mod record;
mod redirect;
mod rejudge;
mod repeat;
mod run;
mod saved;
mod scan;
mod selection;
mod session;
mod stand_in;
mod tell;
mod transport;
mod trust;
mod unwanted;
mod wanted;
mod watch;
mod workshop;

pub use facts::{Facts, FactsTable, Key};
pub(crate) use fault::Fault;
pub use gate::Gates;
pub(crate) use headers::parse as parse_headers;
pub use mirrored::{MirroredLayer, MirroredVersion};
pub use outcome::{Cleared, Ending, Event, Mirrored, Outcome, SelectionOutcome};
pub use plan::Fetch;
pub use plan_file::PlanFile;
pub use run::mirror;
pub use session::{Mode, Request};
pub(crate) use transport::Transport;
