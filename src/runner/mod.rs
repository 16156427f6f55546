//! The only effects of a workflow: `tools/`, one file a tool, and the serving side of the protocol. Takes `Granted` only.
