//! `lgflow runs show RUN --at`: a run as it was at one of its events.

use crate::diag::suggestion;
use crate::front::{AgainError, MomentError, Place, decided_by, moment};
use crate::store::RunId;
use crate::trace::{Point, PointError};
use crate::view::{MomentFacts, escaped, standing_document, standing_text};

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::runs::problem;

pub(super) fn show_at(place: &Place, run: &RunId, at: &str, output: Output) -> Result<Exit, Problem> {
    let point = Point::parse(at).map_err(|error| Problem::usage(escaped(&error.to_string())))?;
    let moment = moment(place, run, &point).map_err(|error| match error {
        MomentError::Again(AgainError::Foreign(_)) => Problem::usage(format!(
            "the run `{run}` was started by another installation, which has the texts that such a moment is decided by; \
             `lgflow runs show {run}` shows where it stands, `lgflow trace show {run}` each event"
        )),
        MomentError::Again(error) => problem(&error),
        MomentError::Point(error) => no_such_point(place, run, &error),
    })?;
    let facts = MomentFacts { event: &moment.event, events: moment.events };
    Ok(output
        .either(|| standing_text(&moment.standing, facts), || standing_document(&moment.standing, facts)))
}

/// What is named instead, and where to look.
fn no_such_point(place: &Place, run: &RunId, error: &PointError) -> Problem {
    let more = match error {
        PointError::NoNode(node) => {
            let plan = decided_by(place, run).ok().flatten().map(|(plan, _)| plan);
            let ids = plan.iter().flat_map(|plan| &plan.nodes).map(|node| node.id.as_str());
            suggestion(node, ids).map(|help| format!("; {help}")).unwrap_or_default()
        }
        PointError::NotEnded { began, .. } => format!("; `--at {began}` shows the run as it was then"),
        PointError::NoEvent { .. } | PointError::NeverRan(_) | PointError::NoIteration { .. } => {
            format!("; `lgflow trace show {run}` lists its events")
        }
        PointError::Unreadable(_) => String::new(),
    };
    Problem::usage(format!("{}{more}", escaped(&error.to_string())))
}
