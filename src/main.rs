//! The door: parse, call, print, exit.

fn main() {}
