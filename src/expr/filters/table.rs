//! The table itself: names, parameters, what carries them out, and their types.

use std::fmt;

use crate::expr::infer::Call;
use crate::expr::limits::Budget;
use crate::expr::stop::Stop;
use crate::expr::value::Val;
use crate::types::Field;

use super::{Args, convert, list, markdown, number, signature, test, text};

/// What a filter does with a value.
pub(super) type Run = for<'a> fn(&mut Budget, &Val<'a>, &Args<'a>) -> Result<Val<'a>, Stop>;
/// What a test says about a value.
pub(super) type Check = for<'a> fn(&mut Budget, &Val<'a>, &Args<'a>) -> Result<bool, Stop>;
/// What a filter takes, and the type of what it gives.
pub(super) type Gives = fn(&mut Call<'_, '_>) -> Field;
/// What a test can be asked about.
pub(super) type Asks = fn(&mut Call<'_, '_>);

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
    pub(in crate::expr) gives: Gives,
}

/// A test.
pub(in crate::expr) struct Test {
    pub(in crate::expr) name: &'static str,
    pub(in crate::expr) params: &'static [Param],
    pub(in crate::expr) run: Check,
    pub(in crate::expr) asks: Asks,
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
pub(in crate::expr) static MAP_ATTRIBUTE: Filter = Filter {
    name: "map",
    params: &[needs("attribute"), takes("default")],
    run: list::map_attribute,
    gives: signature::map_attribute,
};

/// Every other filter, by name.
pub(in crate::expr) static FILTERS: &[Filter] = &[
    Filter { name: "abs", params: &[], run: number::abs, gives: signature::abs },
    Filter { name: "code", params: &[takes("table")], run: markdown::code, gives: signature::code },
    Filter { name: "first", params: &[], run: list::first, gives: signature::one },
    Filter { name: "flatten", params: &[], run: list::flatten, gives: signature::flatten },
    Filter { name: "float", params: &[], run: number::float, gives: signature::float },
    Filter { name: "fromjson", params: &[], run: convert::fromjson, gives: signature::fromjson },
    Filter { name: "groupby", params: &[needs("attribute")], run: list::groupby, gives: signature::groupby },
    Filter { name: "head", params: &[needs("n")], run: list::head, gives: signature::part },
    Filter {
        name: "indent",
        params: &[needs("width"), takes("first")],
        run: text::indent,
        gives: signature::indent,
    },
    Filter { name: "int", params: &[], run: number::int, gives: signature::int },
    Filter { name: "items", params: &[], run: list::items, gives: signature::items },
    Filter {
        name: "join",
        params: &[takes("separator"), ATTRIBUTE],
        run: text::join,
        gives: signature::join,
    },
    Filter { name: "keys", params: &[], run: list::keys, gives: signature::keys },
    Filter { name: "last", params: &[], run: list::last, gives: signature::one },
    Filter { name: "length", params: &[], run: list::length, gives: signature::length },
    Filter { name: "lines", params: &[], run: text::lines, gives: signature::texts },
    Filter { name: "lower", params: &[], run: text::lower, gives: signature::text },
    Filter { name: "markdown", params: &[], run: markdown::markdown, gives: signature::text },
    Filter { name: "max", params: &[ATTRIBUTE], run: list::max, gives: signature::extreme },
    Filter { name: "min", params: &[ATTRIBUTE], run: list::min, gives: signature::extreme },
    Filter { name: "product", params: &[needs("other")], run: list::product, gives: signature::pairs },
    Filter {
        name: "replace",
        params: &[needs("old"), needs("new")],
        run: text::replace,
        gives: signature::replace,
    },
    Filter { name: "reverse", params: &[], run: list::reverse, gives: signature::same },
    Filter { name: "round", params: &[takes("precision")], run: number::round, gives: signature::round },
    Filter { name: "sort", params: &[ATTRIBUTE, takes("reverse")], run: list::sort, gives: signature::sort },
    Filter { name: "split", params: &[takes("separator")], run: text::split, gives: signature::texts },
    Filter { name: "string", params: &[], run: convert::string, gives: signature::string },
    Filter { name: "sum", params: &[ATTRIBUTE], run: list::sum, gives: signature::sum },
    Filter { name: "tail", params: &[needs("n")], run: list::tail, gives: signature::part },
    Filter { name: "tojson", params: &[takes("indent")], run: convert::tojson, gives: signature::tojson },
    Filter { name: "trim", params: &[], run: text::trim, gives: signature::text },
    Filter { name: "unique", params: &[ATTRIBUTE], run: list::unique, gives: signature::unique },
    Filter { name: "upper", params: &[], run: text::upper, gives: signature::text },
    Filter { name: "values", params: &[], run: list::values, gives: signature::values },
    Filter { name: "zip", params: &[needs("other")], run: list::zip, gives: signature::pairs },
];

/// Every other test, by name.
pub(in crate::expr) static TESTS: &[Test] = &[
    Test { name: "boolean", params: &[], run: test::boolean, asks: signature::any },
    Test {
        name: "divisibleby",
        params: &[needs("number")],
        run: test::divisible,
        asks: signature::divisible,
    },
    Test { name: "empty", params: &[], run: test::empty, asks: signature::emptiness },
    Test { name: "endingwith", params: &[needs("text")], run: test::ending_with, asks: signature::affix },
    Test { name: "eq", params: &[needs("other")], run: test::eq, asks: signature::equal },
    Test { name: "even", params: &[], run: test::even, asks: signature::whole },
    Test { name: "ge", params: &[needs("other")], run: test::ge, asks: signature::order },
    Test { name: "gt", params: &[needs("other")], run: test::gt, asks: signature::order },
    Test { name: "in", params: &[needs("other")], run: test::is_in, asks: signature::within },
    Test { name: "integer", params: &[], run: test::integer, asks: signature::any },
    Test { name: "le", params: &[needs("other")], run: test::le, asks: signature::order },
    Test { name: "list", params: &[], run: test::list, asks: signature::any },
    Test { name: "lt", params: &[needs("other")], run: test::lt, asks: signature::order },
    Test { name: "ne", params: &[needs("other")], run: test::ne, asks: signature::equal },
    Test { name: "none", params: &[], run: test::none, asks: signature::any },
    Test { name: "number", params: &[], run: test::number, asks: signature::any },
    Test { name: "object", params: &[], run: test::object, asks: signature::any },
    Test { name: "odd", params: &[], run: test::odd, asks: signature::whole },
    Test { name: "startingwith", params: &[needs("text")], run: test::starting_with, asks: signature::affix },
    Test { name: "string", params: &[], run: test::string, asks: signature::any },
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
        "upcase" | "uppercase" | "toupper" | "to_upper" => "upper",
        "downcase" | "lowercase" | "tolower" | "to_lower" => "lower",
        "dictsort" => "items",
        _ => return None,
    })
}
