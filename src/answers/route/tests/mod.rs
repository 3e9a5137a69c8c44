//! The tables against the plain algorithm, and how large they become.

mod labels;
mod size;
mod walks;
