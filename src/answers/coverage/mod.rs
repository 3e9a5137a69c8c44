//! Which questions the routing tables hold: of the known clients ([`forms`]), and of those who asked before ([`tally`]).
//!
//! Hosts that only look answers up refuse what the tables do not hold. Whoever runs one can know that before their clients
//! do: here requests are given to the reference router, and what it refuses is sorted. Knows nothing of files.

pub mod forms;
pub mod log_line;
pub mod proposal;
mod shape;
pub mod tally;

#[cfg(test)]
mod tests;
