//! How many findings of a file are shown: nobody reads the thousandth. Knows nothing of what they say.

use std::collections::BTreeMap;

use crate::diag::{Diagnostics, Severity};
use crate::source::Span;

use super::Limits;
use super::limits::Limit;

/// Keeps the first findings of each file, up to the limit, and says so where there were more. An error that is not
/// shown is still one.
pub fn limit_findings(diagnostics: &mut Diagnostics, limits: &Limits) {
    if diagnostics.len() <= limits.findings {
        return;
    }
    diagnostics.sort();
    let mut met = BTreeMap::new();
    let dropped = diagnostics.extract(|finding| {
        let count = met.entry(finding.span().file).or_insert(0);
        *count += 1;
        *count > limits.findings
    });
    let mut worst: BTreeMap<_, Severity> = BTreeMap::new();
    for finding in dropped.iter() {
        let worst = worst.entry(finding.span().file).or_insert(finding.severity);
        *worst = (*worst).min(finding.severity);
    }
    for (file, severity) in worst {
        let mut finding = Limit::Findings.exceeded(limits, Span::whole(file));
        finding.severity = severity;
        if !diagnostics.iter().any(|known| *known == finding) {
            diagnostics.push(finding);
        }
    }
    diagnostics.sort();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Diagnostic, codes};
    use crate::source::Sources;

    #[test]
    fn of_too_many_findings_the_first_stay_and_an_error_among_the_rest_still_counts() {
        let mut sources = Sources::default();
        let (long, short) = (sources.add("long", "x".repeat(50)), sources.add("short", "x"));
        let mut found = Diagnostics::default();
        for at in (0..20).rev() {
            let code = if at == 19 { codes::UNKNOWN_KEY } else { codes::FORGOTTEN_EDGE };
            found.push(Diagnostic::new(code, Span::new(long, at, at + 1), "x"));
        }
        found.push(Diagnostic::new(codes::UNKNOWN_KEY, Span::new(short, 0, 1), "x"));
        limit_findings(&mut found, &Limits { findings: 5, ..Limits::default() });
        let of = |file| found.iter().filter(|finding| finding.span().file == file).collect::<Vec<_>>();
        assert_eq!(of(short).len(), 1);
        let of_long = of(long);
        assert_eq!(of_long.len(), 6);
        assert_eq!(of_long.iter().filter(|finding| finding.span().start < 5).count(), 6);
        let limit = of_long.iter().find(|finding| finding.code == codes::LIMIT).unwrap();
        assert_eq!(limit.severity, Severity::Error);
    }
}
