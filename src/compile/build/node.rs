//! A node with its modifiers.

use std::time::Duration;

use crate::diag::{Diagnostic, codes, suggestion};
use crate::effect::ErrorKind;
use crate::expr::ValueTemplate;
use crate::model::{ForEach, Name, OnCrash, OnItemError, Retry, Uses};
use crate::plan::{ChannelIx, ForEachRule, PlanNode, RetryRule};
use crate::source::Located;

use super::{Builder, kinds};
use crate::compile::draft::DraftNode;
use crate::compile::scope::{Local, Place};
use crate::compile::{expressions, names};

/// The most items of a `for_each` that names no bound.
const MAX_ITEMS: u32 = 1000;

/// What a node's parameters and modifiers came to.
type Update = Vec<(ChannelIx, ValueTemplate)>;

impl Builder<'_, '_> {
    /// Everything of a node is compiled before any of it is given up, so that each fault is found.
    pub(super) fn node(&mut self, at: usize) -> Option<PlanNode> {
        let draft = self.draft;
        let node = &draft.nodes[at];
        let modifiers = &*node.modifiers;
        let locals = names::locals(node);
        self.reader = Some(node.id());
        let action = self.action(node, &locals);
        let skip_when = modifiers.skip_when.as_ref();
        let place = self.place(&locals);
        let skip_when = skip_when.map(|text| expressions::expression(text, &place, self.diagnostics));
        let for_each = modifiers.for_each.as_ref().map(|rule| self.for_each(rule));
        let update = self.update(node, &locals);
        let group = self.group(modifiers.group.as_ref());
        let uses = node.uses()?;
        Some(PlanNode {
            id: node.node.id.value.clone(),
            uses,
            action: action?,
            skip_when,
            for_each,
            retry: retry(modifiers.retry.as_ref()),
            timeout: modifiers.timeout.as_ref().map(|timeout| timeout.value),
            join: modifiers.join.as_ref().map(|join| join.value).unwrap_or_default(),
            group: group?,
            cache: modifiers.cache.as_ref().is_some_and(|flag| flag.value),
            verify: modifiers.verify.as_ref().is_some_and(|flag| flag.value),
            update: update?,
            on_crash: modifiers.on_crash.as_ref().map_or_else(|| on_crash(uses), |rule| rule.value),
            incoming: Vec::new(),
            outgoing: Vec::new(),
            loops: Vec::new(),
        })
    }

    fn for_each(&mut self, rule: &ForEach) -> ForEachRule {
        let ForEach { items, binding, max, parallel, on_error } = rule;
        ForEachRule {
            items: expressions::expression(items, &self.place(&[]), self.diagnostics),
            binding: binding.value.clone(),
            max: max.as_ref().map_or(MAX_ITEMS, |max| max.value),
            parallel: parallel.as_ref().map_or(1, |parallel| parallel.value),
            on_error: on_error.as_ref().map_or(OnItemError::Stop, |rule| rule.value),
        }
    }

    fn update(&mut self, node: &DraftNode<'_>, locals: &[Local]) -> Option<Update> {
        let output = names::item_output(node, self.draft.parts);
        let place = Place { output: Some(&output), ..self.place(locals) };
        let mut writes = Vec::new();
        let mut sound = true;
        for field in &node.modifiers.update {
            let value = expressions::value(&field.value, &place, self.diagnostics);
            match self.channel(&field.name) {
                Some(channel) => writes.push((channel, value)),
                None => sound = false,
            }
        }
        sound.then_some(writes)
    }

    fn channel(&mut self, name: &Located<String>) -> Option<ChannelIx> {
        let state = &self.draft.graph.state;
        if let Some(at) = state.iter().position(|channel| channel.name.value.as_str() == name.value) {
            return Some(ChannelIx(at as u32));
        }
        let known = state.iter().map(|channel| channel.name.value.as_str());
        self.unknown(codes::UNKNOWN_CHANNEL, "state", "channel", name, suggestion(&name.value, known));
        None
    }

    /// One that is not declared has been reported.
    fn group(&self, group: Option<&Located<Name>>) -> Option<Option<Name>> {
        let Some(group) = group else { return Some(None) };
        let groups = &self.draft.graph.concurrency.groups;
        groups.iter().any(|known| known.name.value == group.value).then(|| Some(group.value.clone()))
    }

    /// A name that is not declared, unless it may stand in a part of the file that could not be read.
    pub(super) fn unknown(
        &mut self,
        code: crate::diag::Code,
        section: &str,
        what: &str,
        name: &Located<String>,
        help: Option<String>,
    ) {
        if self.draft.may_be_lost(section, &name.value) {
            return;
        }
        let message = format!("unknown {what} `{}`", name.value);
        let help = help.or_else(|| Some(format!("declare `{}` under `{section}`", name.value)));
        self.diagnostics.push(Diagnostic::new(code, name.span, message).maybe_help(help));
    }
}

fn retry(retry: Option<&Retry>) -> RetryRule {
    let Some(retry) = retry else {
        return RetryRule { attempts: 1, backoff: Duration::ZERO, kinds: ErrorKind::RETRIED.to_vec() };
    };
    RetryRule {
        attempts: retry.attempts.value,
        backoff: retry.backoff.as_ref().map(|backoff| backoff.value).unwrap_or_default(),
        kinds: match &retry.kinds {
            Some(words) => kinds(words.iter().map(|word| word.value.as_str())),
            None => ErrorKind::RETRIED.to_vec(),
        },
    }
}

/// What becomes of an interrupted call: what has no effect is made again, what has one is a person's to decide.
fn on_crash(uses: Uses) -> OnCrash {
    match uses {
        Uses::ReadFile
        | Uses::ListFiles
        | Uses::SearchFiles
        | Uses::RepoContext
        | Uses::WorkspaceDiff
        | Uses::Llm
        | Uses::Graph
        | Uses::Approval
        | Uses::Render
        | Uses::Values
        | Uses::ParseReport
        | Uses::Fail => OnCrash::Retry,
        Uses::ApplyPatch | Uses::Rollback | Uses::Exec | Uses::Http | Uses::Mcp | Uses::Batch => OnCrash::Ask,
    }
}
