//! What expressions read, against what is there: names, and the fields behind them. Knows the scope and nothing
//! else of the graph.

mod fields;
mod names;

pub(super) use names::check;
