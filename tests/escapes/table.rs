//! The table of `docs/security.md`: made from the cases, held to them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::case::{Case, classes};

const BEGIN: &str = "<!-- cases: written by the tests -->\n";
const END: &str = "<!-- end of cases -->\n";

/// Is the table on the page that of the cases?
pub(crate) fn hold() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/security.md");
    let page = fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).expect("the page has the mark where the table begins");
    let (_, tail) = rest.split_once(END).expect("the page has the mark where the table ends");
    let wanted = format!("{head}{BEGIN}{}{END}{tail}", table());
    if std::env::var_os("LGFLOW_BLESS").is_some() {
        fs::write(&path, wanted).unwrap();
    } else {
        assert_eq!(page, wanted, "run `LGFLOW_BLESS=1 cargo test --test escapes`");
    }
}

fn table() -> String {
    let mut table = "| class | cases | what they show |\n| --- | ---: | --- |\n".to_owned();
    let mut all = 0;
    for class in classes() {
        let cases = Case::of_class(&class);
        all += cases.len();
        let shows: Vec<String> = cases
            .iter()
            .map(|case| format!("{} ({})", case.shows.replace('|', "\\|"), case.answer))
            .collect();
        let _ = writeln!(table, "| {} | {} | {} |", class.replace('_', " "), cases.len(), shows.join("; "));
    }
    let _ = writeln!(table, "| all | {all} | each with its harmless twin, as root and as an ordinary user |");
    table
}
