//! The tools, one file each. A tool takes a granted call, asks the call's obligations about every path that it opens,
//! and prints nothing.

mod access;
mod apply_patch;
#[cfg(test)]
mod binary_change_tests;
mod caches;
mod call_folders;
mod carried;
#[cfg(test)]
mod change_tests;
mod exec;
#[cfg(test)]
mod exec_tests;
mod git_folders;
mod git_place;
mod git_tree;
mod globs;
mod http;
mod input;
mod kept_text;
mod list_files;
mod llm;
#[cfg(test)]
mod looking_tests;
mod place;
mod prepare;
mod read_file;
mod really_written;
mod repo_context;
mod rollback;
mod search_files;
mod signal;
mod twins;
mod upper_sides;
mod words;
mod workspace_diff;
mod writing;

pub(super) use access::{Reading, tool_error};
pub(super) use apply_patch::{answered_before, apply_patch, too_large};
pub(super) use call_folders::{RunCaches, sweep_held_folders};
pub(super) use exec::exec;
pub(super) use git_tree::files_of;
pub(super) use http::{http, status_failure, takes_status};
pub(super) use list_files::list_files;
pub(super) use llm::llm;
pub(super) use place::look_ahead;
pub(super) use prepare::{prepare, question};
pub(super) use read_file::read_file;
pub(super) use repo_context::repo_context;
pub(super) use rollback::rollback;
pub(super) use search_files::search_files;
pub(super) use workspace_diff::workspace_diff;
pub(super) use writing::patch_error;
