//! Which precomputed answer belongs to a request: one model from which every host's rules are made.
//!
//! [`model`] is the data, [`Routes::route`](model::Routes) the reference router; `hosts` turns the same data into
//! configurations. Knows nothing of packages' documents, disks or HTTP libraries.

pub mod model;
