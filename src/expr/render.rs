//! Carries out the parts of a template, into a text of bounded length.

use super::evaluate::{Evaluation, Turn};
use super::ir::{For, Step};
use super::limits::OUTPUT_BYTES;
use super::operate;
use super::stop::Stop;
use super::value::Val;

impl<'a> Evaluation<'a> {
    pub(super) fn render(&mut self, steps: &'a [Step], text: &mut String) -> Result<(), Stop> {
        for step in steps {
            self.budget.spend(1)?;
            match step {
                Step::Text(part) => self.write(text, part)?,
                Step::Emit(node) => {
                    let value = self.value(node)?;
                    let part = operate::spliced(&value).map_err(|stop| stop.at(node.at))?;
                    self.write(text, &part)?;
                }
                Step::If(branches, otherwise) => {
                    let mut chosen = otherwise;
                    for (condition, body) in branches {
                        if self.truth(condition)? {
                            chosen = body;
                            break;
                        }
                    }
                    self.render(chosen, text)?;
                }
                Step::For(repeat) => self.repeat(repeat, text)?,
                Step::Set(place, node) => {
                    let value = self.value(node)?;
                    self.assign(*place, value);
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, text: &mut String, part: &str) -> Result<(), Stop> {
        if text.len() + part.len() > OUTPUT_BYTES {
            return Err(Stop::failed(format!("the text becomes longer than {} MiB", OUTPUT_BYTES >> 20)));
        }
        self.budget.make(part.len())?;
        text.push_str(part);
        Ok(())
    }

    fn assign(&mut self, place: usize, value: Val<'a>) {
        if let Some(local) = self.locals.get_mut(place) {
            *local = Some(value);
        }
    }

    fn repeat(&mut self, repeat: &'a For, text: &mut String) -> Result<(), Stop> {
        let list = self.value(&repeat.list)?;
        let Some(items) = list.items() else {
            let hint = if list.fields().is_some() { "; use `items`, `keys` or `values`" } else { "" };
            let message = format!("`for` needs a list, not {}{hint}", list.kind());
            return Err(Stop::failed(message).at(repeat.list.at));
        };
        let mut chosen = Vec::new();
        for item in items.iter() {
            self.budget.spend(1)?;
            let taken = match &repeat.condition {
                Some(condition) => {
                    self.bind(repeat, &item)?;
                    self.truth(condition)?
                }
                None => true,
            };
            if taken {
                chosen.push(item);
            }
        }
        let length = chosen.len();
        if length == 0 {
            return self.render(&repeat.otherwise, text);
        }
        for (index, item) in chosen.iter().enumerate() {
            self.bind(repeat, item)?;
            if let Some(turn) = self.turns.get_mut(repeat.frame) {
                *turn = Turn { index, length };
            }
            self.render(&repeat.body, text)?;
        }
        Ok(())
    }

    fn bind(&mut self, repeat: &For, item: &Val<'a>) -> Result<(), Stop> {
        if let [place] = repeat.targets[..] {
            self.assign(place, item.clone());
            return Ok(());
        }
        let parts = item.items().filter(|parts| parts.len() == repeat.targets.len());
        let Some(parts) = parts else {
            let message =
                format!("an item is {} where a list of {} is needed", item.kind(), repeat.targets.len());
            return Err(Stop::failed(message).at(repeat.list.at));
        };
        for (place, part) in repeat.targets.iter().zip(parts.iter()) {
            self.assign(*place, part);
        }
        Ok(())
    }
}
