//! Generations taken elsewhere: to object stores, as bundles, as images.

pub mod bundle;
pub mod image;
pub mod program;
pub mod publish;
pub mod repair;
