//! Tests, counted by the lines that declare one. A closed list of forms, so that another program counts the same.

use std::sync::LazyLock;

use regex::Regex;

/// Language, and what a line that declares a test matches.
static FORMS: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
    let forms = [
        ("Rust", r"^\s*#\[(\w+::)*test(\(.*)?\]"),
        ("Python", r"^\s*(async\s+)?def\s+test\w*\s*\("),
        ("JavaScript", r"^\s*(it|test)(\.\w+)*\s*\("),
        ("TypeScript", r"^\s*(it|test)(\.\w+)*\s*\("),
        ("Go", r"^func\s+Test\w*\s*\("),
        ("Java", r"^\s*@(ParameterizedTest|Test)\b"),
        ("Kotlin", r"^\s*@(ParameterizedTest|Test)\b"),
        ("Ruby", r"^\s*(def\s+test_\w+|it\s+['\x22])"),
        ("PHP", r"^\s*(public\s+)?function\s+test\w*\s*\("),
        ("Elixir", r"^\s*test\s+\x22"),
    ];
    forms.into_iter().filter_map(|(language, form)| Some((language, Regex::new(form).ok()?))).collect()
});

/// How many lines of `text` declare a test.
pub(super) fn count_tests(language: &str, text: &str) -> u64 {
    let form = FORMS.iter().find(|(name, _)| *name == language);
    form.map_or(0, |(_, form)| text.lines().filter(|line| form.is_match(line)).count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_compiles_and_counts() {
        assert_eq!(FORMS.len(), 10);
        let rust = "#[test]\nfn a() {}\n  #[my::test(flavor = \"x\")]\n// #[test]\n#[cfg(test)]\n";
        assert_eq!(count_tests("Rust", rust), 2);
        assert_eq!(count_tests("Python", "def test_a():\n    def testing(self):\ndef tes(): pass\n"), 2);
        assert_eq!(count_tests("TypeScript", "it('x', () => {})\n  test.each([])('y')\nawait it\n"), 2);
        assert_eq!(count_tests("Go", "func TestA(t *testing.T) {\nfunc testB() {\n"), 1);
        assert_eq!(count_tests("COBOL", "TEST"), 0);
    }
}
