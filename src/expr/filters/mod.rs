//! The closed table of filters, tests and functions. Each is a function of values; what it costs is paid for
//! before it is made.

mod args;
mod convert;
mod list;
mod markdown;
mod number;
mod signature;
mod table;
mod test;
mod text;

pub(in crate::expr) use args::Args;
pub(in crate::expr) use table::{
    FILTERS, Filter, MAP_ATTRIBUTE, Param, SPECIAL_FILTERS, SPECIAL_TESTS, TESTS, Test, find_filter,
    find_test, other_name,
};
