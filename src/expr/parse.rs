//! Calls `MiniJinja`'s parser, and says what it found wrong in our words and at the exact place.

use minijinja::machinery::{ast, parse, parse_expr};
use minijinja::syntax::SyntaxConfig;

use crate::diag::codes;

use super::fault::Fault;
use super::ir::At;
use super::scan::scan;
use super::slip::syntax_fault;

/// The syntax of templates: `MiniJinja`'s own, and a text's last line break stays.
pub(super) fn syntax() -> SyntaxConfig {
    let mut builder = SyntaxConfig::builder();
    builder.keep_trailing_newline(true);
    builder.build().unwrap_or_default()
}

/// The parser's tree of a bare expression.
pub(super) fn expression(source: &str) -> Result<ast::Expr<'_>, Vec<Fault>> {
    if let Some(fault) = braces(source) {
        return Err(vec![fault]);
    }
    if source.trim().is_empty() {
        let message = "the expression is empty";
        let fault = Fault::new(codes::EXPRESSION_SYNTAX, At::new(0, source.len()), message);
        return Err(vec![fault.help("write an expression, or remove the key")]);
    }
    let faults = scan(source, true, &SyntaxConfig::default());
    if !faults.is_empty() {
        return Err(faults);
    }
    parse_expr(source).map_err(|error| vec![syntax_fault(source, &error, true)])
}

/// The parser's tree of a template.
pub(super) fn template(source: &str) -> Result<ast::Stmt<'_>, Vec<Fault>> {
    let syntax = syntax();
    let faults = scan(source, false, &syntax);
    if !faults.is_empty() {
        return Err(faults);
    }
    parse(source, "", syntax).map_err(|error| vec![syntax_fault(source, &error, false)])
}

/// The expression of a template that, but for white space around, is exactly one `{{ … }}`.
pub(super) fn only_expression<'t, 's>(tree: &'t ast::Stmt<'s>) -> Option<&'t ast::Expr<'s>> {
    let ast::Stmt::Template(template) = tree else { return None };
    let mut found = None;
    for stmt in &template.children {
        match stmt {
            ast::Stmt::EmitRaw(raw) if raw.raw.trim().is_empty() => {}
            ast::Stmt::EmitExpr(emit) if found.is_none() => found = Some(&emit.expr),
            _ => return None,
        }
    }
    found
}

/// `{{ … }}` where a bare expression belongs.
fn braces(source: &str) -> Option<Fault> {
    let mut quote = None;
    let mut before = '\0';
    for (at, c) in source.char_indices() {
        match quote {
            Some(open) if c == open && before != '\\' => quote = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => quote = Some(c),
            None if before == '{' && (c == '{' || c == '%') => return Some(braces_fault(source, at - 1)),
            None => (),
        }
        before = if before == '\\' { '\0' } else { c };
    }
    None
}

fn braces_fault(source: &str, start: usize) -> Fault {
    let opening = &source[start..start + 2];
    let end = source.rfind(['}']).map_or(source.len(), |at| at + 1).max(start + 2);
    let inner = source[start + 2..].trim().trim_end_matches(['}', '%', '-']).trim_start_matches('-').trim();
    let fault = Fault::new(
        codes::BRACES_IN_EXPRESSION,
        At::new(start, end),
        format!("a bare expression stands here, without `{opening}`"),
    );
    if inner.is_empty() || inner.contains(['{', '}']) || opening == "{%" {
        fault.help("write the expression alone")
    } else {
        fault.help(format!("write `{inner}`"))
    }
}
