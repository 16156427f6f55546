//! Arguments, a file a subcommand, printing, exit codes.

mod answer;
mod args;
mod completions;
mod config;
mod dispatch;
mod doctor;
mod exit;
mod explain;
mod export;
mod graph_file;
mod held;
mod hidden;
mod init;
mod inputs;
mod man;
mod output;
mod pack;
mod plan;
mod policy;
mod policy_check;
mod policy_diff;
mod policy_explain;
mod policy_test;
mod problem;
mod run;
mod runs;
mod schema;
mod template;
mod terminal;
mod tool;
mod trace;
mod trust;
mod validate;

pub use args::{Cli, Command, Format};
pub use dispatch::main;
pub use exit::Exit;
