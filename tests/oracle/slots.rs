//! How many calls may be open at once, as the page has it: `max` in each execution of a graph with all that runs inside, a
//! group in all executions of the graph that it is written in.

use std::collections::BTreeMap;

use super::reading::Reading;

/// What open calls take.
#[derive(Default)]
struct Taken<'k> {
    /// By execution: how many, of at most how many.
    executions: BTreeMap<&'k str, (u32, u32)>,
    /// By the place of the graph and the name: the execution that each call is of, of at most how many.
    groups: BTreeMap<(String, String), (Vec<&'k str>, u32)>,
}

/// Do calls with these keys take no more than there is? Says whether those of one group are of several executions.
pub fn are_kept(graph: &Reading, keys: &[&str]) -> Result<bool, String> {
    let mut taken = Taken::default();
    for key in keys {
        take(graph, key, &mut taken);
    }
    let full = taken.executions.iter().find(|(_, (open, most))| open > most);
    if let Some((execution, (open, most))) = full {
        return Err(format!("{open} calls at once in `{execution}`, of at most {most}: {keys:?}"));
    }
    let full = taken.groups.iter().find(|(_, (open, most))| open.len() > *most as usize);
    if let Some((group, (open, most))) = full {
        return Err(format!("{} calls at once in {group:?}, of at most {most}: {keys:?}", open.len()));
    }
    Ok(taken.groups.values().any(|(open, _)| open.iter().any(|one| *one != open[0])))
}

/// `run/outer#2[3]!1/inner!1/0` is a call of `inner` in an execution of what `outer` runs.
fn take<'k>(graph: &Reading, key: &'k str, taken: &mut Taken<'k>) {
    let (mut graph, mut place, mut end) = (graph, String::new(), "run".len());
    loop {
        let execution = &key[..end];
        if let Some(most) = graph.max {
            taken.executions.entry(execution).or_insert((0, most)).0 += 1;
        }
        let step = key[end + 1..].split('/').next().unwrap_or_default();
        let id = step.split(['#', '[', '!', '+']).next().unwrap_or_default();
        let node = graph.nodes.iter().find(|node| node.id == id).expect("a node of the graph");
        if let Some(name) = node.with.get("graph").and_then(|name| name.as_str()) {
            place = format!("{place}/{name}");
            graph = &graph.graphs[name];
            end += 1 + step.len();
            continue;
        }
        if let Some(group) = node.modifiers.group.as_ref().map(|group| group.value.to_string()) {
            let most = graph.groups[&group];
            taken.groups.entry((place, group)).or_insert((Vec::new(), most)).0.push(execution);
        }
        return;
    }
}
