//! The tables of `docs/security.md`: made from what the cases came to, held to them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::case::{Case, classes};
use super::catalogue::{Catalogue, Entry};
use super::results;
use super::world::User;

const BEGIN: &str = "<!-- cases: written by the tests -->\n";
const END: &str = "<!-- end of cases -->\n";

/// Are the tables on the page those of the cases?
pub(crate) fn hold() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/security.md");
    let page = fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).expect("the page has the mark where the tables begin");
    let (_, tail) = rest.split_once(END).expect("the page has the mark where the tables end");
    let cases: Vec<Case> = classes().iter().flat_map(|class| Case::of_class(class)).collect();
    let tables = [of_classes(&cases), of_rules(&cases), of_examples(&cases)].join("\n");
    let wanted = format!("{head}{BEGIN}{tables}{END}{tail}");
    if std::env::var_os("LGFLOW_BLESS").is_some() {
        fs::write(&path, wanted).unwrap();
    } else {
        assert_eq!(page, wanted, "run `LGFLOW_BLESS=1 cargo test --test escapes`");
    }
}

/// How many of a class held as a user. Who is not root can't play root, and takes the page's word for that half.
fn held(class: &str, user: User, cases: usize) -> usize {
    if user.can_be_played() { results::of(class, user).held } else { cases }
}

fn of_classes(cases: &[Case]) -> String {
    let mut table =
        "| class | cases | held as root | held as an ordinary user | tests of their own | what they show |\n\
                     | --- | ---: | ---: | ---: | ---: | --- |\n"
            .to_owned();
    let mut all = [0; 4];
    for class in classes() {
        let of_class: Vec<&Case> = cases.iter().filter(|case| case.class() == class).collect();
        let here = of_class.iter().filter(|case| case.tests.is_empty()).count();
        let elsewhere: usize = of_class.iter().map(|case| case.tests.len()).sum();
        let row = [here, held(&class, User::Root, here), held(&class, User::Ordinary, here), elsewhere];
        all.iter_mut().zip(row).for_each(|(all, one)| *all += one);
        let shows: Vec<String> = of_class
            .iter()
            .map(|case| format!("{} ({})", case.shows.replace('|', "\\|"), case.answer))
            .collect();
        let [cases, root, user, own] = row;
        let name = class.replace('_', " ");
        let _ = writeln!(table, "| {name} | {cases} | {root} | {user} | {own} | {} |", shows.join("; "));
    }
    let [cases, root, user, own] = all;
    let _ = writeln!(table, "| all | {cases} | {root} | {user} | {own} | each with its harmless twin |");
    table
}

fn of_rules(cases: &[Case]) -> String {
    let rules = Catalogue::read().rules;
    let by: BTreeMap<&str, Vec<&str>> = by(cases, |case| &case.rules);
    rows("| rule | cases |\n| --- | --- |\n", &rules, &by, |rule| format!("{}. {}", rule.id, rule.title))
}

fn of_examples(cases: &[Case]) -> String {
    let examples = Catalogue::read().examples;
    let by = by(cases, |case| &case.threats);
    rows("| example | cases |\n| --- | --- |\n", &examples, &by, |example| {
        let class = example.id.split('/').next().unwrap_or_default();
        format!("{class}: {}", example.title)
    })
}

fn by<'c>(cases: &'c [Case], keys: impl Fn(&'c Case) -> &'c [String]) -> BTreeMap<&'c str, Vec<&'c str>> {
    let mut by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for case in cases {
        for key in keys(case) {
            by.entry(key).or_default().push(&case.name);
        }
    }
    by
}

fn rows(
    head: &str,
    entries: &[Entry],
    by: &BTreeMap<&str, Vec<&str>>,
    name: impl Fn(&Entry) -> String,
) -> String {
    let unknown: Vec<_> = by.keys().filter(|key| !entries.iter().any(|entry| entry.id == **key)).collect();
    assert!(unknown.is_empty(), "docs/threats.md does not have {unknown:?}");
    let mut table = head.to_owned();
    let mut lacking = Vec::new();
    for entry in entries {
        let cell = match (by.get(entry.id.as_str()), &entry.none) {
            (Some(cases), None) => {
                cases.iter().map(|case| format!("`{case}`")).collect::<Vec<_>>().join(", ")
            }
            (None, Some(why)) => format!("none: {why}"),
            (Some(_), Some(_)) => panic!("{} has cases, and docs/threats.md says that it has none", entry.id),
            (None, None) => {
                lacking.push(entry.id.as_str());
                continue;
            }
        };
        let _ = writeln!(table, "| {} | {cell} |", name(entry).replace('|', "\\|"));
    }
    assert!(lacking.is_empty(), "neither a case nor a reason for having none: {lacking:?}");
    table
}
