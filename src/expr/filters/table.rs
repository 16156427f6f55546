//! The table itself: names, parameters, and what carries them out.

use std::fmt;

use crate::expr::limits::Budget;
use crate::expr::stop::Stop;
use crate::expr::value::Val;

use super::{Args, convert, list, markdown, number, test, text};

/// What a filter does with a value.
pub(super) type Run = for<'a> fn(&mut Budget, &Val<'a>, &Args<'a>) -> Result<Val<'a>, Stop>;
/// What a test says about a value.
pub(super) type Check = for<'a> fn(&mut Budget, &Val<'a>, &Args<'a>) -> Result<bool, Stop>;

/// A parameter.
#[derive(Debug, Clone, Copy)]
pub(in crate::expr) struct Param {
    pub(in crate::expr) name: &'static str,
    pub(in crate::expr) required: bool,
}

/// A filter.
pub(in crate::expr) struct Filter {
    pub(in crate::expr) name: &'static str,
    pub(in crate::expr) params: &'static [Param],
    pub(in crate::expr) run: Run,
}

/// A test.
pub(in crate::expr) struct Test {
    pub(in crate::expr) name: &'static str,
    pub(in crate::expr) params: &'static [Param],
    pub(in crate::expr) run: Check,
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Debug for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const fn needs(name: &'static str) -> Param {
    Param { name, required: true }
}

const fn takes(name: &'static str) -> Param {
    Param { name, required: false }
}

const ATTRIBUTE: Param = takes("attribute");

/// Filters that the language itself knows: they look at names, or at what is missing.
pub(in crate::expr) const SPECIAL_FILTERS: &[&str] =
    &["default", "map", "select", "reject", "selectattr", "rejectattr"];

/// Tests that the language itself knows.
pub(in crate::expr) const SPECIAL_TESTS: &[&str] = &["defined", "undefined"];

/// `map(attribute=…)`.
pub(in crate::expr) static MAP_ATTRIBUTE: Filter =
    Filter { name: "map", params: &[needs("attribute"), takes("default")], run: list::map_attribute };

/// Every other filter, by name.
pub(in crate::expr) static FILTERS: &[Filter] = &[
    Filter { name: "abs", params: &[], run: number::abs },
    Filter { name: "code", params: &[takes("table")], run: markdown::code },
    Filter { name: "first", params: &[], run: list::first },
    Filter { name: "flatten", params: &[], run: list::flatten },
    Filter { name: "float", params: &[], run: number::float },
    Filter { name: "fromjson", params: &[], run: convert::fromjson },
    Filter { name: "groupby", params: &[needs("attribute")], run: list::groupby },
    Filter { name: "head", params: &[needs("n")], run: list::head },
    Filter { name: "indent", params: &[needs("width"), takes("first")], run: text::indent },
    Filter { name: "int", params: &[], run: number::int },
    Filter { name: "items", params: &[], run: list::items },
    Filter { name: "join", params: &[takes("separator"), ATTRIBUTE], run: text::join },
    Filter { name: "keys", params: &[], run: list::keys },
    Filter { name: "last", params: &[], run: list::last },
    Filter { name: "length", params: &[], run: list::length },
    Filter { name: "lines", params: &[], run: text::lines },
    Filter { name: "lower", params: &[], run: text::lower },
    Filter { name: "markdown", params: &[], run: markdown::markdown },
    Filter { name: "max", params: &[ATTRIBUTE], run: list::max },
    Filter { name: "min", params: &[ATTRIBUTE], run: list::min },
    Filter { name: "product", params: &[needs("other")], run: list::product },
    Filter { name: "replace", params: &[needs("old"), needs("new")], run: text::replace },
    Filter { name: "reverse", params: &[], run: list::reverse },
    Filter { name: "round", params: &[takes("precision")], run: number::round },
    Filter { name: "sort", params: &[ATTRIBUTE, takes("reverse")], run: list::sort },
    Filter { name: "split", params: &[takes("separator")], run: text::split },
    Filter { name: "string", params: &[], run: convert::string },
    Filter { name: "sum", params: &[ATTRIBUTE], run: list::sum },
    Filter { name: "tail", params: &[needs("n")], run: list::tail },
    Filter { name: "tojson", params: &[takes("indent")], run: convert::tojson },
    Filter { name: "trim", params: &[], run: text::trim },
    Filter { name: "unique", params: &[ATTRIBUTE], run: list::unique },
    Filter { name: "upper", params: &[], run: text::upper },
    Filter { name: "values", params: &[], run: list::values },
    Filter { name: "zip", params: &[needs("other")], run: list::zip },
];

/// Every other test, by name.
pub(in crate::expr) static TESTS: &[Test] = &[
    Test { name: "boolean", params: &[], run: test::boolean },
    Test { name: "divisibleby", params: &[needs("number")], run: test::divisible },
    Test { name: "empty", params: &[], run: test::empty },
    Test { name: "endingwith", params: &[needs("text")], run: test::ending_with },
    Test { name: "eq", params: &[needs("other")], run: test::eq },
    Test { name: "even", params: &[], run: test::even },
    Test { name: "ge", params: &[needs("other")], run: test::ge },
    Test { name: "gt", params: &[needs("other")], run: test::gt },
    Test { name: "in", params: &[needs("other")], run: test::is_in },
    Test { name: "integer", params: &[], run: test::integer },
    Test { name: "le", params: &[needs("other")], run: test::le },
    Test { name: "list", params: &[], run: test::list },
    Test { name: "lt", params: &[needs("other")], run: test::lt },
    Test { name: "ne", params: &[needs("other")], run: test::ne },
    Test { name: "none", params: &[], run: test::none },
    Test { name: "number", params: &[], run: test::number },
    Test { name: "object", params: &[], run: test::object },
    Test { name: "odd", params: &[], run: test::odd },
    Test { name: "startingwith", params: &[needs("text")], run: test::starting_with },
    Test { name: "string", params: &[], run: test::string },
];

/// The filter of that name.
pub(in crate::expr) fn find_filter(name: &str) -> Option<&'static Filter> {
    FILTERS.iter().find(|filter| filter.name == name)
}

/// The test of that name.
pub(in crate::expr) fn find_test(name: &str) -> Option<&'static Test> {
    TESTS.iter().find(|test| test.name == name)
}

/// Our word for what other template languages call so.
pub(in crate::expr) fn other_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "d" => "default",
        "count" | "len" | "size" => "length",
        "sequence" | "iterable" | "array" => "list",
        "mapping" | "dict" => "object",
        "null" => "none",
        "bool" => "boolean",
        "str" => "string",
        "tojson_pretty" | "json" | "to_json" => "tojson",
        "parse_json" | "from_json" => "fromjson",
        "truncate" => "head",
        "equalto" | "sameas" => "eq",
        "strip" => "trim",
        "dictsort" => "items",
        _ => return None,
    })
}
