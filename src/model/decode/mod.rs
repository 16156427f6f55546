//! Reading a tree into typed values: the helpers that the decoders of graphs and of policies share. Knows
//! neither: keys, words and ranges are given by the caller.

mod decoder;
mod example;
mod fields;
mod foreign;
mod given;
mod name;
mod scalar;
mod unit;

pub(crate) use decoder::Decoder;
pub(crate) use fields::{Fields, OwnKeys, Shape, Slot};
pub(crate) use unit::{parse_duration, parse_size};
