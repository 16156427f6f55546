//! The user's record of trust, outside every workspace.
