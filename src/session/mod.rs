//! Ask `interpret`, record, ask the runner through `client`, record, apply; cancel, limits.
