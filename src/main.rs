//! The `lgflow` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    lgflow::cli::main()
}
