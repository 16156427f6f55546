//! What manifests say of a project: its name, what it depends on, where it starts, and how it is built and tested. One
//! file for each ecosystem; each takes a text and knows no other file.

mod cargo;
mod document;
mod found;
mod go;
mod gradle;
mod maven;
mod npm;
mod package;
mod php;
mod python;
mod ruby;

pub(super) use document::Doc;
pub(super) use found::{Command, Fault, Manifest, purpose_of, read};
