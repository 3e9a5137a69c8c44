//! Which precomputed answer belongs to a request: one model from which every host's rules are made.
//!
//! [`build`] makes the tables of [`model`] and the list of [`answers`] they point to, [`walk`] is the reference reading
//! of them and [`request`] the reference router; `hosts` turns the same tables into configurations. Knows nothing of
//! packages' documents, disks or HTTP libraries.

pub mod answers;
mod axes;
pub mod build;
mod circles;
mod diagram;
mod emit;
mod interned;
mod lookup;
pub mod model;
mod node;
mod path;
pub mod query;
pub mod request;
pub mod rows;
pub mod spelling;
pub mod walk;
pub mod whole;

#[cfg(test)]
mod tests;
