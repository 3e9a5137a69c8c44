//! The tables against the plain algorithm, and how large they become.

mod circles;
mod labels;
mod size;
mod walks;
