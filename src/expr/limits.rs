//! The limits that are part of the language: how long and how deep an expression may be, and what evaluating it
//! may cost. A hostile template ends in an error, never in a full memory or a full stack.

use super::stop::Stop;

/// Bytes of one expression.
pub const EXPRESSION_BYTES: usize = 4 << 10;
/// Bytes of a template.
pub const TEMPLATE_BYTES: usize = 256 << 10;
/// Brackets in brackets.
pub(super) const BRACKETS: usize = 32;
/// Operators, steps and brackets on top of each other: the height of the tree that the parser makes.
pub(super) const HEIGHT: usize = 160;
/// Statements in statements.
pub(super) const BLOCKS: usize = 16;
/// `elif` branches of one `if`.
pub(super) const BRANCHES: usize = 64;
/// Lists and objects that an expression puts into one another.
pub(super) const MADE_DEPTH: u32 = 32;
/// Bytes of the text that a template gives.
pub const OUTPUT_BYTES: usize = 8 << 20;

/// Steps of one evaluation.
const FUEL: u64 = 2_000_000;
/// Bytes that one evaluation may make in all, intermediate values included.
const MADE_BYTES: usize = 64 << 20;

/// What is left for one evaluation. Nothing is given back: what was made and dropped counts as well, so the
/// limit bounds the memory at every moment.
#[derive(Debug)]
pub(super) struct Budget {
    fuel: u64,
    bytes: usize,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { fuel: FUEL, bytes: MADE_BYTES }
    }

    /// Pays for `steps` of work.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), Stop> {
        let left = self.fuel.checked_sub(steps as u64);
        self.fuel = left.unwrap_or_default();
        left.map(|_| ()).ok_or_else(|| Stop::failed(format!("it takes more than {FUEL} steps")))
    }

    /// Pays for `bytes` of memory, before they are taken.
    pub(super) fn make(&mut self, bytes: usize) -> Result<(), Stop> {
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.unwrap_or_default();
        if left.is_none() {
            return Err(Stop::failed(format!("its values take more than {} MiB", MADE_BYTES >> 20)));
        }
        // Writing memory is work: a step for each 64 bytes.
        self.spend(bytes >> 6)
    }
}
