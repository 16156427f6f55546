//! `repo_context`: facts about a repository, each with the file, lines and digest that it is from. Nothing is run, no
//! clock is asked, and the same files give the same facts, byte for byte.

mod budget;
mod build;
mod connected;
mod facts;
mod imports;
mod language;
mod licence;
mod manifests;
mod project;
mod readme;
mod sample;
mod scan;
mod section;
mod symbols;
mod tests_found;
mod tool;

pub(in crate::runner) use tool::repo_context;
