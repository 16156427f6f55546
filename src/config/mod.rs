//! Settings by layer, each with its origin and its class. Pure: texts, variables and flags in, settings out.

mod declaring;
mod file;
mod key;
mod models;
mod origin;
mod paths;
mod profile;
mod resolve;
mod secrets;
mod settings;

pub use key::{Class, KEYS, KeyInfo, Kind};
pub use origin::{Origin, Setting, SettingValue};
pub use paths::{config_beneath, config_folder, state_folder, usual_state_folders};
pub use profile::{PROFILES, Profile};
pub use resolve::{ConfigInput, check_workspace, resolve};
pub use settings::{Retention, Settings};
