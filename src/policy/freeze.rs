//! A policy's text with all that it names → frozen layers: what is decided by later is fixed here. Opens no file:
//! the caller's reader does, with the resolver and its rules.

use std::collections::BTreeSet;

use crate::diag::{Diagnostic, Diagnostics, codes, suggestion};
use crate::document::{Limits, Syntax, parse};
use crate::effect::{FrozenLayer, LayerRole};
use crate::model::policy::decode_policy;
use crate::model::{Policy, says_ours};
use crate::source::{Located, Sources, Span};

use super::Packs;
use super::builtin::{BUILTINS, builtin};

/// Layers inside of layers, at most.
pub(super) const MAX_DEPTH: usize = 8;

/// How a policy file begins.
const SCHEMA_LINE: &str = "schema: lgflow.policy/v1";

/// The text of a policy file, and the name to show it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyText {
    /// As named: what a refusal points at.
    pub name: String,
    /// The whole of it.
    pub text: String,
    /// How it is written.
    pub syntax: Syntax,
}

/// Opens the file that the layer with the first name names by the second. The error is a phrase that follows the
/// name, without a full stop.
pub type ReadPolicy<'a> = dyn FnMut(&str, &str) -> Result<PolicyText, String> + 'a;

/// Freezes a policy: the layer itself with what it includes, then the ceilings that it names. A `pack:` is looked up
/// in `packs`, everything else that is no builtin is read. Every finding goes into `diagnostics`; where there was an
/// error, what is returned must not be used.
pub fn freeze(
    policy: PolicyText,
    role: LayerRole,
    packs: &Packs,
    sources: &mut Sources,
    read: &mut ReadPolicy<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<FrozenLayer> {
    let mut freezer = Freezer { packs, sources, read, diagnostics, ceilings: Vec::new(), above: Vec::new() };
    let layer = freezer.layer(policy, role);
    layer.into_iter().chain(freezer.ceilings).collect()
}

/// A layer by name: a builtin, or nothing that this room knows.
fn known(name: &str, role: LayerRole) -> Result<Option<FrozenLayer>, String> {
    if let Some(layer) = builtin(name, role) {
        return Ok(Some(layer));
    }
    if name.starts_with("builtin:") {
        return Err(format!("there is no built-in layer `{name}`"));
    }
    Ok(None)
}

struct Freezer<'a, 'r> {
    packs: &'a Packs,
    sources: &'a mut Sources,
    read: &'a mut ReadPolicy<'r>,
    diagnostics: &'a mut Diagnostics,
    ceilings: Vec<FrozenLayer>,
    above: Vec<String>,
}

impl Freezer<'_, '_> {
    fn layer(&mut self, file: PolicyText, role: LayerRole) -> Option<FrozenLayer> {
        let policy = self.policy(&file)?;
        self.above.push(file.name.clone());
        let includes = self.named(&file.name, &policy.include, LayerRole::Include);
        let ceilings = self.named(&file.name, &policy.ceilings, LayerRole::Ceiling);
        self.above.pop();
        self.ceilings.extend(ceilings);
        Some(FrozenLayer {
            name: file.name,
            role,
            text: file.text,
            syntax: syntax_name(file.syntax).to_owned(),
            includes,
            within: BTreeSet::new(),
        })
    }

    fn policy(&mut self, file: &PolicyText) -> Option<Policy> {
        if !says_ours(file.text.as_bytes()) {
            self.strange(file);
            return None;
        }
        let id = self.sources.add(file.name.as_str(), file.text.as_str());
        let parsed = parse(self.sources, id, file.syntax, &Limits::default(), self.diagnostics)?;
        let policy = decode_policy(&parsed.tree, &parsed.damage, self.diagnostics)?;
        super::check_policy(&policy, self.diagnostics);
        Some(policy)
    }

    /// Nothing is shown of a file that does not say that it is ours: it may have been named to be read out.
    fn strange(&mut self, file: &PolicyText) {
        let id = self.sources.add(file.name.as_str(), "");
        let message = format!("`{}` is no policy file: it has no line `{SCHEMA_LINE}`", file.name);
        let help = format!("name another file, or begin it with `{SCHEMA_LINE}`; nothing of it is shown");
        self.diagnostics.push(Diagnostic::new(codes::NOT_OURS, Span::whole(id), message).help(help));
    }

    fn named(&mut self, naming: &str, names: &[Located<String>], role: LayerRole) -> Vec<FrozenLayer> {
        names.iter().filter_map(|name| self.one(naming, name, role)).collect()
    }

    fn one(&mut self, naming: &str, name: &Located<String>, role: LayerRole) -> Option<FrozenLayer> {
        let file = match known(&name.value, role) {
            Ok(Some(layer)) => return Some(layer),
            Ok(None) if Packs::is_named(&name.value) || Packs::is_named(naming) => {
                match self.packs.policy(naming, &name.value) {
                    Ok(file) => Ok(file),
                    Err(lack) => {
                        self.diagnostics.push(lack.at(name.span));
                        return None;
                    }
                }
            }
            Ok(None) => (self.read)(naming, &name.value).map_err(|why| format!("`{}` {why}", name.value)),
            Err(problem) => Err(problem),
        };
        let problem = match file {
            Ok(file) if self.above.contains(&file.name) => format!("`{}` leads back to itself", name.value),
            Ok(_) if self.above.len() >= MAX_DEPTH => {
                format!("layers name layers more than {MAX_DEPTH} deep")
            }
            Ok(file) => return self.layer(file, role),
            Err(problem) => problem,
        };
        let help = name.value.starts_with("builtin:").then(|| suggestion(&name.value, BUILTINS)).flatten();
        self.diagnostics.push(Diagnostic::new(codes::UNKNOWN_POLICY, name.span, problem).maybe_help(help));
        None
    }
}

/// The word for a syntax in a frozen layer.
fn syntax_name(syntax: Syntax) -> &'static str {
    match syntax {
        Syntax::Yaml => "yaml",
        Syntax::Toml => "toml",
        Syntax::Json => "json",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn text(name: &str, more: &str) -> PolicyText {
        let text = format!("schema: lgflow.policy/v1\nname: x\n{more}");
        PolicyText { name: name.to_owned(), text, syntax: Syntax::Yaml }
    }

    fn frozen(files: &[(&str, &str)]) -> (Vec<FrozenLayer>, Vec<String>) {
        let files: BTreeMap<&str, &str> = files.iter().copied().collect();
        let mut diagnostics = Diagnostics::default();
        let mut read = |_: &str, name: &str| {
            files.get(name).map(|more| text(name, more)).ok_or_else(|| "does not exist".to_owned())
        };
        let top = text("top", files["top"]);
        let layers = freeze(
            top,
            LayerRole::Grant,
            &Packs::default(),
            &mut Sources::default(),
            &mut read,
            &mut diagnostics,
        );
        (layers, diagnostics.iter().map(|found| found.message.clone()).collect())
    }

    #[test]
    fn includes_nest_and_ceilings_follow() {
        let (layers, found) = frozen(&[
            ("top", "include: [a, 'builtin:rust']\nceilings: [c]"),
            ("a", "include: ['builtin:go']"),
            ("c", "ceilings: ['builtin:contained']"),
        ]);
        assert!(found.is_empty(), "{found:?}");
        let names: Vec<_> = layers.iter().map(|layer| (layer.name.as_str(), layer.role)).collect();
        let ceiling = LayerRole::Ceiling;
        assert_eq!(names, [("top", LayerRole::Grant), ("builtin:contained", ceiling), ("c", ceiling)]);
        assert_eq!(layers[0].includes[0].includes[0].name, "builtin:go");
        assert_eq!(layers[0].includes[1].name, "builtin:rust");
    }

    #[test]
    fn what_cannot_be_had_is_said_at_its_name() {
        let (_, found) = frozen(&[
            ("top", "include: [none, 'builtin:ruts', 'pack:acme/base', a]"),
            ("a", "include: [top]"),
        ]);
        assert_eq!(
            found,
            [
                "`none` does not exist",
                "there is no built-in layer `builtin:ruts`",
                "the pack `acme/base` is not in the lock",
                "`top` leads back to itself",
            ]
        );
    }
}
