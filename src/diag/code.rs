//! The table of codes. A code is stable: it is never renamed and never given another meaning. Each has a page
//! `docs/codes/<code>.md` (printed by `lgflow explain`; a code without one does not build) and a fixture
//! `tests/diagnostics/<code>/`.

use std::fmt;

use super::Severity;

/// A diagnostic code, for example `unknown-node`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(&'static str);

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct CodeInfo {
    /// The code.
    pub code: Code,
    /// Its severity, unless the user denies warnings.
    pub severity: Severity,
    /// What it means, in a line.
    pub title: &'static str,
    /// Its page, in Markdown.
    pub page: &'static str,
}

impl Code {
    /// Its text.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Its row.
    pub fn info(self) -> Option<&'static CodeInfo> {
        ALL_CODES.iter().find(|info| info.code == self)
    }

    /// The severity in the table; a code that is missing there counts as an error.
    pub fn severity(self) -> Severity {
        self.info().map_or(Severity::Error, |info| info.severity)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! codes {
    ($($name:ident = $code:literal, $severity:ident, $title:literal;)*) => {
        /// Every code as a constant.
        pub mod codes {
            use super::Code;
            $(#[doc = $title] pub const $name: Code = Code($code);)*
        }

        /// Every code with its severity and title.
        pub const ALL_CODES: &[CodeInfo] = &[
            $(CodeInfo {
                code: codes::$name,
                severity: Severity::$severity,
                title: $title,
                page: include_str!(concat!("../../docs/codes/", $code, ".md")),
            },)*
        ];
    };
}

codes! {
    // document: the text itself
    SYNTAX = "syntax", Error, "the text is not valid YAML, TOML or JSON";
    DUPLICATE_KEY = "duplicate-key", Error, "a mapping has one key twice";
    LIMIT = "limit", Error, "the file is larger or deeper than the limits allow";
    ENCODING = "encoding", Error, "the file is not UTF-8 text";
    NUMBER = "number", Error, "a number that is too large, infinite or not a number";
    DATE = "date", Error, "a date or time where only strings, numbers and booleans exist";
    KEY_TYPE = "key-type", Error, "a key that is not a string";
    MERGE_KEY = "merge-key", Error, "the merge key `<<` means nothing here";
    TAG = "tag", Error, "a YAML tag means nothing here";
    ALIAS = "alias", Error, "an alias that names no anchor before it, or its own value";
    SEVERAL_DOCUMENTS = "several-documents", Error, "a file holds one document";
    // schema and model: keys, types, names within one file
    UNKNOWN_KEY = "unknown-key", Error, "a key that means nothing here";
    MISSING_KEY = "missing-key", Error, "a required key is missing";
    WRONG_TYPE = "wrong-type", Error, "a value of the wrong type";
    BAD_VALUE = "bad-value", Error, "a value outside of what is allowed here";
    BAD_NAME = "bad-name", Error, "a name that things cannot have";
    UNKNOWN_USES = "unknown-uses", Error, "a node kind that does not exist";
    CONFLICTING_KEYS = "conflicting-keys", Error, "two keys that exclude each other";
    MISPLACED_KEY = "misplaced-key", Error, "a key that stands too deep, in TOML behind a table's header";
    UNKNOWN_SCHEMA = "unknown-schema", Error, "the file's `schema` id is not one that lgflow knows";
    // expr: expressions and templates
    EXPRESSION_SYNTAX = "expression-syntax", Error, "an expression or a template that can't be read";
    EXPRESSION_LIMIT = "expression-limit", Error, "an expression or a template that is too long or too deep";
    BRACES_IN_EXPRESSION = "braces-in-expression", Error, "`{{ }}` where a bare expression stands";
    UNKNOWN_FILTER = "unknown-filter", Error, "a filter that does not exist";
    UNKNOWN_TEST = "unknown-test", Error, "a test that does not exist";
    UNKNOWN_FUNCTION = "unknown-function", Error, "a function that does not exist";
    FILTER_ARGUMENT = "filter-argument", Error, "an argument that a filter, test or function does not take, or lacks";
    TEMPLATE_STATEMENT = "template-statement", Error, "a statement that templates do not have";
    POWER_OPERATOR = "power-operator", Error, "there is no power operator";
    SPLAT_ARGUMENT = "splat-argument", Error, "arguments spread out of a list or an object";
    METHOD_CALL = "method-call", Error, "a method or a value that is called";
    DYNAMIC_KEY = "dynamic-key", Error, "a computed name behind `nodes`, `inputs`, `state` or `loops`";
    BARE_ROOT = "bare-root", Error, "`nodes`, `inputs`, `state` or `loops` used as a value";
    IF_WITHOUT_ELSE = "if-without-else", Error, "an `if` in an expression without its `else`";
    RESERVED_NAME = "reserved-name", Error, "a template's variable with a name of the language";
    SET_SCOPE = "set-scope", Error, "a `set` that would be forgotten or may not happen";
    NOT_TEXT = "not-text", Error, "a list, an object or null in a text";
    UNKNOWN_LOOP = "unknown-loop", Error, "a loop that does not exist";
    OUT_OF_SCOPE = "out-of-scope", Error, "a name that is known elsewhere, and not here";
    UNKNOWN_FIELD = "unknown-field", Error, "a field that does not exist";
    UNKNOWN_VALUE = "unknown-value", Error, "a comparison with a value that is never there";
    INCOMPARABLE = "incomparable", Error, "two values that are never equal, or have no order";
    WRONG_OPERAND = "wrong-operand", Error, "an operator, filter or test with a value that it does not take";
    NOT_A_CONDITION = "not-a-condition", Error, "a condition that is not true or false";
    MAY_BE_MISSING = "may-be-missing", Error, "a value that is not there on every way";
    MAY_BE_NULL = "may-be-null", Error, "a value that may be null, where null is not accepted";
    // compile: what flows where
    NOT_BEFORE = "not-before", Error, "a result that is never seen where it is read";
    WRONG_WRITE = "wrong-write", Error, "a value that the channel does not accept";
    CHANNEL_RACE = "channel-race", Error, "two nodes may write one channel at the same time";
    WORKSPACE_RACE = "workspace-race", Error, "two nodes may touch the workspace at the same time, and one changes it";
    // compile: conditions
    CONSTANT_CONDITION = "constant-condition", Warning, "a condition that is always true, or never";
    OVERLAPPING_CONDITIONS = "overlapping-conditions", Warning, "two conditions of one node that can both be true";
    INCOMPLETE_CONDITIONS = "incomplete-conditions", Warning, "the conditions of a node leave a value out";
    ALWAYS_FAILS = "always-fails", Error, "a node whose conditions have no value, whatever the values are";
    FAILING_CONDITION = "failing-condition", Warning, "a condition that has no value for a kind of values that may be given";
    ENDLESS_LOOP = "endless-loop", Warning, "a loop that can never be left before its last iteration";
    // compile: what one file names in another
    UNREADABLE_FILE = "unreadable-file", Error, "a named file cannot be read";
    STRAY_FILE = "stray-file", Warning, "a file that nothing names, and nobody looks at";
    FILE_OUTSIDE = "file-outside", Error, "a path leads out of the graph's folder";
    NOT_OURS = "not-ours", Error, "a named file is not what it is named as";
    UNKNOWN_POLICY = "unknown-policy", Error, "a policy that does not exist";
    MISSING_PACK = "missing-pack", Error, "a pack that is not in the lock, or not installed";
    RECURSIVE_GRAPH = "recursive-graph", Error, "a graph leads to itself";
    // compile: names
    UNKNOWN_NODE = "unknown-node", Error, "a node that does not exist";
    UNKNOWN_PROMPT = "unknown-prompt", Error, "a prompt that is not declared";
    UNKNOWN_MODEL = "unknown-model", Error, "a model that is not declared";
    UNKNOWN_CHANNEL = "unknown-channel", Error, "a channel that is not declared";
    UNKNOWN_GRAPH = "unknown-graph", Error, "a graph that is not declared";
    UNKNOWN_GROUP = "unknown-group", Error, "a concurrency group that is not declared";
    UNKNOWN_INPUT = "unknown-input", Error, "an input that is not declared";
    MISSING_INPUT = "missing-input", Error, "a required input of a subgraph has no value";
    WRONG_INPUT = "wrong-input", Error, "a subgraph is given a value that its input does not accept";
    UNKNOWN_VARIABLE = "unknown-variable", Error, "a variable that is not in scope";
    UNUSED_VARIABLE = "unused-variable", Error, "a prompt is given a variable that it does not use";
    SHADOWED_NAME = "shadowed-name", Error, "a name of a `for_each` hides another";
    // compile: edges
    DUPLICATE_EDGE = "duplicate-edge", Error, "two edges say the same";
    UNKNOWN_ERROR_KIND = "unknown-error-kind", Error, "an error kind that nothing can fail with";
    RESERVED_KIND = "reserved-kind", Error, "a `fail` node with an error kind of the engine";
    DEAD_EDGE = "dead-edge", Error, "an edge that can never be taken";
    IDLE_KIND = "idle-kind", Warning, "an error kind that the node never fails with";
    LOST_FAILURE = "lost-failure", Warning, "a failure that is caught, and that nothing may handle in the end";
    // compile: the shape
    CYCLE = "cycle", Error, "a cycle without a loop edge";
    LOOP_TARGET = "loop-target", Error, "the target of a loop edge is not on every way to its source";
    LOOP_DISAGREES = "loop-disagrees", Error, "the edges of one loop give it different bounds";
    UNCONNECTED_NODE = "unconnected-node", Error, "a node without any edge, in a graph that has some";
    DEAD_JOIN = "dead-join", Warning, "a node that waits for sources which are never chosen together";
    UNREACHABLE_NODE = "unreachable-node", Error, "a node that can never start";
    FORGOTTEN_EDGE = "forgotten-edge", Warning, "an entry that looks as if an edge to it was forgotten";
    // compile: values and modifiers
    SHOWN_CALL = "shown-call", Error, "a call that an approval can't show before it is made";
    BAD_DEFAULT = "bad-default", Error, "a default that its own schema refuses";
    ILLEGAL_MODIFIER = "illegal-modifier", Error, "a modifier that this kind of node cannot have";
    NOT_BUILT = "not-built", Warning, "what this version of lgflow does not do yet";
    MISPLACED_SECRET = "misplaced-secret", Error, "a secret where it could be read";
    // policy and config: what a policy must hold beyond its types, what may stand in which config file
    BAD_PATTERN = "bad-pattern", Error, "a glob or a regular expression that cannot be used";
    EXAMPLE = "example", Error, "a rule and an example that it carries disagree";
    DENIED_CALL = "denied-call", Error, "a call that the policy of the graph can never allow";
    NOT_HERE = "not-here", Error, "a setting that may not stand in this file";
}
