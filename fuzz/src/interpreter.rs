//! The interpreter: a sound graph and everything that comes from outside, both drawn from the input. Every state has a next
//! decision or waits; nothing from outside that does not fit is taken; the trace verifies, replays and can be gone on with.

use super::draws::Draws;
use super::files::{Files, plan_of};
use super::generate;
use super::run::Run;

/// Steps from outside, at most.
const STEPS: usize = 300;

/// Bytes → a graph and its run.
pub fn interpreter(bytes: &[u8]) {
    let mut draws = Draws::new(bytes);
    let graph = generate::graph("drawn", &mut draws);
    let text = graph.to_string();
    let (checked, _, found) = Files::of(&text).check();
    let plan = plan_of(&checked).unwrap_or_else(|| panic!("{:?}\n{text}", found.codes()));
    let mut run = Run::begin(&plan, draws).expect("every input has a default");
    run.go_on(STEPS);
    run.hold();
}
