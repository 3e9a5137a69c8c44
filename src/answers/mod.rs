//! The answers of the registry: filters and latest versions, the tables of all questions, and the settings of Kibana.

pub mod coverage;
pub mod kibana;
pub mod questions;
pub mod route;
pub mod search;
