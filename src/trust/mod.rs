//! The user's record of trust, outside of every workspace; the layers of a run, which follow from it; and files that only the user may write.

mod deciding;
mod error;
mod layers;
mod machine;
mod record;
mod standing;

pub use deciding::{Deciding, what_decides};
pub use error::TrustError;
pub use layers::{GraphOrigin, LayerSources, RunLayers, layers_for_run};
pub use machine::{machine_layers, user_layer};
pub use record::{forget, record};
pub use standing::{Standing, TrustNow, standing};
