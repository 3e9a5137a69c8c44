//! The document root of a distribution, its pages for people, and the lists of what is in it.

pub mod assemble;
pub mod facts;
pub mod manifest;
pub mod pages;
pub mod report;
pub mod selection_report;
