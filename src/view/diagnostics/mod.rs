//! Findings in the forms that people and programs read. A file a form.

mod compact;
mod github;
#[cfg(feature = "cli")]
mod human;
mod json;
mod place;
mod sarif;
#[cfg(feature = "cli")]
mod snippet;

pub use compact::compact;
pub use github::github;
#[cfg(feature = "cli")]
pub use human::{Style, human};
pub use json::json;
pub use sarif::sarif;
