//! Languages by file name: one closed table. A name that it does not have is in no language.

use crate::files::RelPath;

/// What sort of text a language is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Sort {
    /// Programs.
    Code,
    /// Text for people.
    Prose,
    /// Settings, data, and what tools write.
    Data,
}

impl Sort {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Sort::Code => "code",
            Sort::Prose => "prose",
            Sort::Data => "data",
        }
    }
}

/// A language.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Language {
    pub(super) name: &'static str,
    pub(super) sort: Sort,
    /// Separated by blanks, lowercase.
    extensions: &'static str,
    /// Whole file names, separated by blanks, lowercase.
    names: &'static str,
}

const fn language(name: &'static str, sort: Sort, extensions: &'static str, names: &'static str) -> Language {
    Language { name, sort, extensions, names }
}

/// File names come before extensions.
static LANGUAGES: &[Language] = &[
    language("Assembly", Sort::Code, "s asm", ""),
    language("C", Sort::Code, "c h", ""),
    language("C#", Sort::Code, "cs", ""),
    language("C++", Sort::Code, "cc cpp cxx hh hpp hxx", ""),
    language("CMake", Sort::Code, "cmake", "cmakelists.txt"),
    language("CSS", Sort::Code, "css scss sass less", ""),
    language("CSV", Sort::Data, "csv tsv", ""),
    language("Clojure", Sort::Code, "clj cljs cljc edn", ""),
    language("Dart", Sort::Code, "dart", ""),
    language("Dockerfile", Sort::Code, "dockerfile", "dockerfile containerfile"),
    language("Elixir", Sort::Code, "ex exs", ""),
    language("Erlang", Sort::Code, "erl hrl", ""),
    language("F#", Sort::Code, "fs fsi fsx", ""),
    language("Fortran", Sort::Code, "f f90 f95", ""),
    language("Go", Sort::Code, "go", ""),
    language("GraphQL", Sort::Code, "graphql gql", ""),
    language("Groovy", Sort::Code, "groovy gradle", "jenkinsfile"),
    language("HCL", Sort::Code, "hcl tf tfvars", ""),
    language("HTML", Sort::Prose, "html htm xhtml", ""),
    language("Haskell", Sort::Code, "hs lhs", ""),
    language("INI", Sort::Data, "ini cfg conf properties", ".editorconfig .gitconfig"),
    language("JSON", Sort::Data, "json jsonc json5 jsonl ndjson", ""),
    language("Java", Sort::Code, "java", ""),
    language("JavaScript", Sort::Code, "js jsx mjs cjs", ""),
    language("Julia", Sort::Code, "jl", ""),
    language("Just", Sort::Code, "just", "justfile"),
    language("Kotlin", Sort::Code, "kt kts", ""),
    language(
        "Lock file",
        Sort::Data,
        "lock lockb",
        "package-lock.json pnpm-lock.yaml npm-shrinkwrap.json go.sum composer.lock",
    ),
    language("Lua", Sort::Code, "lua", ""),
    language("Makefile", Sort::Code, "mk mak", "makefile gnumakefile"),
    language("Markdown", Sort::Prose, "md markdown mdx", ""),
    language("Nix", Sort::Code, "nix", ""),
    language("OCaml", Sort::Code, "ml mli", ""),
    language("Objective-C", Sort::Code, "m mm", ""),
    language("PHP", Sort::Code, "php", ""),
    language("Perl", Sort::Code, "pl pm", ""),
    language("PowerShell", Sort::Code, "ps1 psm1", ""),
    language("Protocol Buffers", Sort::Code, "proto", ""),
    language("Python", Sort::Code, "py pyi pyw", ""),
    language("R", Sort::Code, "r", ""),
    language("Ruby", Sort::Code, "rb rake gemspec", "rakefile gemfile"),
    language("Rust", Sort::Code, "rs", ""),
    language("SQL", Sort::Code, "sql", ""),
    language("SVG", Sort::Data, "svg", ""),
    language("Scala", Sort::Code, "scala sc sbt", ""),
    language("Shell", Sort::Code, "sh bash zsh fish ksh", ""),
    language("Svelte", Sort::Code, "svelte", ""),
    language("Swift", Sort::Code, "swift", ""),
    language("TOML", Sort::Data, "toml", ""),
    language("TypeScript", Sort::Code, "ts tsx mts cts", ""),
    language("Vue", Sort::Code, "vue", ""),
    language("Windows batch", Sort::Code, "bat cmd", ""),
    language("XML", Sort::Data, "xml xsd xsl plist", ""),
    language("YAML", Sort::Data, "yaml yml", ""),
    language("Zig", Sort::Code, "zig", ""),
    language("plain text", Sort::Prose, "txt rst adoc asciidoc org tex", ""),
];

/// The language of a file, by its name alone.
pub(super) fn language_of(path: &RelPath) -> Option<&'static Language> {
    let name = path.parts().next_back()?.to_lowercase();
    let extension = path.extension().map(str::to_lowercase);
    let has = |list: &str, word: &str| list.split(' ').any(|known| known == word);
    let by_name = LANGUAGES.iter().find(|language| has(language.names, &name));
    by_name.or_else(|| {
        let extension = extension?;
        LANGUAGES.iter().find(|language| has(language.extensions, &extension))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_before_extensions_and_no_word_is_there_twice() {
        let name = |path: &str| language_of(&RelPath::parse(path).unwrap()).map(|language| language.name);
        assert_eq!(name("src/a.RS"), Some("Rust"));
        assert_eq!(name("package-lock.json"), Some("Lock file"));
        assert_eq!(name("a/CMakeLists.txt"), Some("CMake"));
        assert_eq!(name("LICENSE"), None);
        assert_eq!(name(".gitignore"), None);
        let words = |pick: fn(&Language) -> &str| {
            let mut words: Vec<&str> =
                LANGUAGES.iter().flat_map(|l| pick(l).split(' ')).filter(|w| !w.is_empty()).collect();
            words.sort_unstable();
            let all = words.len();
            words.dedup();
            assert_eq!(words.len(), all);
        };
        words(|language| language.extensions);
        words(|language| language.names);
        assert!(LANGUAGES.is_sorted_by_key(|language| language.name));
    }
}
