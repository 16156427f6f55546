//! Event vocabulary, hash chain, `RunState`, `apply(state, event)`. Pure: no clock, no disk.
