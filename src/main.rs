//! The `lgflow` program.

fn main() {}
