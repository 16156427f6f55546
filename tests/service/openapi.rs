//! The description of the service is what the program makes, and what it serves.

use std::fs;

use lgflow::service::openapi;
use serde_json::Value;

use crate::program::Workspace;
use crate::served::Served;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/openapi.json");

#[test]
fn the_committed_description_is_the_one_that_is_made_and_served() {
    let made = serde_json::to_string_pretty(&openapi()).unwrap() + "\n";
    if std::env::var_os("LGFLOW_BLESS").is_some() {
        fs::write(PATH, &made).unwrap();
    }
    assert_eq!(fs::read_to_string(PATH).unwrap_or_default(), made, "LGFLOW_BLESS=1 writes it");
    let served = Served::start(&Workspace::git());
    assert_eq!(served.ask("GET /openapi.json", "").json(), openapi());
}

#[test]
fn every_reference_of_it_leads_somewhere() {
    fn walk(part: &Value, whole: &Value) {
        match part {
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get("$ref") {
                    let found = target.strip_prefix('#').and_then(|target| whole.pointer(target));
                    assert!(found.is_some(), "{target} leads nowhere");
                }
                members.values().for_each(|member| walk(member, whole));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, whole)),
            _ => {}
        }
    }
    let whole = openapi();
    walk(&whole, &whole);
    assert!(!whole.to_string().contains("$defs"));
}
