//! `epr-build`: layered distributions of packages in, a static Elastic Package Registry out.

pub mod archive;
pub mod compress;
pub mod digest;
pub mod package;
pub mod problem;
pub mod route;
pub mod store;
pub mod version;
pub mod yaml;
