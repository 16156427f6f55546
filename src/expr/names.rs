//! The words of the language, for completion and for the reference.

use super::filters::{FILTERS, SPECIAL_FILTERS, SPECIAL_TESTS, TESTS};
use super::lower::FUNCTIONS;

/// Every filter.
pub fn filters() -> Vec<&'static str> {
    SPECIAL_FILTERS.iter().copied().chain(FILTERS.iter().map(|filter| filter.name)).collect()
}

/// Every test.
pub fn tests() -> Vec<&'static str> {
    SPECIAL_TESTS.iter().copied().chain(TESTS.iter().map(|test| test.name)).collect()
}

/// Every function.
pub fn functions() -> Vec<&'static str> {
    FUNCTIONS.to_vec()
}
