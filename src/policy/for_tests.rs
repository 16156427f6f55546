//! Rules made by hand, for the tests of the rooms above.

use crate::effect::RuleRef;

use super::{Granted, Obligations, PathRule, PathRules};

impl PathRules {
    /// One layer, `test`, whose lists are at lines 1 (deny), 2 (ask) and 3 (allow) of `test.yaml`.
    pub(crate) fn of_globs(allow: &[&str], ask: &[&str], deny: &[&str]) -> Self {
        let list = |globs: &[&str], rule: &str, line| -> Vec<(String, RuleRef)> {
            globs.iter().map(|glob| ((*glob).to_owned(), reference(rule, line))).collect()
        };
        let (allow, ask) = (list(allow, "paths.allow", 3), list(ask, "paths.ask", 2));
        let deny = list(deny, "paths.deny", 1);
        Self::new(vec![PathRule::new([&allow, &ask, &deny], reference("paths", 0)).unwrap()])
    }
}

impl<T> Granted<T> {
    /// A grant without a gate.
    pub(crate) fn by_hand(request: T, obligations: Obligations) -> Self {
        Self::new(request, obligations)
    }
}

fn reference(rule: &str, line: usize) -> RuleRef {
    RuleRef { layer: "test".to_owned(), rule: rule.to_owned(), file: "test.yaml".to_owned(), line, column: 1 }
}
