//! What a unit does: its attempts, and what each kind of node is.

use lgflow::model::Uses;
use serde_json::{Value as Json, json};

use super::expression::{Fault, fill};
use super::run::{Around, Came, Execution};
use super::told::{Answer, Called, Child, Failure, Person};

impl Execution<'_> {
    /// All attempts of a node, or of one of its items.
    pub(super) fn unit(
        &mut self,
        node: usize,
        item: Option<(usize, &Json)>,
        around: &mut Around<'_>,
    ) -> Came {
        let known = &self.reading.nodes[node];
        let retry = known.modifiers.retry.as_ref();
        let most = retry.map_or(1, |retry| retry.attempts.value);
        let named = retry.and_then(|retry| retry.kinds.as_ref());
        let again = |kind: &str| match named {
            Some(kinds) => kinds.iter().any(|known| known.value == kind),
            None => ["rate_limited", "upstream", "timeout"].contains(&kind),
        };
        let mut attempt = 1;
        loop {
            let address = self.address_of(node, item, attempt);
            let mut came = self.attempt(node, item, &address, around);
            // on an `always` path `grace` is the shorter clock
            let graced = self.ending.is_some() || around.graced > 0;
            if matches!(came, Came::Never) && known.modifiers.timeout.is_some() && !graced {
                came = Came::Badly(Failure::new("timeout"));
            }
            match came {
                Came::Badly(failure) if attempt < most && again(&failure.kind) => attempt += 1,
                came => return came,
            }
        }
    }

    /// `run/outer#2[3]!1/inner#1.4!1`: each execution, iterations, index and attempt.
    fn address_of(&self, node: usize, item: Option<(usize, &Json)>, attempt: u32) -> String {
        let index = item.map_or_else(String::new, |(index, _)| format!("[{index}]"));
        format!("{}{index}!{attempt}", self.place_of(node))
    }

    /// `run/outer#2[3]!1/inner#1.4`: the node in its present iteration.
    pub(super) fn place_of(&self, node: usize) -> String {
        let around = self.reading.around(node);
        let iterations: Vec<String> = around.iter().map(|one| self.iteration[*one].to_string()).collect();
        let iterations = if around.is_empty() { String::new() } else { format!("#{}", iterations.join(".")) };
        format!("{}{}{iterations}", self.address, self.reading.nodes[node].id)
    }

    fn attempt(
        &mut self,
        node: usize,
        item: Option<(usize, &Json)>,
        address: &str,
        around: &mut Around<'_>,
    ) -> Came {
        let known = &self.reading.nodes[node];
        let given = |name: &str| match known.with.get(name) {
            Some(template) => fill(template, &self.scope(node, item, None)),
            None => Ok(Json::Null),
        };
        let failed = |_: Fault| Came::Badly(Failure::new("expression"));
        let all = || fill(&known.with.clone().into_iter().collect(), &self.scope(node, item, None));
        let calls = matches!(known.uses, Uses::Exec | Uses::Batch);
        if calls && self.is_used_up(around) {
            return Came::Badly(Failure::new("budget"));
        }
        match known.uses {
            Uses::Values => all().map_or_else(failed, Came::Well),
            Uses::Fail => {
                let kind = known.with.get("kind").and_then(Json::as_str).unwrap_or("failed");
                given("message").map_or_else(failed, |message| {
                    let message = message.as_str().map(str::to_owned);
                    Came::Badly(Failure { message, ..Failure::new(kind) })
                })
            }
            Uses::Exec => all().map_or_else(failed, |input| called(&input, address, around)),
            Uses::Batch => {
                given("calls").map_or_else(failed, |calls| self.batch(node, &calls, address, around))
            }
            Uses::Approval => given("show").map_or_else(failed, |_| self.asked(node, around)),
            Uses::Graph => match given("inputs") {
                Ok(inputs) => self.subgraph(node, item, &inputs, address, around),
                Err(fault) => failed(fault),
            },
            other => panic!("the generator makes no `{}`", other.as_str()),
        }
    }

    /// On `always` paths after a failure `grace` stands for the budgets.
    fn is_used_up(&self, around: &Around<'_>) -> bool {
        let graced = around.graced > 0 || self.ending.is_some();
        !graced && around.budgets.iter().any(|(most, spent)| most.is_some_and(|most| *spent >= most))
    }

    fn batch(&self, node: usize, calls: &Json, address: &str, around: &mut Around<'_>) -> Came {
        let calls = calls.as_array().expect("the generator writes a list");
        let most = self.reading.nodes[node].with["max_calls"].as_u64().expect("a number");
        if calls.len() as u64 > most {
            return Came::Badly(Failure::new("invalid_input"));
        }
        let mut results = Vec::new();
        for (index, call) in calls.iter().enumerate() {
            match called(&call["input"], &format!("{address}/{index}"), around) {
                Came::Well(output) => results.push(output),
                Came::Badly(failure) => {
                    let output = Some(json!({ "results": results }));
                    return Came::Badly(Failure { output, index: Some(index), ..failure });
                }
                came => return came,
            }
        }
        Came::Well(json!({ "results": results }))
    }

    fn subgraph(
        &mut self,
        node: usize,
        item: Option<(usize, &Json)>,
        given: &Json,
        address: &str,
        around: &mut Around<'_>,
    ) -> Came {
        let known = &self.reading.nodes[node];
        let name = known.with["graph"].as_str().expect("a literal name");
        let reading = &self.reading.graphs[name];
        let mut inputs = json!({});
        for (input, default) in &reading.inputs {
            let value = given.get(input).cloned().or_else(|| default.clone());
            inputs[input] = value.expect("the generator gives what is required");
        }
        let graced = usize::from(self.ending.is_some());
        around.graced += graced;
        let names = format!("{}{}/", self.names, known.id);
        let mut inner = Execution::new(reading, inputs, format!("{address}/"), names);
        let outcome = inner.execute(around);
        around.graced -= graced;
        self.path.extend(inner.path.iter().map(|(name, _)| (name.clone(), self.moment)));
        if outcome.is_err() && (!inner.waits || inner.ending.is_some()) {
            around.loose.insert(format!("{}{}", self.names, known.id));
        }
        self.met.append(&mut inner.met);
        if !inner.waits && !inner.stuck {
            let until = inner.ending.as_ref().map_or(usize::MAX, |ending| ending.at);
            around.children.push(Child {
                address: address.trim_start_matches("run/").to_owned(),
                names: format!("{}{}", self.names, known.id),
                of_item: item.is_some(),
                at: around.at,
                channels: inner.channels_until(until),
                failed: outcome.is_err(),
            });
        }
        match outcome {
            Ok(outputs) => Came::Well(outputs),
            Err(_) if inner.waits => Came::Waits,
            Err(_) if inner.stuck => Came::Never,
            Err((path, failure)) => Came::Badly(Failure { path, index: None, ..failure }),
        }
    }

    fn asked(&self, node: usize, around: &Around<'_>) -> Came {
        let known = &self.reading.nodes[node];
        let options: Vec<&str> = known
            .with
            .get("options")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        let person = (around.world.person)(&format!("{}{}", self.names, known.id));
        let choice = match person {
            Person::Silent | Person::Absent if known.modifiers.timeout.is_some() => return Came::Never,
            // `grace` is a clock as well
            Person::Absent if self.ending.is_some() || around.graced > 0 => return Came::Never,
            Person::Absent => return Came::Waits,
            Person::Rejects if options.is_empty() => return Came::Badly(Failure::new("rejected")),
            Person::Chooses(at) if !options.is_empty() => options[at % options.len()],
            _ => options.first().copied().unwrap_or("approve"),
        };
        Came::Well(json!({ "choice": choice, "comment": "", "by": "somebody" }))
    }
}

/// One call: it is charged when it ends.
fn called(input: &Json, key: &str, around: &mut Around<'_>) -> Came {
    around.calls.push(Called { key: key.to_owned(), input: input.clone(), at: around.at });
    let answer = (around.world.call)(key, input);
    around.budgets.iter_mut().for_each(|(_, spent)| *spent += 1);
    match answer {
        Answer::Output(output) => Came::Well(output),
        Answer::Failure(kind) => {
            Came::Badly(Failure { message: Some("drawn".to_owned()), ..Failure::new(&kind) })
        }
        Answer::Never => Came::Never,
    }
}
