//! What a policy says of one call, as text and as the document `lgflow.policy_explanation/v1`. Judges nothing itself.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::effect::{LayerRole, ToolCall};
use crate::policy::{
    Action, Alteration, Bound, CacheKeeping, Decision, Edit, ExecGrant, Explanation, GitSight, LayerOpinion,
    NetworkAccess, Reason, SandboxMode, WorkspaceMode,
};

use super::escaped;

/// For a program.
pub fn explanation_document(call: &ToolCall, explained: &Explanation) -> Value {
    let layers: Vec<Value> = explained.layers.iter().map(layer_document).collect();
    json!({
        "schema": "lgflow.policy_explanation/v1",
        "tool": call.tool,
        "input": call.input,
        "decision": explained.verdict.decision.as_str(),
        "layers": layers,
        "invariants": explained.invariants.iter().map(reason_document).collect::<Vec<_>>(),
        "obligations": explained.obligations.as_ref().map(bound_document),
        "change": alteration_document(&explained.alteration),
    })
}

fn layer_document(opinion: &LayerOpinion) -> Value {
    json!({
        "layer": opinion.layer,
        "role": opinion.role,
        "decision": opinion.decision.map(Decision::as_str),
        "reasons": opinion.reasons.iter().map(reason_document).collect::<Vec<_>>(),
    })
}

/// A reason with its rule's place.
pub fn reason_document(reason: &Reason) -> Value {
    json!({ "decision": reason.decision.as_str(), "rule": reason.rule, "message": reason.message })
}

fn bound_document(bound: &Bound) -> Value {
    json!({
        "tool_calls": bound.tool_calls,
        "patch_bytes": bound.limits.patch_bytes,
        "patch_files": bound.limits.patch_files,
        "read_bytes": bound.limits.read_bytes,
        "exec": bound.exec.as_ref().map(exec_document),
    })
}

fn exec_document(exec: &ExecGrant) -> Value {
    json!({
        "program": exec.program,
        "search": exec.search.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>(),
        "mode": mode_word(exec.mode),
        "require": exec.require,
        "workspace": workspace_word(exec.workspace),
        "network": network_word(exec.network),
        "git": git_word(exec.git),
        "cache": exec.cache.map(cache_word),
        "cache_folders": exec.cache_folders,
        "unsafe_write": exec.unsafe_write,
        "env_pass": exec.env_pass,
        "env_set": exec.env_set,
        "runs_workspace_code": exec.runs_workspace_code,
        "limits": {
            "wall_ms": u64::try_from(exec.limits.wall.as_millis()).unwrap_or(u64::MAX),
            "cpu_ms": exec.limits.cpu.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            "memory": exec.limits.memory,
            "processes": exec.limits.processes,
            "output": exec.limits.output,
            "workspace_bytes": exec.limits.workspace_bytes,
        },
    })
}

fn alteration_document(alteration: &Alteration) -> Value {
    let edit = |edit: &Edit| {
        let (what, key, value) = match &edit.action {
            Action::Append(value) => ("add", None, value),
            Action::Remove(value) => ("remove", None, value),
            Action::Set(key, value) => ("set", Some(key), value),
        };
        json!({
            "file": edit.file, "line": edit.line, "at": edit.place(), "action": what, "key": key, "value": value,
            "text": edit.to_string(),
        })
    };
    match alteration {
        Alteration::Edits(edits, decision) => json!({
            "possible": true, "edits": edits.iter().map(edit).collect::<Vec<_>>(), "gives": decision.as_str(),
            "elsewhere": [], "why": null,
        }),
        Alteration::Elsewhere(what) => json!({
            "possible": true, "edits": [], "gives": null, "elsewhere": what, "why": null,
        }),
        Alteration::Impossible(why) => json!({
            "possible": false, "edits": [], "gives": null, "elsewhere": [], "why": why,
        }),
    }
}

/// For a person.
pub fn explanation_text(call: &ToolCall, explained: &Explanation) -> String {
    let mut text = format!(
        "{} {}: {}\n\n",
        escaped(&call.tool),
        escaped(&call.input.to_string()),
        explained.verdict.decision.as_str()
    );
    for (at, opinion) in explained.layers.iter().enumerate() {
        let role = if opinion.role == LayerRole::Grant { "grant" } else { "ceiling" };
        let word = opinion.decision.map_or("says nothing", Decision::as_str);
        // writing to a string can't fail
        let _ = writeln!(text, "{}. {role:7}  {}: {word}", at + 1, escaped(&opinion.layer));
        opinion.reasons.iter().for_each(|reason| reason_text(reason, &mut text));
    }
    if !explained.invariants.is_empty() {
        text.push_str("whatever the layers say\n");
        explained.invariants.iter().for_each(|reason| reason_text(reason, &mut text));
    }
    if let Some(bound) = &explained.obligations {
        bound_text(bound, &mut text);
    }
    text.push('\n');
    alteration_text(&explained.alteration, &mut text);
    text
}

fn reason_text(reason: &Reason, text: &mut String) {
    let place = escaped(&reason.place());
    let _ = writeln!(text, "     {:5}  {place}: {}", reason.decision.as_str(), escaped(&reason.message));
}

fn bound_text(bound: &Bound, text: &mut String) {
    text.push_str("\nbound by\n");
    let limits = [
        ("calls of a run", bound.tool_calls),
        ("bytes of a patch", bound.limits.patch_bytes),
        ("files of a patch", bound.limits.patch_files),
        ("bytes that are read", bound.limits.read_bytes),
    ];
    for (name, most) in limits {
        if let Some(most) = most {
            let _ = writeln!(text, "     {name}: at most {most}");
        }
    }
    if let Some(exec) = &bound.exec {
        exec_text(exec, text);
    }
}

fn exec_text(exec: &ExecGrant, text: &mut String) {
    let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let cache = exec.cache.map_or("none", cache_word);
    let set: Vec<String> = exec.env_set.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let code =
        if exec.runs_workspace_code { "runs code of the workspace" } else { "runs no code of the workspace" };
    let rows = [
        (
            "sandbox",
            format!(
                "{}, workspace {}, network {}, git {}",
                mode_word(exec.mode),
                workspace_word(exec.workspace),
                network_word(exec.network),
                git_word(exec.git)
            ),
        ),
        ("walls besides", list(&exec.require)),
        ("build cache", format!("{cache}: {}", list(&exec.cache_folders))),
        ("really written", list(&exec.unsafe_write)),
        ("variables passed", list(&exec.env_pass)),
        ("variables set", list(&set)),
        (
            "program",
            format!(
                "`{}` of {}; {code}",
                exec.program,
                exec.search.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(":")
            ),
        ),
        ("time", format!("at most {:?}", exec.limits.wall)),
        ("output", format!("at most {} bytes of a stream", exec.limits.output)),
    ];
    for (name, value) in rows {
        let _ = writeln!(text, "     {name}: {}", escaped(&value));
    }
    let more = [
        ("memory", exec.limits.memory),
        ("processes", exec.limits.processes),
        ("bytes added to the workspace", exec.limits.workspace_bytes),
    ];
    for (name, most) in more {
        if let Some(most) = most {
            let _ = writeln!(text, "     {name}: at most {most}");
        }
    }
}

fn alteration_text(alteration: &Alteration, text: &mut String) {
    match alteration {
        Alteration::Edits(edits, decision) => {
            let _ = writeln!(
                text,
                "the smallest change that alters it (tried: it gives `{}`)",
                decision.as_str()
            );
            for edit in edits {
                let _ = writeln!(text, "     {}", escaped(&edit.to_string()));
            }
        }
        Alteration::Elsewhere(what) => {
            text.push_str("what would alter it\n");
            for one in what {
                let _ = writeln!(text, "     {}", escaped(one));
            }
        }
        Alteration::Impossible(why) => {
            let _ = writeln!(text, "no change of a policy alters it: {}", escaped(why));
        }
    }
}

fn mode_word(mode: SandboxMode) -> &'static str {
    match mode {
        SandboxMode::Strict => "strict",
        SandboxMode::BestEffort => "best_effort",
    }
}

fn workspace_word(mode: WorkspaceMode) -> &'static str {
    match mode {
        WorkspaceMode::Direct => "direct",
        WorkspaceMode::Copy => "copy",
        WorkspaceMode::Overlay => "overlay",
    }
}

fn network_word(access: NetworkAccess) -> &'static str {
    match access {
        NetworkAccess::Allow => "allow",
        NetworkAccess::Deny => "deny",
    }
}

fn git_word(sight: GitSight) -> &'static str {
    match sight {
        GitSight::Read => "read",
        GitSight::Hidden => "hidden",
    }
}

fn cache_word(keeping: CacheKeeping) -> &'static str {
    match keeping {
        CacheKeeping::Shared => "shared",
        CacheKeeping::Run => "run",
        CacheKeeping::Seed => "seed",
    }
}
