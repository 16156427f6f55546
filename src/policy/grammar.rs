//! The grammar of allowed arguments. Lists of forbidden flags lose: whatever is not in the grammar is refused. Knows
//! no disk, no layer and no verdict.

use std::collections::BTreeMap;

use globset::GlobMatcher;

use crate::model::policy::{ArgPattern, CommandRule, FlagRule, FlagValue};

use super::mismatch::{Flaw, Mismatch};
use super::outside::leads_outside;
use super::paths::path_glob;

/// What one command rule lets follow its program.
#[derive(Debug, Clone)]
pub(super) struct Grammar {
    patterns: Vec<Pattern>,
    flags: Flags,
    passthrough: Flags,
}

/// What a matching command line holds that other rules must be asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Matched {
    /// Values of flags that are paths beneath the workspace.
    pub(super) paths: Vec<String>,
}

/// One alternative.
#[derive(Debug, Clone)]
struct Pattern {
    elements: Vec<Element>,
    tail: bool,
}

#[derive(Debug, Clone)]
enum Element {
    Literal(String),
    Glob(String, GlobMatcher),
}

/// Flags by name.
#[derive(Debug, Clone, Default)]
struct Flags {
    values: BTreeMap<String, FlagValue>,
    /// May `-abc` be `-a -b -c`? Not where the program has long flags with one dash.
    bundles: bool,
}

impl Grammar {
    /// The grammar of a rule.
    ///
    /// # Errors
    /// The first element that is no glob, with its text.
    pub(super) fn new(rule: &CommandRule) -> Result<Self, globset::Error> {
        let patterns = rule.args.iter().map(Pattern::new).collect::<Result<_, _>>()?;
        Ok(Self { patterns, flags: Flags::new(&rule.flags), passthrough: Flags::new(&rule.passthrough) })
    }

    /// Does what follows the program match one of the patterns? Otherwise the mismatch that came furthest.
    pub(super) fn matches(&self, args: &[String]) -> Result<Matched, Mismatch> {
        let mut furthest: Option<Mismatch> = None;
        for pattern in &self.patterns {
            match self.walk(pattern, args) {
                Ok(matched) => return Ok(matched),
                Err(found) if furthest.as_ref().is_none_or(|best| found.reached > best.reached) => {
                    furthest = Some(found);
                }
                Err(_) => {}
            }
        }
        Err(furthest.unwrap_or(Mismatch { reached: 0, flaw: Flaw::NoPattern }))
    }

    /// Walks one pattern and the arguments side by side. No choice is ever taken back.
    fn walk(&self, pattern: &Pattern, args: &[String]) -> Result<Matched, Mismatch> {
        let mut state = Walk { pattern, next: 0, matched: Matched::default() };
        let mut rest = args.iter();
        let mut flags = &self.flags;
        let mut passing = false;
        while let Some(arg) = rest.next() {
            let step = if !(passing && arg.starts_with('-')) && state.takes_literal(arg) {
                Ok(())
            } else if arg == "--" && !passing {
                passing = true;
                flags = &self.passthrough;
                Ok(())
            } else if arg.starts_with('-') {
                flags.take(arg, &mut rest, &mut state.matched)
            } else {
                state.takes_value(arg)
            };
            step.map_err(|flaw| Mismatch { reached: state.next, flaw })?;
        }
        state.finish()
    }
}

struct Walk<'p> {
    pattern: &'p Pattern,
    next: usize,
    matched: Matched,
}

impl Walk<'_> {
    /// Takes an argument that is exactly what stands next.
    fn takes_literal(&mut self, arg: &str) -> bool {
        let literal =
            matches!(self.pattern.elements.get(self.next), Some(Element::Literal(text)) if text == arg);
        self.next += usize::from(literal);
        literal
    }

    /// Takes an argument that is no flag.
    fn takes_value(&mut self, arg: &str) -> Result<(), Flaw> {
        match self.pattern.elements.get(self.next) {
            Some(Element::Literal(text)) => {
                return Err(Flaw::NotTheLiteral { found: arg.to_owned(), wanted: text.clone() });
            }
            Some(Element::Glob(text, glob)) => {
                plain_value(arg, text)?;
                if !glob.is_match(arg) {
                    return Err(Flaw::NotTheLiteral { found: arg.to_owned(), wanted: text.clone() });
                }
                self.next += 1;
            }
            None if self.pattern.tail => plain_value(arg, "")?,
            None => return Err(Flaw::TooMuch { found: arg.to_owned() }),
        }
        Ok(())
    }

    fn finish(self) -> Result<Matched, Mismatch> {
        match self.pattern.elements.get(self.next) {
            Some(Element::Literal(text) | Element::Glob(text, _)) => {
                Err(Mismatch { reached: self.next, flaw: Flaw::TooLittle { wanted: text.clone() } })
            }
            None => Ok(self.matched),
        }
    }
}

/// A value that no literal names: it must not read as a file of arguments, and must not lead out of the workspace,
/// unless the pattern begins the same way.
fn plain_value(value: &str, pattern: &str) -> Result<(), Flaw> {
    if value.contains('\0') {
        return Err(Flaw::NulByte);
    }
    if value.starts_with('@') && !pattern.starts_with('@') {
        return Err(Flaw::AtSign { value: value.to_owned() });
    }
    if leads_outside(value) && !(value.starts_with('/') && pattern.starts_with('/')) {
        return Err(Flaw::Outside { value: value.to_owned() });
    }
    Ok(())
}

impl Pattern {
    fn new(pattern: &ArgPattern) -> Result<Self, globset::Error> {
        let texts: Vec<&str> = pattern.elements.iter().map(|element| element.value.as_str()).collect();
        let (texts, tail) = match texts.split_last() {
            Some((&"...", before)) => (before, true),
            _ => (&texts[..], false),
        };
        let elements = texts.iter().map(|text| Element::new(text)).collect::<Result<_, _>>()?;
        Ok(Self { elements, tail })
    }
}

impl Element {
    fn new(text: &str) -> Result<Self, globset::Error> {
        if text.contains(['*', '?', '[', '{']) && !text.starts_with('-') {
            return Ok(Element::Glob(text.to_owned(), path_glob(text)?.compile_matcher()));
        }
        Ok(Element::Literal(text.to_owned()))
    }
}

impl Flags {
    fn new(rules: &[FlagRule]) -> Self {
        let values: BTreeMap<_, _> =
            rules.iter().map(|rule| (rule.flag.value.clone(), rule.value.value.clone())).collect();
        let long_with_one_dash = |flag: &String| !flag.starts_with("--") && flag.chars().count() > 2;
        let bundles = !values.keys().any(long_with_one_dash);
        Self { values, bundles }
    }

    /// Takes one argument that begins with `-`, and what follows it where it takes a value.
    fn take<'a>(
        &self,
        arg: &str,
        rest: &mut impl Iterator<Item = &'a String>,
        matched: &mut Matched,
    ) -> Result<(), Flaw> {
        let (name, joined) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (arg, None),
        };
        match self.values.get(name) {
            Some(kind) => take_value(name, kind, joined, rest, matched),
            None if self.bundles && !arg.starts_with("--") && arg.len() > 2 => {
                self.bundle(arg, rest, matched)
            }
            None => Err(self.unknown(name)),
        }
    }

    /// `-abc`: flags without a value, the last may have one, joined or next.
    fn bundle<'a>(
        &self,
        arg: &str,
        rest: &mut impl Iterator<Item = &'a String>,
        matched: &mut Matched,
    ) -> Result<(), Flaw> {
        for (at, letter) in arg.char_indices().skip(1) {
            let name = format!("-{letter}");
            let Some(kind) = self.values.get(&name) else { return Err(self.unknown(&name)) };
            if *kind != FlagValue::None {
                let joined = &arg[at + letter.len_utf8()..];
                let joined = (!joined.is_empty()).then(|| joined.strip_prefix('=').unwrap_or(joined));
                return take_value(&name, kind, joined, rest, matched);
            }
        }
        Ok(())
    }

    fn unknown(&self, flag: &str) -> Flaw {
        let near = crate::diag::nearest(flag, self.values.keys().map(String::as_str));
        Flaw::UnknownFlag { flag: flag.to_owned(), near: near.map(str::to_owned) }
    }
}

fn take_value<'a>(
    flag: &str,
    kind: &FlagValue,
    joined: Option<&str>,
    rest: &mut impl Iterator<Item = &'a String>,
    matched: &mut Matched,
) -> Result<(), Flaw> {
    let flag = || flag.to_owned();
    if *kind == FlagValue::None {
        return joined.map_or(Ok(()), |_| Err(Flaw::ValueNotTaken { flag: flag() }));
    }
    let Some(value) = joined.or_else(|| rest.next().map(String::as_str)) else {
        return Err(Flaw::ValueMissing { flag: flag() });
    };
    let fits = match kind {
        FlagValue::None => false,
        FlagValue::String => true,
        FlagValue::Path => !value.is_empty() && !leads_outside(value),
        FlagValue::Int => !value.is_empty() && value.len() < 20 && value.bytes().all(|b| b.is_ascii_digit()),
        FlagValue::OneOf(words) => words.iter().any(|word| word == value),
    };
    if !fits || value.starts_with(['-', '@']) || value.contains('\0') {
        return Err(Flaw::BadValue { flag: flag(), value: value.to_owned(), kind: kind.clone() });
    }
    if *kind == FlagValue::Path {
        matched.paths.push(value.to_owned());
    }
    Ok(())
}
