//! The smallest edit that would let a command line match: found by trying it on the grammar itself. Decides nothing.

use serde_json::{Map, Value, json};

use crate::model::policy::{ArgPattern, CommandRule, FlagRule, FlagValue};
use crate::source::Located;

use super::change::{Action, Change, Step, keys};
use super::grammar::Grammar;
use super::layer::{Command, Layer};
use super::mismatch::Flaw;
use super::paths::only;

/// The edit of the rule `command` that lets it match; a rule of its own where that one cannot be edited.
pub(super) fn widen(command: &Command, layer: &Layer, argv: &[String], flaw: &Flaw) -> Change {
    if command.rule.file.starts_with("builtin:") {
        return list_command(layer, argv);
    }
    let by_flag = flag_of(flaw).and_then(|(flag, kinds)| {
        let kind = kinds.into_iter().find(|kind| matches(&with_flag(&command.source, flag, kind), argv))?;
        Some(Action::Set(flag.to_owned(), kind_json(&kind))).map(|action| ("flags", action))
    });
    let by_pattern = || {
        let pattern = exact_pattern(argv)?;
        let fits = matches(&with_pattern(&command.source, &pattern), argv);
        fits.then(|| ("args", Action::Append(json!(pattern))))
    };
    match by_flag.or_else(by_pattern) {
        Some((key, action)) => {
            let mut at = keys("commands");
            at.push(Step::Named(command.source.name.value.clone()));
            at.extend(keys(key));
            Change::of_rule(&command.rule, at, action)
        }
        None => list_command(layer, argv),
    }
}

/// The edit that adds a rule for exactly this command line to the layer's own file.
pub(super) fn list_command(layer: &Layer, argv: &[String]) -> Change {
    let (Some((program, args)), Some(pattern)) = (argv.split_first(), exact_pattern(argv)) else {
        return Change::Never;
    };
    if !program.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b)) {
        return Change::Never;
    }
    let mut rule = json!({ "name": free_name(layer, program), "program": program, "args": [pattern] });
    let behind = behind_dashes(args);
    if !behind.is_empty() {
        let flags = behind.into_iter().map(|flag| (flag.to_owned(), Value::from("none")));
        rule["passthrough"] = Value::Object(flags.collect::<Map<_, _>>());
    }
    Change::edit(&layer.file, 0, keys("commands"), Action::Append(rule))
}

/// A name that no command of the layer has.
fn free_name(layer: &Layer, program: &str) -> String {
    let taken = |name: &str| layer.commands.iter().flatten().any(|command| command.source.name.value == name);
    let numbered = (2..).map(|number| format!("{program}-{number}"));
    std::iter::once(program.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default()
}

/// The pattern that takes what follows the program and nothing else; `None` where no pattern can be written.
fn exact_pattern(argv: &[String]) -> Option<Vec<String>> {
    let args = argv.get(1..).unwrap_or_default();
    let mut before = args.split(|arg| arg == "--");
    let first = before.next().unwrap_or_default().iter();
    let behind = before.flatten().filter(|arg| !arg.starts_with('-'));
    first.chain(behind).map(|arg| element(arg)).collect()
}

/// The element that takes exactly this argument.
fn element(arg: &str) -> Option<String> {
    match arg {
        "" => None,
        arg if arg.contains('\0') => None,
        "..." => Some("[.]..".to_owned()),
        arg if arg.starts_with('-') => Some(arg.to_owned()),
        arg => Some(only(arg)),
    }
}

/// Flags behind `--`, which only `passthrough` can list.
fn behind_dashes(args: &[String]) -> Vec<&str> {
    let behind = args.iter().skip_while(|arg| *arg != "--").skip(1);
    behind.filter(|arg| arg.starts_with('-')).map(String::as_str).collect()
}

/// A flag that is not listed or takes something else, with what it might take, the narrowest first.
fn flag_of(flaw: &Flaw) -> Option<(&str, Vec<FlagValue>)> {
    let value = |value: &str| vec![FlagValue::OneOf(vec![value.to_owned()])];
    match flaw {
        Flaw::UnknownFlag { flag, .. } => {
            Some((flag, vec![FlagValue::Int, FlagValue::None, FlagValue::Path, FlagValue::String]))
        }
        Flaw::BadValue { flag, value: found, .. } => Some((flag, value(found))),
        Flaw::ValueMissing { flag } => Some((flag, vec![FlagValue::None])),
        Flaw::ValueNotTaken { flag } => {
            Some((flag, vec![FlagValue::Int, FlagValue::Path, FlagValue::String]))
        }
        Flaw::NoPattern
        | Flaw::NotTheLiteral { .. }
        | Flaw::TooMuch { .. }
        | Flaw::TooLittle { .. }
        | Flaw::AtSign { .. }
        | Flaw::Outside { .. }
        | Flaw::NulByte => None,
    }
}

fn kind_json(kind: &FlagValue) -> Value {
    match kind {
        FlagValue::None => "none".into(),
        FlagValue::String => "string".into(),
        FlagValue::Path => "path".into(),
        FlagValue::Int => "int".into(),
        FlagValue::OneOf(words) => json!(words),
    }
}

fn matches(rule: &CommandRule, argv: &[String]) -> bool {
    Grammar::new(rule).is_ok_and(|grammar| grammar.matches(argv.get(1..).unwrap_or_default()).is_ok())
}

fn with_flag(rule: &CommandRule, flag: &str, kind: &FlagValue) -> CommandRule {
    let mut rule = rule.clone();
    rule.flags.retain(|listed| listed.flag.value != flag);
    rule.flags.push(FlagRule {
        flag: Located::new(flag.to_owned(), rule.span),
        value: Located::new(kind.clone(), rule.span),
    });
    rule
}

fn with_pattern(rule: &CommandRule, pattern: &[String]) -> CommandRule {
    let mut rule = rule.clone();
    let elements = pattern.iter().map(|element| Located::new(element.clone(), rule.span)).collect();
    rule.args.push(ArgPattern { span: rule.span, elements });
    rule
}
