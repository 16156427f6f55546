//! The script of a case, as the world of a run: which result answers a call, and which answer a question. What nothing
//! answers is a problem of the case, and so is what was never asked for.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::effect::{AskedTool, ErrorKind, OkExit, ToolCall, ToolError, ToolResult};
use crate::model::graph_test::{GraphCase, Reply, Scripted, ScriptedAnswer, ScriptedAsk, ScriptedOutcome};
use crate::runner::answer_unfit;
use crate::source::Span;

/// What a call comes to.
#[derive(Debug)]
pub(super) enum Scene {
    /// This.
    Result(Box<ToolResult>),
    /// Nothing before it is ended.
    Hangs,
}

/// A case's script, and how far it was followed.
#[derive(Debug)]
pub(super) struct Script<'c> {
    case: &'c GraphCase,
    used_results: Vec<bool>,
    used_answers: Vec<bool>,
    calls_by_node: BTreeMap<String, u32>,
    calls_by_tool: BTreeMap<String, u32>,
    calls_by_both: BTreeMap<(String, String), u32>,
    questions_by_node: BTreeMap<String, u32>,
}

/// How often a call, its node and its tool have come up by now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    by_node: u32,
    by_tool: u32,
    by_both: u32,
}

impl Turn {
    /// Its number among the calls of its node.
    pub(super) fn of_node(self) -> u32 {
        self.by_node
    }
}

impl<'c> Script<'c> {
    pub(super) fn new(case: &'c GraphCase) -> Self {
        Self {
            case,
            used_results: vec![false; case.results.len()],
            used_answers: vec![false; case.answers.len()],
            calls_by_node: BTreeMap::new(),
            calls_by_tool: BTreeMap::new(),
            calls_by_both: BTreeMap::new(),
            questions_by_node: BTreeMap::new(),
        }
    }

    /// Counts a call that the policy lets through.
    pub(super) fn turn(&mut self, call: &ToolCall) -> Turn {
        let count = |number: &mut u32| {
            *number += 1;
            *number
        };
        Turn {
            by_node: count(self.calls_by_node.entry(call.node.clone()).or_default()),
            by_tool: count(self.calls_by_tool.entry(call.tool.clone()).or_default()),
            by_both: count(self.calls_by_both.entry((call.node.clone(), call.tool.clone())).or_default()),
        }
    }

    /// What a call comes to: the most exact of the results that stand for it. A number is more exact than none, and
    /// a node more than a tool alone.
    pub(super) fn result(&mut self, call: &ToolCall, turn: Turn) -> Option<Scene> {
        let results = self.case.results.iter().enumerate();
        let fitting = results.filter_map(|(at, result)| Some((exactness(result, call, turn)?, at)));
        let (_, at) = fitting.max_by_key(|(exactness, _)| *exactness)?;
        self.used_results[at] = true;
        Some(scene(&self.case.results[at], call))
    }

    /// Counts a question of a node, and gives the answer to it, if there is one.
    pub(super) fn answer(&mut self, node: &str) -> Option<&'c Reply> {
        let number = self.questions_by_node.entry(node.to_owned()).or_default();
        *number += 1;
        let number = *number;
        let meant = |answer: &ScriptedAnswer, exactly: bool| {
            answer.node.value == node
                && if exactly {
                    answer.question.as_ref().is_some_and(|asked| asked.value == number)
                } else {
                    answer.question.is_none()
                }
        };
        let at = [true, false]
            .into_iter()
            .find_map(|exactly| self.case.answers.iter().position(|answer| meant(answer, exactly)))?;
        self.used_answers[at] = true;
        Some(&self.case.answers[at].reply)
    }

    /// Scripted results and answers that nothing has asked for, each with what it is.
    pub(super) fn unused(&self) -> Vec<(Span, String)> {
        let results = self.case.results.iter().zip(&self.used_results).filter(|(_, used)| !**used);
        let answers = self.case.answers.iter().zip(&self.used_answers).filter(|(_, used)| !**used);
        let result = |(result, _): (&Scripted, &bool)| {
            (result.span, format!("no call took the result that is scripted for {}", calls(result)))
        };
        let answer = |(answer, _): (&ScriptedAnswer, &bool)| {
            (answer.span, format!("`{}` did not ask what is answered here", answer.node.value))
        };
        results.map(result).chain(answers.map(answer)).collect()
    }
}

/// As a person says it: call 2 of a node.
fn calls(result: &Scripted) -> String {
    let which = match (&result.which.node, &result.which.tool) {
        (Some(node), Some(tool)) => format!("`{}` of `{}`", tool.value.as_str(), node.value),
        (Some(node), None) => format!("`{}`", node.value),
        (None, Some(tool)) => format!("`{}`", tool.value.as_str()),
        (None, None) => "nothing".to_owned(),
    };
    match &result.call {
        Some(number) => format!("call {} of {which}", number.value),
        None => format!("the calls of {which}"),
    }
}

/// Does a result stand for a call, and how exactly?
fn exactness(result: &Scripted, call: &ToolCall, turn: Turn) -> Option<(bool, bool, bool)> {
    let (node, tool) = (&result.which.node, &result.which.tool);
    if node.as_ref().is_some_and(|node| node.value != call.node)
        || tool.as_ref().is_some_and(|tool| tool.value.as_str() != call.tool)
    {
        return None;
    }
    let number = match (node, tool) {
        (Some(_), None) => turn.by_node,
        (None, _) => turn.by_tool,
        (Some(_), Some(_)) => turn.by_both,
    };
    let numbered = match &result.call {
        Some(meant) if meant.value != number => return None,
        meant => meant.is_some(),
    };
    Some((numbered, node.is_some(), tool.is_some()))
}

/// A scripted outcome as the runner would give it.
fn scene(result: &Scripted, call: &ToolCall) -> Scene {
    let tool = call.tool.as_str();
    let outcome = match &result.outcome {
        ScriptedOutcome::Hangs => return Scene::Hangs,
        ScriptedOutcome::Output(output) => success(call, output.value.clone()),
        ScriptedOutcome::Error { kind, message, output } => {
            let error = ToolError::new(ErrorKind::parse(&kind.value), message.clone());
            ToolResult::failure(tool, ToolError { output: output.clone(), ..error })
        }
        ScriptedOutcome::Asks(asked) => asking(tool, &asked.value),
    };
    Scene::Result(Box::new(ToolResult { llm_tokens: result.tokens, ..outcome }))
}

/// A model that asks for tools has said nothing else.
fn asking(tool: &str, asked: &[ScriptedAsk]) -> ToolResult {
    let asked = asked.iter().enumerate().map(|(at, ask)| AskedTool {
        id: format!("call_{at}"),
        tool: ask.tool.clone(),
        arguments: ask.arguments.clone(),
    });
    ToolResult { tool_calls: asked.collect(), ..ToolResult::success(tool, json!({ "text": "" })) }
}

/// An exit code of a command, and a status of a request, are a success only where the call says so.
fn success(call: &ToolCall, output: Value) -> ToolResult {
    let tool = call.tool.as_str();
    let code = output.get("exit_code").and_then(Value::as_i64).filter(|_| tool == "exec");
    let is_ok = |code: i64| OkExit::read(call.input.get("ok_exit")).is_some_and(|ok| ok.takes(code));
    match code {
        Some(code) if !is_ok(code) => {
            let error = ToolError::new(ErrorKind::Exit, format!("it ended with exit code {code}"));
            ToolResult::failure(tool, ToolError { output: Some(output), ..error })
        }
        _ => match answer_unfit(call, &output) {
            Some(error) => ToolResult::failure(tool, error),
            None => ToolResult::success(tool, output),
        },
    }
}
