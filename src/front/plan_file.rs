//! A plan as a document that a run can be held to: made of what was foreseen, read back, and compared with how things
//! stand now.

use std::path::Path;

use serde_json::Value;

use crate::digest::Digest;
use crate::effect::{HeldPlan, PlanBindings, PlannedCall, PlannedWorkspace, WorkTree};
use crate::files::{FileError, read_given};

/// The most bytes of a plan's document.
const LIMIT: u64 = 64 << 20;
/// The schema id.
const SCHEMA: &str = "lgflow.plan/v1";
/// What all versions of it begin with.
const FAMILY: &str = "lgflow.plan/";

/// A plan, read from its document.
#[derive(Debug)]
pub struct PlanFile {
    /// The graph's name.
    pub graph: String,
    /// What it was made for.
    pub bindings: PlanBindings,
    checksum: Digest,
    calls: Vec<PlannedCall>,
}

/// A file that a run cannot be held to.
#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is no JSON.
    #[error("`{file}` is no JSON document ({why}); make a plan with `lgflow plan -o {file}`")]
    NoJson {
        /// The file.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// It is something else.
    #[error("`{file}` is no plan: its `schema` is {found}; make one with `lgflow plan -o {file}`")]
    NoPlan {
        /// The file.
        file: String,
        /// What it says it is.
        found: String,
    },
    /// A later lgflow made it.
    #[error(
        "`{file}` is a plan of the form `{found}`, and this lgflow knows `{SCHEMA}`; make it again with this one: `lgflow \
         plan -o {file}`"
    )]
    OtherVersion {
        /// The file.
        file: String,
        /// Its schema id.
        found: String,
    },
    /// It shows a graph and binds nothing.
    #[error(
        "`{file}` shows a graph and not what a run of it would meet (it has no `binds`), so no run can be held to it; \
         make it with `lgflow plan -o {file}`"
    )]
    BindsNothing {
        /// The file.
        file: String,
    },
    /// It is not as it was written.
    #[error(
        "`{file}` is damaged or was edited: its checksum is {written}, and what it says has {found}; make it again with \
         `lgflow plan -o {file}`"
    )]
    Damaged {
        /// The file.
        file: String,
        /// What it carries.
        written: String,
        /// What it should.
        found: Digest,
    },
    /// Its parts are not what they must be.
    #[error("`{file}` cannot be understood: {why}; make it again with `lgflow plan -o {file}`")]
    Unfit {
        /// The file.
        file: String,
        /// What is wrong.
        why: String,
    },
}

/// The document with what it is bound to, and a checksum over all of it.
pub fn bound_document(mut document: Value, bindings: &PlanBindings) -> Value {
    document["binds"] = serde_json::json!(bindings);
    // as a reader will have it: a text may round the last digit of a number
    let document: Value = serde_json::from_str(&document.to_string()).unwrap_or(document);
    let checksum = Digest::of_json(&document);
    let mut document = document;
    document["checksum"] = serde_json::json!(checksum);
    document
}

/// The whole document of a plan, whether or not a run can be held to it; `None` where the file is something else.
pub fn plan_document_of(path: &Path) -> Result<Option<Value>, PlanFileError> {
    let text = read_given(path, LIMIT)?;
    let Ok(document) = serde_json::from_str::<Value>(&text) else { return Ok(None) };
    if !document["schema"].as_str().is_some_and(|schema| schema.starts_with(FAMILY)) {
        return Ok(None);
    }
    // the same faults are found in it, and it says what to do about them
    PlanFile::of(document.clone(), crate::view::escaped(&path.display().to_string()))?;
    Ok(Some(document))
}

impl PlanFile {
    /// Reads a plan.
    pub fn read(path: &Path) -> Result<Self, PlanFileError> {
        let file = crate::view::escaped(&path.display().to_string());
        let text = read_given(path, LIMIT)?;
        let document: Value = serde_json::from_str(&text)
            .map_err(|error| PlanFileError::NoJson { file: file.clone(), why: error.to_string() })?;
        Self::of(document, file)
    }

    fn of(mut document: Value, file: String) -> Result<Self, PlanFileError> {
        match document.get("schema").and_then(Value::as_str) {
            Some(SCHEMA) => {}
            Some(other) if other.starts_with(FAMILY) => {
                return Err(PlanFileError::OtherVersion { file, found: crate::view::escaped(other) });
            }
            other => {
                let found = other
                    .map_or("not there".to_owned(), |other| format!("`{}`", crate::view::escaped(other)));
                return Err(PlanFileError::NoPlan { file, found });
            }
        }
        if document.get("binds").is_none() {
            return Err(PlanFileError::BindsNothing { file });
        }
        let written = document.as_object_mut().and_then(|document| document.remove("checksum"));
        let written = written.as_ref().and_then(Value::as_str).unwrap_or("not there").to_owned();
        let checksum = Digest::of_json(&document);
        if written != checksum.to_string() {
            let written = crate::view::escaped(&written);
            return Err(PlanFileError::Damaged { file, written, found: checksum });
        }
        let unfit =
            |error: serde_json::Error| PlanFileError::Unfit { file: file.clone(), why: error.to_string() };
        let graph = document["graph"].as_str().unwrap_or_default().to_owned();
        let bindings = serde_json::from_value(document["binds"].take()).map_err(unfit)?;
        let calls = serde_json::from_value(document["verdicts"].take()).map_err(unfit)?;
        Ok(Self { graph, bindings, checksum, calls })
    }

    /// What the runner holds a run to.
    pub fn held(self) -> HeldPlan {
        HeldPlan { checksum: self.checksum, calls: self.calls, programs: self.bindings.programs }
    }

    /// What is not as it was when the plan was made: a sentence for each, with what to do about it.
    pub fn differences(&self, now: &PlanBindings) -> Vec<String> {
        let then = &self.bindings;
        let mut found = Vec::new();
        if then.lgflow != now.lgflow {
            found.push(format!(
                "lgflow: the plan was made by {}, this is {}; run it with that version",
                then.lgflow, now.lgflow
            ));
        }
        found.extend(digests(
            "graph",
            then.graph,
            now.graph,
            "the graph, its prompts or your limits have changed",
        ));
        found.extend(digests(
            "policy",
            then.policy,
            now.policy,
            "the layers say something else than they did",
        ));
        found.extend(digests(
            "secrets",
            then.secrets,
            now.secrets,
            "the declarations of secrets have changed",
        ));
        found.extend(digests(
            "models",
            then.models,
            now.models,
            "the declarations of models or of private origins have changed",
        ));
        for seen in &then.programs {
            if !now.programs.contains(seen) {
                let is = now.programs.iter().find(|program| program.name == seen.name);
                let place = |path: Option<&String>, digest: Option<Digest>| match (path, digest) {
                    (Some(path), Some(digest)) => format!("`{path}` {digest}"),
                    _ => "nowhere".to_owned(),
                };
                found.push(format!(
                    "program `{}`: it was {}, and is {}",
                    seen.name,
                    place(seen.path.as_ref(), seen.digest),
                    place(is.and_then(|is| is.path.as_ref()), is.and_then(|is| is.digest))
                ));
            }
        }
        for seen in &then.toolchains {
            if !now.toolchains.contains(seen) {
                found.push(format!("toolchain `{}`: its folders hold other files than they did", seen.name));
            }
        }
        found.extend(workspace(&then.workspace, &now.workspace));
        if then.inputs.is_some() {
            let inputs = (then.inputs != now.inputs).then(|| {
                "inputs: they are not those that the plan was made with; give the same ones".to_owned()
            });
            found.extend(inputs);
        }
        found.iter().map(|line| crate::view::escaped(line)).collect()
    }
}

fn digests(what: &str, then: Digest, now: Digest, why: &str) -> Option<String> {
    (then != now).then(|| format!("{what}: it was {then}, and is {now}: {why}"))
}

fn workspace(then: &PlannedWorkspace, now: &PlannedWorkspace) -> Option<String> {
    if then.revision != now.revision {
        let named = |revision: &Option<String>| revision.clone().unwrap_or_else(|| "no commit".to_owned());
        return Some(format!(
            "workspace: it stood on {}, and stands on {}",
            named(&then.revision),
            named(&now.revision)
        ));
    }
    if let WorkTree::Unknown { why } = &then.tree {
        return Some(format!(
            "workspace: it could not be compared when the plan was made ({why}), so nothing is known of it"
        ));
    }
    if let WorkTree::Unknown { why } = &now.tree {
        return Some(format!("workspace: it cannot be compared ({why})"));
    }
    (then.tree != now.tree).then(|| {
        let told = |tree: &WorkTree| match tree {
            WorkTree::Dirty { files: 1, digest } => format!("1 file differs from it ({digest})"),
            WorkTree::Dirty { files, digest } => format!("{files} files differ from it ({digest})"),
            WorkTree::Clean | WorkTree::Unknown { .. } => "it was as committed".to_owned(),
        };
        let on = now.revision.as_deref().unwrap_or("no commit");
        format!(
            "workspace: on {on}, when the plan was made {}; now {}; `git status` lists what differs",
            told(&then.tree),
            match &now.tree {
                WorkTree::Clean => "it is as committed".to_owned(),
                tree => told(tree),
            }
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::effect::{PlannedProgram, PlannedToolchain};

    use super::*;

    fn bindings() -> PlanBindings {
        let digest = Digest::of("a");
        PlanBindings {
            lgflow: "1".into(),
            graph: digest,
            policy: digest,
            secrets: digest,
            models: digest,
            programs: vec![PlannedProgram {
                name: "cc".into(),
                path: Some("/usr/bin/cc".into()),
                digest: Some(digest),
            }],
            toolchains: vec![PlannedToolchain { name: "rust".into(), folders: Vec::new(), digest }],
            workspace: PlannedWorkspace { revision: Some("1f".into()), tree: WorkTree::Clean },
            inputs: Some(digest),
        }
    }

    fn document() -> Value {
        let verdicts =
            json!([{ "node": "n", "tool": "read_file", "input": "any", "decision": "allow", "more": 0.1 }]);
        bound_document(json!({ "schema": SCHEMA, "graph": "g", "verdicts": verdicts }), &bindings())
    }

    fn read(document: &Value) -> Result<PlanFile, String> {
        let text = serde_json::to_string(document).unwrap();
        PlanFile::of(serde_json::from_str(&text).unwrap(), "p.json".into()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_was_written_is_read_and_held() {
        let plan = read(&document()).unwrap();
        assert_eq!((plan.graph.as_str(), &plan.bindings), ("g", &bindings()));
        assert!(plan.differences(&bindings()).is_empty());
        let held = plan.held();
        assert_eq!((held.calls.len(), held.programs.len()), (1, 1));
        assert_eq!(held.checksum.to_string(), document()["checksum"]);
    }

    #[test]
    fn what_is_no_sound_plan_says_what_it_is_and_what_to_do() {
        let with = |key: &str, value: Value| {
            let mut document = document();
            document[key] = value;
            document
        };
        let table = [
            (json!([]), "its `schema` is not there"),
            (with("schema", json!("lgflow.graph/v1")), "its `schema` is `lgflow.graph/v1`"),
            (with("schema", json!("lgflow.plan/v2")), "this lgflow knows `lgflow.plan/v1`"),
            (with("graph", json!("h")), "damaged or was edited"),
            (with("checksum", Value::Null), "damaged or was edited: its checksum is not there"),
            (json!({ "schema": SCHEMA }), "it has no `binds`"),
        ];
        for (document, says) in table {
            let error = read(&document).unwrap_err();
            assert!(error.contains(says) && error.contains("lgflow plan -o p.json"), "{error}");
        }
        let unfit = bound_document(json!({ "schema": SCHEMA, "verdicts": [{ "node": 1 }] }), &bindings());
        assert!(read(&unfit).unwrap_err().contains("cannot be understood"));
    }

    #[test]
    fn each_thing_that_is_not_as_it_was_is_named() {
        let (plan, other) = (read(&document()).unwrap(), Digest::of("b"));
        let was = bindings;
        let dirty = WorkTree::Dirty { files: 2, digest: other };
        let none = PlannedProgram { name: "cc".into(), path: None, digest: None };
        let tree = |tree: WorkTree| PlannedWorkspace { tree, ..was().workspace };
        let table = [
            (PlanBindings { lgflow: "2".into(), ..was() }, "lgflow: the plan was made by 1, this is 2"),
            (PlanBindings { graph: other, ..was() }, "graph: it was sha256:"),
            (PlanBindings { policy: other, ..was() }, "policy: it was sha256:"),
            (PlanBindings { secrets: other, ..was() }, "secrets: it was sha256:"),
            (PlanBindings { models: other, ..was() }, "models: it was sha256:"),
            (PlanBindings { programs: vec![none], ..was() }, "program `cc`: it was `/usr/bin/cc` sha256:"),
            (PlanBindings { programs: Vec::new(), ..was() }, "and is nowhere"),
            (PlanBindings { toolchains: Vec::new(), ..was() }, "toolchain `rust`:"),
            (PlanBindings { workspace: tree(dirty), ..was() }, "it was as committed; now 2 files differ"),
            (PlanBindings { workspace: tree(WorkTree::Unknown { why: "x".into() }), ..was() }, "(x)"),
            (
                PlanBindings {
                    workspace: PlannedWorkspace { revision: None, tree: WorkTree::Clean },
                    ..was()
                },
                "it stood on 1f, and stands on no commit",
            ),
            (PlanBindings { inputs: Some(other), ..was() }, "inputs:"),
        ];
        for (now, says) in table {
            let found = plan.differences(&now);
            assert!(found.len() == 1 && found[0].contains(says), "`{says}`: {found:?}");
        }
        let mut open = read(&document()).unwrap();
        open.bindings.inputs = None;
        assert!(open.differences(&bindings()).is_empty(), "inputs that no plan bound are open");
    }
}
