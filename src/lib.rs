#![doc = include_str!("ARCHITECTURE.md")]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests prepare and look at files by themselves"))]

pub mod base;
pub mod dialect;
pub mod package;
pub mod config;
pub mod input;
pub mod store;
pub mod catalog;
pub mod answers;
pub mod site;
pub mod hosts;
pub mod generation;
pub mod compare;
pub mod build;
pub mod edit;
pub mod carry;
pub mod serve;
pub mod cli;
