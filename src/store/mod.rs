//! Runs in the user's state folder: append, read back, lock. Never in a workspace.
