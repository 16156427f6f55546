//! A run that a test begins by itself, with a program of its own in the place of lgflow's.

use std::path::Path;

use lgflow::compile::{bundle, check_bundle};
use lgflow::diag::Diagnostics;
use lgflow::effect::FrozenLayer;
use lgflow::files::RelPath;
use lgflow::front::{Display, Finished, Narrator, Place, Resume, Task, execute};
use lgflow::policy::Packs;
use lgflow::session::check_paths;
use lgflow::source::Sources;

/// The place of a workspace's run: its folders lie in `outside`.
pub fn place_in(outside: &Path, store: &str) -> Place {
    Place {
        root: outside.join("work"),
        state: outside.join("state"),
        config: outside.join("config"),
        base: None,
        store: store.parse().unwrap(),
    }
}

/// Begins a run of `graph.yaml`, or goes on with one.
pub fn carry_out(
    place: &Place,
    layers: Vec<FrozenLayer>,
    program: &Path,
    resume: Option<Resume>,
) -> Finished {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let graph = place.root.join("graph.yaml");
    let folders = check_paths(&[graph], &Packs::default(), &mut sources, &mut found).unwrap();
    let texts = bundle(&RelPath::parse("graph.yaml").unwrap(), &folders[0].files, &sources);
    let plan = check_bundle(&texts, &mut Sources::default(), &mut found);
    assert!(!found.has_errors(), "{found:?}");
    let task = Task { resume, ..Task::new(place, (plan.unwrap(), texts), layers, program) };
    execute(&task, &mut Narrator::new(Display::Quiet)).unwrap()
}
