//! A run as the user's settings have it, and as an earlier one was begun, whatever command begins it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::Settings;
use crate::effect::{FrozenLayer, GraphBundle};
use crate::front::{Demanded, Named, Place, Task, Watching, is_attended};
use crate::ledger::RunRecord;
use crate::plan::Plan;
use crate::policy::ASK_MUTATIONS;
use crate::store::Durability;
use crate::trust::TrustNow;

use super::problem::Problem;
use super::run::{limits, trust_now};
use super::terminal::style_of_stderr;

/// A run of a graph, which is lowered to the user's limits already, under these layers.
pub(super) fn task<'a>(
    place: &'a Place,
    settings: &Settings,
    graph: (Arc<Plan>, GraphBundle),
    layers: Vec<FrozenLayer>,
) -> Task<'a> {
    Task {
        limits: limits(settings),
        declared: settings.declared().clone(),
        durability: Durability::parse(settings.durability()).unwrap_or_default(),
        retention: settings.retention(),
        signing_key: settings.signing_key().map(PathBuf::from),
        color: style_of_stderr().color,
        attended: is_attended(),
        watching: Watching::of(settings),
        ..Task::new(place, graph, layers, Path::new("/proc/self/exe"))
    }
}

/// The graph file that an earlier run was begun with, to be chosen again.
pub(super) fn graph_again(place: &Place, record: &RunRecord) -> Option<PathBuf> {
    record.graph.as_ref().map(|path| if place.base.is_some() { path.clone() } else { place.shown(path) })
}

/// What an earlier run was begun with demands of its layers. One that was to ask about changes does, whatever the settings
/// say by now.
pub(super) fn demanded_again<'a>(
    record: &'a RunRecord,
    settings: &Settings,
) -> Result<Demanded<'a>, Problem> {
    Ok(Demanded {
        policies: &record.policies,
        trust: if record.trusted { TrustNow::Yes } else { trust_now(false, settings)? },
        ask_about_mutations: settings.asks_about_mutations()
            || record.layers.iter().any(|layer| layer.name == ASK_MUTATIONS),
    })
}

/// What the command line of an earlier run named.
pub(super) fn named_again(record: &RunRecord) -> Named {
    Named {
        graph: record.graph.clone(),
        policies: record.policies.clone(),
        trusted: record.trusted,
        profile: record.profile.clone(),
    }
}
