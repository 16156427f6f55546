//! One record: what is said, when, how loud, and the few fields beside it. Its form between our processes is read as
//! something from elsewhere is: who has been talked into saying something else is not repeated.

use serde_json::{Map, Value, json};

use crate::source::escaped;

use super::{Form, Level};

/// Every name of a field that is ever said. Names, identities, digests, sizes, times and verdicts: no field has what a run
/// was given, what it gave, a variable or an argument, and what is not on this list is dropped wherever it is said.
pub const FIELDS: [&str; 24] = [
    "run",
    "graph",
    "node",
    "item",
    "attempt",
    "call",
    "key",
    "event",
    "tool",
    "verdict",
    "status",
    "kind",
    "digest",
    "bytes",
    "files",
    "ms",
    "exit_code",
    "signal",
    "count",
    "pid",
    "child",
    "layer",
    "profile",
    "lost",
];
/// The most bytes of a line between processes: a pipe takes it whole or not at all.
pub const LONGEST: usize = 4096;
/// The most characters of a text.
const TEXT: usize = 160;

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// A word or an identity.
    Text(String),
    /// A number.
    Number(i64),
    /// Yes or no.
    Truth(bool),
}

/// One thing that was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// RFC 3339, in UTC.
    pub ts: String,
    /// How loud.
    pub level: Level,
    /// What: words of ours alone.
    pub message: String,
    /// Beside it, the outermost first.
    pub fields: Vec<(&'static str, Field)>,
}

/// The name of a field, if it may be said.
pub(super) fn known(name: &str) -> Option<&'static str> {
    FIELDS.into_iter().find(|known| *known == name)
}

/// A text, cut where it is long.
pub(super) fn text(text: &str) -> Field {
    let cut = text.char_indices().nth(TEXT).map(|(at, _)| format!("{}…", &text[..at]));
    Field::Text(cut.unwrap_or_else(|| text.to_owned()))
}

impl Record {
    /// Puts a field beside it; what is said later of the same name holds.
    pub(super) fn put(&mut self, name: &'static str, field: Field) {
        match self.fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = field,
            None => self.fields.push((name, field)),
        }
    }

    fn object(&self) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("ts".into(), json!(self.ts));
        object.insert("level".into(), json!(self.level.as_str()));
        object.insert("message".into(), json!(self.message));
        for (name, field) in &self.fields {
            object.insert((*name).into(), field.value());
        }
        object
    }

    /// As it goes from process to process, with the end of its line. Never longer than a pipe takes at once: fields that
    /// do not fit are left out, the innermost first.
    pub fn line(&self) -> String {
        let mut fits = self.clone();
        loop {
            let line = Value::Object(fits.object()).to_string() + "\n";
            if line.len() <= LONGEST || fits.fields.pop().is_none() {
                return line;
            }
        }
    }

    /// A record out of a line of another process; nothing, where it says anything that no record says.
    pub fn parse(line: &str) -> Option<Self> {
        let Value::Object(object) = serde_json::from_str(line).ok()? else { return None };
        let word = |name: &str| object.get(name).and_then(Value::as_str);
        let (ts, message) = (word("ts").filter(|ts| ts.len() <= 40)?, word("message")?);
        let mut record = Self {
            ts: ts.to_owned(),
            level: Level::parse(word("level")?)?,
            message: message.chars().take(TEXT).collect(),
            fields: Vec::new(),
        };
        // in the order of the list, as the object has none of its own
        for name in FIELDS {
            match object.get(name) {
                None => {}
                Some(Value::String(said)) => record.put(name, text(said)),
                Some(Value::Number(number)) => record.put(name, Field::Number(number.as_i64()?)),
                Some(Value::Bool(truth)) => record.put(name, Field::Truth(*truth)),
                Some(_) => return None,
            }
        }
        let own = ["ts", "level", "message"];
        let is_known = |name: &String| own.contains(&name.as_str()) || known(name).is_some();
        object.keys().all(is_known).then_some(record)
    }

    /// As it is shown, with the process that said it and the end of its line.
    pub fn shown(&self, process: &str, form: Form) -> String {
        match form {
            Form::Json => {
                let mut object = self.object();
                object.insert("process".into(), json!(process));
                Value::Object(object).to_string() + "\n"
            }
            Form::Human => {
                let time = self.ts.get(11..23).unwrap_or(&self.ts);
                let level = self.level.as_str().to_uppercase();
                let mut line = format!("{} {level:<5} {process}: {}", escaped(time), escaped(&self.message));
                for (name, field) in &self.fields {
                    line = line + " " + name + "=" + &field.shown();
                }
                line + "\n"
            }
        }
    }
}

impl Field {
    fn value(&self) -> Value {
        match self {
            Field::Text(text) => json!(text),
            Field::Number(number) => json!(number),
            Field::Truth(truth) => json!(truth),
        }
    }

    fn shown(&self) -> String {
        match self {
            Field::Text(text) if text.is_empty() || text.contains([' ', '"', '=']) => {
                format!("\"{}\"", escaped(text))
            }
            Field::Text(text) => escaped(text),
            Field::Number(number) => number.to_string(),
            Field::Truth(truth) => truth.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            ts: "2026-01-02T03:04:05.678901Z".into(),
            level: Level::Info,
            message: "node ended".into(),
            fields: vec![
                ("run", Field::Text("01k".into())),
                ("node", Field::Text("a b".into())),
                ("ms", Field::Number(7)),
            ],
        }
    }

    #[test]
    fn a_record_goes_through_a_pipe_as_it_is() {
        let line = record().line();
        assert!(line.ends_with('\n') && line.matches('\n').count() == 1);
        assert_eq!(Record::parse(line.trim_end()), Some(record()));
    }

    #[test]
    fn people_and_programs_see_the_same() {
        let human = record().shown("runner", Form::Human);
        assert_eq!(human, "03:04:05.678 INFO  runner: node ended run=01k node=\"a b\" ms=7\n");
        let json: Value = serde_json::from_str(&record().shown("runner", Form::Json)).unwrap();
        assert_eq!(
            (&json["process"], &json["node"], &json["ms"]),
            (&json!("runner"), &json!("a b"), &json!(7))
        );
    }

    #[test]
    fn what_is_no_record_is_not_taken_for_one() {
        for line in [
            "thread 'main' panicked",
            "{}",
            r#"{"ts": "x", "level": "loud", "message": "m"}"#,
            r#"{"ts": "x", "level": "info", "message": "m", "secret": "s"}"#,
            r#"{"ts": "x", "level": "info", "message": "m", "node": ["x"]}"#,
            r#"{"ts": "x", "level": "info", "message": "m", "ms": 1.5}"#,
        ] {
            assert_eq!(Record::parse(line), None, "{line}");
        }
    }

    #[test]
    fn what_would_deceive_a_terminal_is_shown_as_an_escape() {
        let mut said = record();
        said.put("node", Field::Text("\u{1b}[2Jx\n\u{202e}".into()));
        let shown = said.shown("runner", Form::Human);
        assert!(shown.contains(r"node=\u{1b}[2Jx\n\u{202e} "), "{shown}");
        assert_eq!(shown.matches('\n').count(), 1);
    }

    #[test]
    fn a_line_is_never_longer_than_a_pipe_takes_at_once() {
        let mut said = record();
        for name in FIELDS {
            said.put(name, text(&"\u{1f600}\u{1}".repeat(400)));
        }
        let line = said.line();
        assert!(line.len() <= LONGEST, "{}", line.len());
        assert!(Record::parse(line.trim_end()).is_some());
    }
}
