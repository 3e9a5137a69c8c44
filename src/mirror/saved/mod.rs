//! Saved container images as upstreams: an image answers as a registry of our own does, with a listing, an index with digests,
//! zips and signatures, so that everything else of a run is the same. No container engine is asked.
//!
//! ```text
//! read ─► catalogue, kept in the layer under the image's digest ─┬─► answers
//!                                                               └─► bring: what is wanted, out of the image's layers
//! ```
//!
//! An image is read from end to end once. What lies in it is remembered under the digest of its configuration, which names
//! the digests of all its layers; a run with nothing new reads nothing but that digest. What is wanted is taken out in one
//! more go, and nothing else is unpacked. Version folders of older images become the zips that a build would make of them.

mod answers;
mod bring;
mod catalogue;
mod read;
#[cfg(test)]
mod tests;
mod upstream;

pub(super) use read::facts_of;
pub(super) use upstream::{open, open_alone};
