//! The built-in templates of `init`, filled in for a repository. Pure: it is told what is there.

use std::fmt::Write as _;

use crate::policy::SECRET_NAMES;
use crate::schema;

/// A language with a built-in policy layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Rust,
    Python,
    Node,
    Go,
}

/// A template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Template {
    /// List the files and report.
    Report,
    /// Run the tests and report.
    Verify,
}

/// A file to be written beneath `.lg`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewFile {
    pub(super) path: &'static str,
    pub(super) text: String,
}

impl Language {
    /// By the file that shows it, the most telling first.
    pub(super) const SIGNS: [(&'static str, Language); 8] = [
        ("Cargo.toml", Language::Rust),
        ("go.mod", Language::Go),
        ("pyproject.toml", Language::Python),
        ("setup.py", Language::Python),
        ("setup.cfg", Language::Python),
        ("requirements.txt", Language::Python),
        ("tox.ini", Language::Python),
        ("package.json", Language::Node),
    ];

    fn layer(self) -> &'static str {
        match self {
            Self::Rust => "builtin:rust",
            Self::Python => "builtin:python",
            Self::Node => "builtin:node",
            Self::Go => "builtin:go",
        }
    }

    /// The command that runs its tests, as a YAML list.
    fn test(self) -> &'static str {
        match self {
            Self::Rust => "[cargo, test, --offline]",
            Self::Python => "[python3, -m, pytest]",
            Self::Node => "[npm, test]",
            Self::Go => "[go, test, ./...]",
        }
    }
}

impl Template {
    /// The files of this template; `name` is the repository's, `languages` are those that were found.
    pub(super) fn files(self, name: &str, languages: &[Language]) -> Vec<NewFile> {
        let name = slug(name);
        let (graph, prompt) = match self {
            Self::Report => {
                (include_str!("templates/report.graph.yaml"), include_str!("templates/report.prompt.md"))
            }
            Self::Verify => {
                (include_str!("templates/verify.graph.yaml"), include_str!("templates/verify.prompt.md"))
            }
        };
        let test = languages.first().map_or("[make, test]", |language| language.test());
        let graph = graph.replace("@NAME@", &name).replace("@TEST@", test);
        let mut files = vec![
            NewFile { path: "graph.yaml", text: graph },
            NewFile { path: "policy.yaml", text: self.policy(&name, languages) },
            NewFile { path: "prompts/report.md", text: prompt.to_owned() },
        ];
        for (path, document) in
            [("schemas/graph.schema.json", "graph"), ("schemas/policy.schema.json", "policy")]
        {
            files.extend(schema::document(document).map(|text| NewFile { path, text: text.to_owned() }));
        }
        files
    }

    fn policy(self, name: &str, languages: &[Language]) -> String {
        let runs = self == Self::Verify;
        let layers: Vec<&str> = languages.iter().map(|language| language.layer()).collect();
        let mut include = String::new();
        if runs && !layers.is_empty() {
            // writing to a string can't fail
            let _ = writeln!(
                include,
                "\ninclude: [{}] # the commands of the languages found here",
                layers.join(", ")
            );
        }
        let sandbox = "\n# Every wall must stand, or no command runs; `lgflow doctor` shows each.\nsandbox: { mode: strict }\n";
        let text = include_str!("templates/policy.yaml")
            .replace("@NAME@", name)
            .replace("@DOES@", if runs { ", run its tests, and change it when a person agrees" } else { "" })
            .replace("@INCLUDE@\n", &include)
            .replace(
                "@EXEC@\n",
                if runs {
                    "  exec: allow # only commands that a rule below, or of an included layer, matches\n"
                } else {
                    ""
                },
            )
            .replace("@SECRETS@", &secrets())
            .replace("@SANDBOX@\n", if runs { sandbox } else { "" });
        text.trim_end().to_owned() + "\n"
    }
}

/// A name as graphs and policies have it.
fn slug(name: &str) -> String {
    const LONGEST: usize = 64;
    let lower = name.to_ascii_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let slug: String = words.join("-").chars().take(LONGEST).collect();
    let slug = slug.trim_start_matches(|c: char| !c.is_ascii_lowercase()).trim_end_matches('-');
    if slug.is_empty() { "repository".to_owned() } else { slug.to_owned() }
}

/// The names that a policy denies by convention, as items of a list.
fn secrets() -> String {
    let items: Vec<String> = SECRET_NAMES.iter().map(|name| format!("      - \"{name}\"")).collect();
    items.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names_of_graphs() {
        for (name, expected) in [
            ("lgflow", "lgflow"),
            ("My Repo_2", "my-repo-2"),
            ("42-things", "things"),
            ("日本", "repository"),
            ("a--b-", "a-b"),
        ] {
            assert_eq!(slug(name), expected);
        }
    }

    #[test]
    fn no_placeholder_is_left() {
        for template in [Template::Report, Template::Verify] {
            for languages in [&[][..], &[Language::Rust], &[Language::Go, Language::Node]] {
                for file in template.files("x", languages) {
                    assert!(
                        !file.text.contains('@')
                            || std::path::Path::new(file.path).extension().is_some_and(|ext| ext == "json"),
                        "{}",
                        file.text
                    );
                }
            }
        }
    }
}
