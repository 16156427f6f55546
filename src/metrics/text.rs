//! The text that Prometheus reads, and our own text read back, so that the counts of a further run can be added.

use std::fmt::Write as _;

use super::counts::{Part, Series};
use super::{Counts, FAMILIES, Family, Kind};

/// What our text begins with.
const HEAD: &str = "# Counts of lgflow over all runs that were told to write here.\n";

/// A text that we have not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no file of counts that lgflow has written")]
pub struct NotOurs;

/// The text of counts. A family of which nothing is counted yet is not written.
pub fn text(counts: &Counts) -> String {
    let mut text = HEAD.to_owned();
    let mut last = None;
    for ((place, labels, part), number) in &counts.numbers {
        let family = &FAMILIES[*place];
        if last != Some(*place) {
            let kind = match family.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram(_) => "histogram",
            };
            // writing to a string can't fail
            let _ = writeln!(text, "# HELP {0} {1}\n# TYPE {0} {kind}", family.name, family.help);
            last = Some(*place);
        }
        let _ = writeln!(text, "{} {number}", sample(family, labels, *part));
    }
    text
}

/// `lgflow_call_seconds_bucket{tool="exec",le="0.5"}`
fn sample(family: &Family, labels: &str, part: Part) -> String {
    let (suffix, bound) = match part {
        Part::Value => ("", None),
        Part::Bucket(at) => ("_bucket", Some(bound(family, at))),
        Part::Sum => ("_sum", None),
        Part::Count => ("_count", None),
    };
    let all: Vec<String> = (!labels.is_empty())
        .then(|| labels.to_owned())
        .into_iter()
        .chain(bound.map(|bound| format!("le=\"{bound}\"")))
        .collect();
    let labels = if all.is_empty() { String::new() } else { format!("{{{}}}", all.join(",")) };
    format!("{}{suffix}{labels}", family.name)
}

fn bound(family: &Family, at: usize) -> String {
    match family.kind {
        Kind::Histogram(bounds) => bounds.get(at).map_or_else(|| "+Inf".to_owned(), ToString::to_string),
        Kind::Counter | Kind::Gauge => String::new(),
    }
}

/// Our own text, read back. A family that this version does not know is left out.
///
/// # Errors
/// It is the text of somebody else, and nobody's to write over.
pub fn parse(text: &str) -> Result<Counts, NotOurs> {
    if text.is_empty() {
        return Ok(Counts::new());
    }
    let rest = text.strip_prefix(HEAD).ok_or(NotOurs)?;
    let mut counts = Counts::new();
    for line in rest.lines().filter(|line| !line.starts_with('#')) {
        let (sample, number) = line.rsplit_once(' ').ok_or(NotOurs)?;
        let number = number.parse().map_err(|_| NotOurs)?;
        if let Some(series) = series(sample) {
            counts.numbers.insert(series, number);
        }
    }
    Ok(counts)
}

fn series(sample: &str) -> Option<Series> {
    let (name, labels) = match sample.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}')?),
        None => (sample, ""),
    };
    if let Some(place) = Family::place(name) {
        return Some((place, labels.to_owned(), Part::Value));
    }
    let (family, suffix) = name.rsplit_once('_')?;
    let place = Family::place(family)?;
    match suffix {
        "sum" => Some((place, labels.to_owned(), Part::Sum)),
        "count" => Some((place, labels.to_owned(), Part::Count)),
        "bucket" => {
            let (labels, le) = labels.rsplit_once("le=\"")?;
            let Kind::Histogram(bounds) = FAMILIES[place].kind else { return None };
            let le = le.strip_suffix('"')?;
            let at = (0..=bounds.len()).find(|at| bound(&FAMILIES[place], *at) == le)?;
            Some((place, labels.trim_end_matches(',').to_owned(), Part::Bucket(at)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn counted() -> Counts {
        let mut counts = Counts::new();
        counts.add("lgflow_calls_total", &[("tool", "a\"b\\\n"), ("verdict", "allow")], 3);
        counts.add("lgflow_events_total", &[], 7);
        counts.observe("lgflow_call_seconds", &[("tool", "exec")], Duration::from_millis(30));
        counts.observe("lgflow_call_seconds", &[("tool", "exec")], Duration::from_secs(1000));
        counts.observe("lgflow_store_commit_seconds", &[], Duration::from_micros(40));
        counts.set("lgflow_store_bytes", 4096);
        counts
    }

    #[test]
    fn the_text_is_as_the_format_has_it() {
        let text = text(&counted());
        for line in [
            "# TYPE lgflow_calls_total counter",
            "lgflow_calls_total{tool=\"a\\\"b\\\\\\n\",verdict=\"allow\"} 3",
            "lgflow_call_seconds_bucket{tool=\"exec\",le=\"0.02\"} 0",
            "lgflow_call_seconds_bucket{tool=\"exec\",le=\"0.1\"} 1",
            "lgflow_call_seconds_bucket{tool=\"exec\",le=\"+Inf\"} 2",
            "lgflow_call_seconds_sum{tool=\"exec\"} 1000.03",
            "lgflow_call_seconds_count{tool=\"exec\"} 2",
            "lgflow_store_commit_seconds_bucket{le=\"0.00005\"} 1",
            "lgflow_store_bytes 4096",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
    }

    #[test]
    fn what_was_counted_before_adds_up() {
        let before = parse(&text(&counted())).unwrap();
        assert_eq!(before, counted());
        assert_eq!(parse(""), Ok(Counts::new()));
        let both = text(&counted().after(before));
        for line in [
            "lgflow_events_total 14",
            "lgflow_call_seconds_count{tool=\"exec\"} 4",
            "lgflow_store_bytes 4096",
        ] {
            assert!(both.lines().any(|known| known == line), "{line}\n{both}");
        }
    }

    #[test]
    fn what_somebody_else_has_written_is_not_taken_for_ours() {
        for text in ["# HELP x y\nx 1\n", "\u{0}", &format!("{HEAD}lgflow_events_total many\n")] {
            assert_eq!(parse(text), Err(NotOurs), "{text}");
        }
    }

    #[test]
    fn every_family_has_a_name_of_its_own_that_fits_its_kind() {
        for (at, family) in FAMILIES.iter().enumerate() {
            assert_eq!(Family::place(family.name), Some(at), "{}", family.name);
            let total = family.name.ends_with("_total");
            assert_eq!(family.kind == Kind::Counter, total, "{}", family.name);
            assert!(family.help.ends_with('.'), "{}", family.name);
        }
    }
}
