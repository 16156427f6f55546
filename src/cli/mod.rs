//! Arguments, a file a subcommand, printing, exit codes.

mod args;
mod completions;
mod dispatch;
mod exit;
mod explain;
mod export;
mod graph_file;
mod hidden;
mod man;
mod output;
mod pages;
mod problem;
mod schema;
mod terminal;
mod trace;
mod validate;

pub use args::{Cli, Command, Format};
pub use dispatch::main;
pub use exit::Exit;
pub use pages::page;
