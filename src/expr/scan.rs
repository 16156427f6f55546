//! Looks at the tokens before the parser does: lengths, nesting, balanced statements, and what the language
//! does not have. The parser recurses and is silent about a statement that nothing ends.

use minijinja::machinery::{Span, Token, tokenize};
use minijinja::syntax::SyntaxConfig;

use crate::diag::{codes, suggestion};

use super::fault::Fault;
use super::ir::At;
use super::limits::{BLOCKS, BRACKETS, BRANCHES, EXPRESSION_BYTES, HEIGHT, TEMPLATE_BYTES};
use super::slip::syntax_fault;

/// The statements of a template, with what ends each.
const STATEMENTS: &[&str] = &["for", "if", "set", "elif", "else", "endfor", "endif"];

/// Statements of `MiniJinja` and its relatives that templates here do not have.
const REFUSED: &[(&str, &str)] = &[
    ("macro", "write the text where it is needed, or give it a prompt of its own"),
    ("endmacro", "remove it"),
    ("include", "give the text as a variable"),
    ("import", "write the text where it is needed"),
    ("from", "write the text where it is needed"),
    ("extends", "write the text where it is needed"),
    ("block", "write the text where it is needed"),
    ("endblock", "remove it"),
    ("call", "write the text where it is needed"),
    ("endcall", "remove it"),
    ("filter", "use the filter in `{{ … | filter }}`"),
    ("endfilter", "remove it"),
    ("with", "use `{% set name = … %}`"),
    ("endwith", "remove it"),
    ("endset", "use `{% set name = … %}`"),
    ("autoescape", "remove it: text is never escaped"),
    ("endautoescape", "remove it: text is never escaped"),
    ("do", "remove it: expressions have no effects"),
    ("break", "choose the items: `{% for x in list if … %}`"),
    ("continue", "choose the items: `{% for x in list if … %}`"),
];

/// What the tokens of a text show.
pub(super) fn scan(source: &str, bare: bool, syntax: &SyntaxConfig) -> Vec<Fault> {
    let longest = if bare { EXPRESSION_BYTES } else { TEMPLATE_BYTES };
    if source.len() > longest {
        let what = if bare { "an expression" } else { "a template" };
        let message = format!("{what} may be {longest} bytes long, and this one has {}", source.len());
        let fault = Fault::new(codes::EXPRESSION_LIMIT, At::new(0, source.len()), message);
        return vec![fault.help("take it apart: put parts of it into a `values` node")];
    }
    let mut scan = Scan { source, faults: Vec::new(), open: Vec::new(), part: None, keyword: false };
    if bare {
        scan.part = Some(Part::new(0));
    }
    for token in tokenize(source, bare, syntax.clone()) {
        match token {
            Ok((token, place)) => scan.token(&token, at(place)),
            Err(error) => {
                scan.faults.push(syntax_fault(source, &error, bare));
                return scan.faults;
            }
        }
        if !scan.faults.is_empty() && scan.too_deep() {
            return scan.faults;
        }
    }
    scan.end()
}

pub(super) fn at(span: Span) -> At {
    At::new(span.start_offset as usize, span.end_offset as usize)
}

/// A statement that is open.
struct Open {
    word: &'static str,
    at: At,
    branches: usize,
    has_else: bool,
}

/// One `{{ … }}`, one `{% … %}`, or a bare expression.
struct Part {
    start: u32,
    /// One for each open bracket, and one for the whole.
    levels: Vec<Level>,
    full: bool,
}

/// How high a tree the text between two brackets makes: an upper bound.
#[derive(Clone, Copy, Default)]
struct Level {
    operators: usize,
    /// Steps of the present operand, and the most of one before.
    steps: usize,
    most_steps: usize,
    /// Of what stood before the last comma.
    before: usize,
}

impl Level {
    fn height(self) -> usize {
        self.before.max(self.operators + self.steps.max(self.most_steps))
    }

    fn operator(&mut self) {
        self.operators += 1;
        self.most_steps = self.most_steps.max(std::mem::take(&mut self.steps));
    }

    fn comma(&mut self) {
        *self = Level { before: self.height(), ..Level::default() };
    }
}

impl Part {
    fn new(start: u32) -> Self {
        Self { start, levels: vec![Level::default()], full: false }
    }

    fn grow(&mut self, token: &Token<'_>) {
        let inner = self.levels.len() > 1;
        let Some(level) = self.levels.last_mut() else { return };
        match token {
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => self.levels.push(Level::default()),
            Token::ParenClose | Token::BracketClose | Token::BraceClose if inner => {
                let height = self.levels.pop().unwrap_or_default().height();
                if let Some(outer) = self.levels.last_mut() {
                    outer.steps += height + 1;
                }
            }
            Token::Comma => level.comma(),
            Token::Dot | Token::Pipe | Token::Ident("is") => level.steps += 1,
            Token::Ident(word) if matches!(*word, "and" | "or" | "not" | "in" | "if") => level.operator(),
            Token::Plus
            | Token::Minus
            | Token::Mul
            | Token::Div
            | Token::FloorDiv
            | Token::Pow
            | Token::Mod
            | Token::Tilde
            | Token::Eq
            | Token::Ne
            | Token::Gt
            | Token::Gte
            | Token::Lt
            | Token::Lte => level.operator(),
            _ => {}
        }
    }

    fn is_too_high(&self) -> bool {
        let height: usize = self.levels.iter().map(|level| level.height() + 1).sum();
        self.levels.len() > BRACKETS + 1 || height > HEIGHT
    }
}

struct Scan<'s> {
    source: &'s str,
    faults: Vec<Fault>,
    open: Vec<Open>,
    part: Option<Part>,
    keyword: bool,
}

impl Scan<'_> {
    fn token(&mut self, token: &Token<'_>, at: At) {
        match token {
            Token::TemplateData(_) => {}
            Token::VariableStart => self.part = Some(Part::new(at.start)),
            Token::BlockStart => {
                self.part = Some(Part::new(at.start));
                self.keyword = true;
            }
            Token::VariableEnd | Token::BlockEnd => self.end_of_part(at),
            Token::Ident(word) if std::mem::take(&mut self.keyword) => self.statement(word, at),
            token => {
                self.keyword = false;
                self.inside(token, at);
            }
        }
    }

    fn end_of_part(&mut self, at: At) {
        let Some(part) = self.part.take() else { return };
        let length = (at.end - part.start) as usize;
        if length > EXPRESSION_BYTES {
            let message =
                format!("an expression may be {EXPRESSION_BYTES} bytes long, and this one has {length}");
            self.faults.push(
                Fault::new(codes::EXPRESSION_LIMIT, At { start: part.start, end: at.end }, message)
                    .help("take it apart: put parts of it into a `values` node"),
            );
        }
    }

    fn inside(&mut self, token: &Token<'_>, at: At) {
        if matches!(token, Token::Pow) {
            let splat = self.source[..at.start as usize].trim_end().ends_with(['(', ',']);
            self.faults.push(if splat { splat_fault(at) } else { power_fault(at) });
        }
        if let Some(fault) = self.of_statement(token, at) {
            self.faults.push(fault);
        }
        let Some(part) = &mut self.part else { return };
        part.grow(token);
        if !part.full && part.is_too_high() {
            part.full = true;
            let message = format!(
                "an expression may nest {BRACKETS} brackets and build {HEIGHT} operators and steps on each other"
            );
            self.faults.push(
                Fault::new(codes::EXPRESSION_LIMIT, at, message)
                    .help("take it apart: put parts of it into a `values` node"),
            );
        }
    }

    /// `{% … }}` and `{% else if … %}`.
    fn of_statement(&mut self, token: &Token<'_>, at: At) -> Option<Fault> {
        let part = self.part.as_mut()?;
        let written = self.source.get(part.start as usize..at.start as usize)?.strip_prefix("{%")?;
        let rest = &self.source[at.start as usize..];
        match token {
            Token::BraceClose if part.levels.len() == 1 && rest.starts_with("}}") => {
                // what follows is read as a part of the statement
                part.full = true;
                let at = At::new(at.start as usize, at.start as usize + 2);
                let message = "`{%` is closed by `%}`, and `}}` stands here";
                Some(Fault::new(codes::EXPRESSION_SYNTAX, at, message).help("write `%}`"))
            }
            Token::Ident("if") if written.trim_start_matches('-').trim() == "else" => {
                if let Some(open) = self.open.last_mut() {
                    open.has_else = false;
                }
                let message = "templates have no `else if`";
                Some(Fault::new(codes::EXPRESSION_SYNTAX, at, message).help("write `elif` for both words"))
            }
            _ => None,
        }
    }

    fn too_deep(&self) -> bool {
        self.part.as_ref().is_some_and(|part| part.full) || self.open.len() > BLOCKS
    }

    fn statement(&mut self, word: &str, at: At) {
        match word {
            "for" => self.begin("for", at),
            "if" => self.begin("if", at),
            "set" => {}
            "elif" | "else" => self.branch(word, at),
            "endfor" => self.finish("for", at),
            "endif" => self.finish("if", at),
            _ => self.unknown_statement(word, at),
        }
    }

    fn begin(&mut self, word: &'static str, at: At) {
        self.open.push(Open { word, at, branches: 0, has_else: false });
        if self.open.len() > BLOCKS {
            let message = format!("statements may be nested {BLOCKS} deep");
            self.faults.push(
                Fault::new(codes::EXPRESSION_LIMIT, at, message).help("prepare the data in a `values` node"),
            );
        }
    }

    fn branch(&mut self, word: &str, at: At) {
        let problem = match self.open.last_mut() {
            None => Some(format!("`{word}` stands outside of any `if` or `for`")),
            Some(open) if open.has_else => Some(format!("`{word}` comes after `else`")),
            Some(open) if word == "elif" && open.word == "for" => Some("`for` has no `elif`".to_owned()),
            Some(open) => {
                open.has_else = word == "else";
                open.branches += 1;
                (open.branches > BRANCHES).then(|| format!("an `if` may have {BRANCHES} branches"))
            }
        };
        if let Some(message) = problem {
            self.faults.push(
                Fault::new(codes::EXPRESSION_SYNTAX, at, message).help(format!("remove this `{word}`")),
            );
        }
    }

    fn finish(&mut self, word: &'static str, at: At) {
        match self.open.last() {
            Some(open) if open.word == word => {
                self.open.pop();
            }
            Some(open) => {
                let message = format!("`end{word}` comes where `end{}` is needed", open.word);
                let help = format!("write `end{}`", open.word);
                self.open.pop();
                self.faults.push(Fault::new(codes::EXPRESSION_SYNTAX, at, message).help(help));
            }
            None => {
                let message = format!("`end{word}` ends nothing: no `{word}` is open");
                self.faults.push(Fault::new(codes::EXPRESSION_SYNTAX, at, message).help("remove it"));
            }
        }
    }

    fn unknown_statement(&mut self, word: &str, at: At) {
        let refused = REFUSED.iter().find(|(name, _)| *name == word);
        let fault = if let Some((_, help)) = refused {
            let message = format!("templates have no `{word}`");
            Fault::new(codes::TEMPLATE_STATEMENT, at, message).help(*help)
        } else {
            let message = format!("`{word}` is no statement of templates");
            let help = suggestion(word, STATEMENTS.iter().copied());
            Fault::new(codes::TEMPLATE_STATEMENT, at, message).maybe_help(help)
        };
        self.faults.push(fault);
    }

    fn end(mut self) -> Vec<Fault> {
        for open in self.open {
            let message = format!("this `{}` is not ended", open.word);
            let help = format!("write `{{% end{} %}}` where it ends", open.word);
            self.faults.push(Fault::new(codes::EXPRESSION_SYNTAX, open.at, message).help(help));
        }
        self.faults
    }
}

pub(super) fn splat_fault(at: At) -> Fault {
    Fault::new(codes::SPLAT_ARGUMENT, at, "arguments can't be spread out of a list or an object")
        .help("write each argument")
}

fn power_fault(at: At) -> Fault {
    Fault::new(codes::POWER_OPERATOR, at, "there is no power operator").help("multiply: `x * x`")
}
