//! The `lgflow` program.

use std::process::ExitCode;

/// Graphs, traces and plans are very many small pieces: with it they take a third less time than with that of the C library.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // a helper is told by its socket what to do, and must have started nothing before
    if std::env::args_os().nth(1).is_some_and(|argument| argument == lgflow::sandbox::HELPER_ARGUMENT) {
        return lgflow::sandbox::helper_main();
    }
    lgflow::cli::main()
}
