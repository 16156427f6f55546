//! As much of XML as reports need, in one pass and without recursion: elements, attributes, text, CDATA, and the five
//! entities. Declarations of entities are refused, so nothing expands.

use std::collections::BTreeMap;

/// A piece of a document.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    /// An element begins; one without content ends at once.
    Start(String, BTreeMap<String, String>),
    /// Text between elements.
    Text(String),
    /// An element ends.
    End(String),
}

/// The pieces of a document, in order; elements are nested soundly.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    while let Some(at) = rest.find('<') {
        push_text(&mut pieces, &rest[..at])?;
        rest = &rest[at..];
        rest = markup(rest, &mut pieces, &mut open)?;
    }
    push_text(&mut pieces, rest)?;
    match open.last() {
        Some(name) => Err(format!("ends inside of `<{name}>`")),
        None => Ok(pieces),
    }
}

/// The text that stands outside of all elements.
pub(super) fn outside(text: &str) -> Result<String, String> {
    let (mut depth, mut outside) = (0_usize, String::new());
    for piece in pieces(text)? {
        match piece {
            Piece::Start(..) => depth += 1,
            Piece::End(_) => depth = depth.saturating_sub(1),
            Piece::Text(text) if depth == 0 => outside = outside + &text + "\n",
            Piece::Text(_) => {}
        }
    }
    Ok(outside)
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) -> Result<(), String> {
    if !text.is_empty() {
        pieces.push(Piece::Text(unescape(text)?));
    }
    Ok(())
}

/// Takes one piece of markup; gives what follows.
fn markup<'t>(text: &'t str, pieces: &mut Vec<Piece>, open: &mut Vec<String>) -> Result<&'t str, String> {
    let until = |start: &str, end: &str| -> Option<Result<(&'t str, &'t str), String>> {
        let body = text.strip_prefix(start)?;
        Some(body.split_once(end).ok_or_else(|| format!("has a `{start}` without its `{end}`")))
    };
    if let Some(cdata) = until("<![CDATA[", "]]>") {
        let (body, rest) = cdata?;
        pieces.push(Piece::Text(body.to_owned()));
        return Ok(rest);
    }
    if let Some(skipped) = until("<!--", "-->").or_else(|| until("<?", "?>")) {
        return Ok(skipped?.1);
    }
    if text.starts_with("<!") {
        return Err("declares a document type, which is not read".to_owned());
    }
    if let Some(end) = until("</", ">") {
        let (name, rest) = end?;
        if open.pop().as_deref() != Some(name.trim()) {
            return Err(format!("ends `<{}>` where it is not open", name.trim()));
        }
        pieces.push(Piece::End(name.trim().to_owned()));
        return Ok(rest);
    }
    element(text, pieces, open)
}

fn element<'t>(text: &'t str, pieces: &mut Vec<Piece>, open: &mut Vec<String>) -> Result<&'t str, String> {
    let body = &text[1..];
    let end = body.find(|c: char| c.is_whitespace() || c == '>' || c == '/').ok_or("ends inside of a tag")?;
    let name = body[..end].to_owned();
    if name.is_empty() {
        return Err("has a tag without a name".to_owned());
    }
    let mut attributes = BTreeMap::new();
    let mut rest = body[end..].trim_start();
    loop {
        if let Some(after) = rest.strip_prefix("/>") {
            pieces.push(Piece::Start(name.clone(), attributes));
            pieces.push(Piece::End(name));
            return Ok(after);
        }
        if let Some(after) = rest.strip_prefix('>') {
            open.push(name.clone());
            pieces.push(Piece::Start(name, attributes));
            return Ok(after);
        }
        let (key, after) = rest.split_once('=').ok_or("has an attribute without a value")?;
        let after = after.trim_start();
        let quote = after
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\''))
            .ok_or("has an attribute without quotes")?;
        let (value, after) = after[1..].split_once(quote).ok_or("ends inside of an attribute")?;
        attributes.insert(key.trim().to_owned(), unescape(value)?);
        rest = after.trim_start();
    }
}

fn unescape(text: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        let (entity, after) = rest[at + 1..].split_once(';').ok_or("has a `&` without its `;`")?;
        plain.push(character(entity).ok_or_else(|| format!("uses the unknown entity `&{entity};`"))?);
        rest = after;
    }
    plain.push_str(rest);
    Ok(plain)
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}
