//! Rules made by hand, for the tests of the rooms above.

use crate::effect::RuleRef;

use super::{PathRule, PathRules};

impl PathRules {
    /// One layer, `test`, whose lists are at lines 1 (deny), 2 (ask) and 3 (allow) of `test.yaml`.
    pub(crate) fn of_globs(allow: &[&str], ask: &[&str], deny: &[&str]) -> Self {
        let list = |globs: &[&str], rule: &str, line| {
            let one = |glob: &&str| {
                let glob = globset::GlobBuilder::new(glob).literal_separator(true).build().unwrap();
                (glob.compile_matcher(), reference(rule, line))
            };
            globs.iter().map(one).collect()
        };
        Self::new(vec![PathRule {
            deny: list(deny, "paths.deny", 1),
            ask: list(ask, "paths.ask", 2),
            allow: list(allow, "paths.allow", 3),
            silence: reference("paths", 0),
        }])
    }
}

fn reference(rule: &str, line: usize) -> RuleRef {
    RuleRef { layer: "test".to_owned(), rule: rule.to_owned(), file: "test.yaml".to_owned(), line }
}
