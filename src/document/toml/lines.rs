//! The statements of a TOML text by a rough reading: strings, comments and brackets, nothing more. It bounds what
//! the parser is given (its own limits do not cover dotted keys and memory), and says what to blank after an error.

/// A header or a key with its value: from its first line's start to the end of its last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) is_header: bool,
    /// A bracket or multi-line string that something on a later line should not have found open.
    pub(super) unclosed: Option<usize>,
}

/// All statements, and what they would cost.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) statements: Vec<Statement>,
    /// At least as many tokens as the parser will see.
    pub(super) tokens: usize,
    /// The deepest nesting, by dotted keys and brackets together, and where it is.
    pub(super) deepest: (usize, usize),
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
    brackets: Vec<usize>,
    /// The nesting outside of each open bracket.
    outside: Vec<usize>,
    depth: usize,
    lines: Lines,
}

/// Reads the statements of `text`.
pub(super) fn lines(text: &str) -> Lines {
    let mut scan =
        Scan { text, at: 0, brackets: Vec::new(), outside: Vec::new(), depth: 0, lines: Lines::default() };
    while scan.at < text.len() {
        scan.statement();
    }
    scan.lines
}

impl Scan<'_> {
    fn statement(&mut self) {
        let start = self.at;
        let first = self.text[start..].trim_start_matches([' ', '\t', '\u{feff}']);
        let is_header = first.starts_with('[');
        self.brackets.clear();
        self.outside.clear();
        self.depth = 0;
        let unclosed = self.run(is_header);
        let end = self.at.min(self.text.len());
        self.at = end + 1;
        // the line break
        self.lines.tokens += 2;
        if !first.starts_with(['\n', '\r', '#']) && !first.is_empty() {
            self.lines.statements.push(Statement { start, end, is_header, unclosed });
        }
    }

    /// Reads to the line break that ends the statement.
    fn run(&mut self, is_header: bool) -> Option<usize> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'\n' if self.brackets.is_empty() || is_header => return None,
                b'\n' if self.intruder(self.at + 1) => return self.brackets.last().copied(),
                b'#' => {
                    self.at = self.line_end();
                    continue;
                }
                b'"' | b'\'' => {
                    let opened = self.at;
                    if !self.string(byte) {
                        return Some(opened);
                    }
                    continue;
                }
                b'[' | b'{' => self.brackets.push(self.at),
                b']' | b'}' => drop(self.brackets.pop()),
                _ => {}
            }
            self.count(byte);
            self.at += 1;
        }
        self.brackets.last().copied().filter(|_| !is_header)
    }

    fn count(&mut self, byte: u8) {
        let bare = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || byte >= 0x80;
        self.lines.tokens += if bare { 0 } else { 2 };
        match byte {
            b'.' => self.depth += 1,
            b',' | b'\n' => self.depth = self.outside.last().map_or(0, |outside| outside + 1),
            b'[' | b'{' => {
                self.outside.push(self.depth);
                self.depth += 1;
            }
            b']' | b'}' => self.depth = self.outside.pop().unwrap_or(0),
            _ => {}
        }
        if self.depth > self.lines.deepest.0 {
            self.lines.deepest = (self.depth, self.at);
        }
    }

    fn line_end(&self) -> usize {
        self.text[self.at..].find('\n').map_or(self.text.len(), |newline| self.at + newline)
    }

    /// Steps over a string; `false` where it is multi-line and never closed: then only its first line, and those
    /// that do not look like statements, are taken for it.
    fn string(&mut self, quote: u8) -> bool {
        self.lines.tokens += 2;
        let triple = if quote == b'"' { "\"\"\"" } else { "'''" };
        let from = self.at + 1;
        if !self.text[self.at..].starts_with(triple) {
            self.at = closing(self.text, from, self.line_end(), quote);
            return true;
        }
        let mut at = self.at + 3;
        while let Some(found) = self.text[at..].find(triple) {
            if quote == b'"' && is_escaped(self.text, at + found) {
                at += found + 1;
                continue;
            }
            let end = at + found + 3;
            let extra = self.text[end..].bytes().take(2).take_while(|&byte| byte == quote).count();
            self.at = end + extra;
            return true;
        }
        self.at = self.line_end();
        while self.at < self.text.len() && !looks_like_statement(self.text, self.at + 1) {
            self.at += 1;
            self.at = self.line_end();
        }
        false
    }

    /// Does the line at `at`, within open brackets, begin a statement of its own?
    fn intruder(&self, at: usize) -> bool {
        let before = self.text[..at].trim_end();
        let goes_on = before.ends_with([',', '{', '[']);
        let header = self.text[at..].lines().next().unwrap_or_default().trim();
        let is_header = header.starts_with('[') && header.ends_with(']') && !header.contains([',', '"']);
        !goes_on && (is_header || is_key_value(header))
    }
}

fn looks_like_statement(text: &str, at: usize) -> bool {
    let line = text.get(at..).and_then(|rest| rest.lines().next()).unwrap_or_default().trim();
    is_key_value(line) || (line.starts_with('[') && line.ends_with(']'))
}

fn is_key_value(line: &str) -> bool {
    let key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '"' | '\'');
    line.split_once('=').is_some_and(|(name, _)| !name.trim().is_empty() && name.trim().chars().all(key))
}

fn closing(text: &str, from: usize, end: usize, quote: u8) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    while at < end {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 1,
            byte if byte == quote => return at + 1,
            _ => {}
        }
        at += 1;
    }
    end
}

fn is_escaped(text: &str, at: usize) -> bool {
    text.as_bytes()[..at].iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}
