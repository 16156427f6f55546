//! Events → tree, without recursion, so that no nesting can exhaust the stack. Refuses what the document model
//! does not have: tags, merge keys, keys that are no strings, a second document.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_yaml::granit_parser::{self, Event, ScalarStyle, StructureStyle};

use crate::diag::{Diagnostic, Diagnostics, codes, suggestion};
use crate::document::limits::{Limit, Spent};
use crate::document::{Entry, Limits, Text, Tree, Value};
use crate::source::{FileId, Located, Span};

use super::frame::{Frame, Key, Kind, Mapping, first_dash};
use super::offsets;
use super::scalar::{Plain, resolve};

/// Why no further event is wanted.
pub(super) enum Stop {
    /// An error was pushed, and no tree can be had.
    Refused,
    /// The first document is complete.
    Enough,
}

/// A scalar event's own part.
struct Scalar<'t> {
    value: Cow<'t, str>,
    style: ScalarStyle,
    anchor: usize,
}

struct Anchored {
    tree: Option<Tree>,
    cost: Spent,
    depth: usize,
}

/// The tree that is being built.
pub(super) struct Builder<'t> {
    file: FileId,
    text: &'t str,
    limits: &'t Limits,
    blanked: &'t [Span],
    found: &'t mut Diagnostics,
    spent: Spent,
    frames: Vec<Frame>,
    anchors: BTreeMap<usize, Anchored>,
    names: Vec<String>,
    documents: usize,
    root: Option<Tree>,
    unread: Vec<Span>,
    last: usize,
}

impl<'t> Builder<'t> {
    pub(super) fn new(
        file: FileId,
        text: &'t str,
        limits: &'t Limits,
        blanked: &'t [Span],
        found: &'t mut Diagnostics,
    ) -> Self {
        Self {
            file,
            text,
            limits,
            blanked,
            found,
            spent: Spent::default(),
            frames: Vec::new(),
            anchors: BTreeMap::new(),
            names: Vec::new(),
            documents: 0,
            root: None,
            unread: blanked.to_vec(),
            last: 0,
        }
    }

    /// Takes the next event of the parser.
    pub(super) fn take(&mut self, event: Event<'t>, at: granit_parser::Span) -> Result<(), Stop> {
        let range = at.byte_range().unwrap_or(0..0);
        let span = Span::new(self.file, range.start, range.end);
        if let (Some(_), Some(tag)) = (event.tag(), at.tag_span().and_then(|tag| tag.byte_range())) {
            self.refuse_tag(Span::new(self.file, tag.start, tag.end));
        }
        let result = match event {
            Event::DocumentStart(..) => self.start_document(span),
            Event::Alias(id) => self.alias(id, span),
            Event::Anchor(_, name) => {
                self.names.push(name.into_owned());
                return Ok(());
            }
            Event::UnresolvedAlias(name) => {
                self.unknown_alias(&name, span);
                self.place(None, span);
                Ok(())
            }
            Event::Scalar(value, style, anchor, _) => self.scalar(Scalar { value, style, anchor }, span),
            Event::SequenceStart(style, anchor, _) => {
                let span = self.with_first_dash(span, style);
                self.open(Kind::List(Vec::new()), style == StructureStyle::Flow, anchor, span)
            }
            Event::MappingStart(style, anchor, _) => {
                self.open(Kind::Map(Mapping::default()), style == StructureStyle::Flow, anchor, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            _ => Ok(()),
        };
        self.last = self.last.max(range.end);
        result
    }

    /// From where on the text is not yet part of a finished value: the start of the outermost open flow
    /// collection, else the end of the last event.
    pub(super) fn unfinished_from(&self) -> usize {
        self.frames.iter().find(|frame| frame.flow).map_or(self.last, |frame| frame.start)
    }

    /// Reports an exceeded limit.
    pub(super) fn refuse(&mut self, limit: Limit, at: usize) -> Result<(), Stop> {
        self.found.push(limit.exceeded(self.limits, Span::new(self.file, at, at)));
        Err(Stop::Refused)
    }

    /// The document, null where the file is empty, and the spans that are missing in it.
    pub(super) fn finish(self) -> (Tree, Vec<Span>) {
        let null = Tree { value: Value::Null, span: Span::whole(self.file) };
        (self.root.unwrap_or(null), self.unread)
    }

    fn start_document(&mut self, span: Span) -> Result<(), Stop> {
        self.documents += 1;
        if self.documents == 1 {
            return Ok(());
        }
        let found = Diagnostic::new(
            codes::SEVERAL_DOCUMENTS,
            span,
            "a second document begins here; a file holds one",
        )
        .help("move it into a file of its own, or remove the `---`");
        self.found.push(found);
        Err(Stop::Enough)
    }

    fn refuse_tag(&mut self, span: Span) {
        let tag = self.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        let found = Diagnostic::new(codes::TAG, span, format!("the tag `{tag}` means nothing here"))
            .help("remove it; quote the value to make it a string");
        self.found.push(found);
    }

    fn unknown_alias(&mut self, name: &str, span: Span) {
        let help = suggestion(name, self.names.iter().map(String::as_str));
        let help = help.map(|help| help.replacen("write `", "write `*", 1));
        let found = Diagnostic::new(codes::ALIAS, span, format!("no anchor `&{name}` before this alias"));
        self.found.push(found.maybe_help(help));
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(), Stop> {
        let Some(anchored) = self.anchors.get(&id) else {
            let found =
                Diagnostic::new(codes::ALIAS, span, "an alias inside of the value that it stands for");
            self.found.push(found.help("write the value out; a document has no cycles"));
            self.place(None, span);
            return Ok(());
        };
        let (cost, deep) = (anchored.cost, self.frames.len() + anchored.depth > self.limits.depth);
        if deep {
            return self.refuse(Limit::Depth, span.start as usize);
        }
        if let Err(limit) = self.spent.charge(cost, self.limits) {
            return self.refuse(limit, span.start as usize);
        }
        let tree = self.anchors.get(&id).and_then(|anchored| anchored.tree.clone());
        self.place(tree, span);
        Ok(())
    }

    fn scalar(&mut self, scalar: Scalar<'t>, span: Span) -> Result<(), Stop> {
        let cost = Spent::one(scalar.value.len());
        if let Err(limit) = self.spent.charge(cost, self.limits) {
            return self.refuse(limit, span.start as usize);
        }
        let (range, anchor) = (span.start as usize..span.end as usize, scalar.anchor);
        let is_empty = scalar.style == ScalarStyle::Plain && range.is_empty();
        if is_empty && self.stood_before_damage(range.start) {
            self.place(None, span);
            return Ok(());
        }
        let tree = self.scalar_tree(scalar, span);
        if anchor != 0 {
            self.keep(anchor, tree.clone(), cost, 0, range.start)?;
        }
        self.place(tree, span);
        Ok(())
    }

    fn scalar_tree(&mut self, scalar: Scalar<'t>, span: Span) -> Option<Tree> {
        let is_empty = span.start == span.end;
        if scalar.style == ScalarStyle::Plain {
            match resolve(if is_empty { "" } else { &scalar.value }) {
                Plain::Value(value) => return Some(Tree { value, span }),
                Plain::Bad(bad) => {
                    self.found.push(bad.diagnostic(&scalar.value, span));
                    return None;
                }
                Plain::String => {}
            }
        }
        let runs =
            offsets::runs(self.text, span.start as usize..span.end as usize, &scalar.value, scalar.style);
        let span = self.without_trailing_space(span);
        Some(Tree { value: Value::String(Text::new(scalar.value, span, runs)), span })
    }

    /// A block scalar's range runs on to the next token.
    fn without_trailing_space(&self, span: Span) -> Span {
        let written = self.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        Span::new(self.file, span.start as usize, span.start as usize + written.trim_end().len())
    }

    /// Is the value that is missing at `at` one that a syntax error took away?
    fn stood_before_damage(&self, at: usize) -> bool {
        let rest = &self.text[at..];
        let gap =
            rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || c == ':' || c == '-').len();
        self.blanked.iter().any(|span| (at..at + gap).contains(&(span.start as usize)))
    }

    /// All of a list in a mapping, from its first dash on: the parser tells one no deeper than its key from behind it.
    fn with_first_dash(&self, span: Span, style: StructureStyle) -> Span {
        let is_value = self.frames.last().is_some_and(|frame| matches!(frame.kind, Kind::Map(_)));
        let dash = first_dash(self.text, span.start as usize);
        match dash.filter(|_| is_value && style == StructureStyle::Block) {
            Some(dash) => Span::new(self.file, dash, (span.end as usize).max(dash + 1)),
            None => span,
        }
    }

    fn open(&mut self, kind: Kind, flow: bool, anchor: usize, span: Span) -> Result<(), Stop> {
        if self.frames.len() >= self.limits.depth {
            return self.refuse(Limit::Depth, span.start as usize);
        }
        let before = self.spent;
        if let Err(limit) = self.spent.charge(Spent::one(0), self.limits) {
            return self.refuse(limit, span.start as usize);
        }
        let (start, end) = (span.start as usize, span.end as usize);
        self.frames.push(Frame { start, end, flow, anchor, before, kind });
        Ok(())
    }

    fn close(&mut self, span: Span) -> Result<(), Stop> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let end = if frame.flow { span.end as usize } else { frame.end };
        let whole = Span::new(self.file, frame.start, end);
        let tree = Tree { value: frame.kind.finish(), span: whole };
        if frame.anchor != 0 {
            let cost = Spent {
                nodes: self.spent.nodes - frame.before.nodes,
                string_bytes: self.spent.string_bytes - frame.before.string_bytes,
            };
            let depth = depth(&tree);
            self.keep(frame.anchor, Some(tree.clone()), cost, depth, frame.start)?;
        }
        self.place(Some(tree), whole);
        Ok(())
    }

    /// Keeps a copy for the aliases to come; the copy is charged like any other.
    fn keep(
        &mut self,
        id: usize,
        tree: Option<Tree>,
        cost: Spent,
        depth: usize,
        at: usize,
    ) -> Result<(), Stop> {
        if let Err(limit) = self.spent.charge(cost, self.limits) {
            return self.refuse(limit, at);
        }
        self.anchors.insert(id, Anchored { tree, cost, depth });
        Ok(())
    }

    /// Puts a finished value where it belongs; `None` is one that was reported and is left out.
    fn place(&mut self, tree: Option<Tree>, span: Span) {
        let Some(mut frame) = self.frames.pop() else {
            self.root = tree;
            return;
        };
        frame.end = frame.end.max(span.end as usize);
        match &mut frame.kind {
            Kind::List(items) => match tree {
                Some(tree) => items.push(tree),
                None => self.unread.push(span),
            },
            Kind::Map(mapping) => match mapping.key.take() {
                None => mapping.key = Some(self.key(tree, span, mapping)),
                Some(Key::Bad(key)) => self.unread.push(key.to(span)),
                Some(Key::Good(key)) => self.entry(key, tree, span, mapping),
            },
        }
        self.frames.push(frame);
    }

    fn entry(&mut self, key: Located<String>, tree: Option<Tree>, span: Span, mapping: &mut Mapping) {
        match tree {
            Some(value) => mapping.entries.push(Entry { key, value }),
            // an alias's value stands elsewhere, and an absent one nowhere
            None if span.start < key.span.start => self.unread.push(key.span),
            None => self.unread.push(key.span.to(span)),
        }
    }

    fn key(&mut self, tree: Option<Tree>, span: Span, mapping: &mut Mapping) -> Key {
        let Some(tree) = tree else { return Key::Bad(span) };
        let written = self.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        let Value::String(text) = &tree.value else {
            self.found.push(bad_key(&tree, written, span));
            return Key::Bad(span);
        };
        if written == "<<" {
            let found = Diagnostic::new(
                codes::MERGE_KEY,
                span,
                "the merge key `<<` is not part of the document model",
            );
            self.found.push(found.help("write the keys out"));
            return Key::Bad(span);
        }
        let name = text.as_str().to_owned();
        if let Some(&first) = mapping.seen.get(&name) {
            self.found.push(duplicate(&name, span, first));
            return Key::Bad(span);
        }
        mapping.seen.insert(name.clone(), span);
        Key::Good(Located::new(name, span))
    }
}

/// The finding that a mapping has `name` twice.
pub(in crate::document) fn duplicate(name: &str, second: Span, first: Span) -> Diagnostic {
    Diagnostic::new(codes::DUPLICATE_KEY, second, format!("the key `{name}` stands here a second time"))
        .label(first, "first here")
        .help(format!("keep one `{name}`, or rename one"))
}

fn bad_key(tree: &Tree, written: &str, span: Span) -> Diagnostic {
    let found =
        Diagnostic::new(codes::KEY_TYPE, span, format!("a key is a string, and this is {}", tree.kind()));
    match tree.value {
        Value::List(_) | Value::Map(_) => found.help("write a string as the key"),
        _ if written.is_empty() => found.help("write a key before the `:`"),
        _ => found.help(format!("write `\"{written}\"`")),
    }
}

/// Levels of collections; the depth limit bounds the recursion.
fn depth(tree: &Tree) -> usize {
    let deepest = |trees: &mut dyn Iterator<Item = &Tree>| trees.map(depth).max().unwrap_or(0) + 1;
    match &tree.value {
        Value::List(items) => deepest(&mut items.iter()),
        Value::Map(entries) => deepest(&mut entries.iter().map(|entry| &entry.value)),
        _ => 0,
    }
}
