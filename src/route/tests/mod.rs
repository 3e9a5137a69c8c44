//! The tables against the plain algorithm, and how large they become.

mod size;
mod walks;
