//! What a runner does before its first call: it ends what an earlier one left half done. Decides nothing.

use crate::effect::ToolError;

use super::ToolWorld;
use super::patch::{Recovered, Workshop, recover};
use super::tools::{patch_error, sweep_held_folders};

/// Removes what killed runners left of their commands, and brings every change of this workspace that a crash interrupted to an end: back to before, or on to after. To be
/// called when the runner starts, before the first call.
pub fn recover_workspace(world: &ToolWorld) -> Result<Vec<Recovered>, ToolError> {
    sweep_held_folders(world);
    recover(Workshop { root: &world.root, state: &world.state }).map_err(|error| patch_error(&error))
}
