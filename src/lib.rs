//! `epr-build`: layered distributions of packages in, a static Elastic Package Registry out.

pub mod package;
pub mod problem;
pub mod route;
pub mod version;
pub mod yaml;
