//! `next(plan, state)` → requests. Pure: no clock, no disk, no threads.
