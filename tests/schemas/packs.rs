//! The schemas of a pack's manifest and of a lock say what their readers say.

use lgflow::diag::Diagnostics;
use lgflow::document::{Limits, Syntax, parse};
use lgflow::model::decode_pack;
use lgflow::packs::LockPlace;
use lgflow::source::Sources;
use serde_json::{Value, json};

use crate::verdict::validator;

fn decode_pack_json(value: &Value) -> Vec<String> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let file = sources.add("pack", value.to_string());
    if let Some(parsed) = parse(&sources, file, Syntax::Json, &Limits::default(), &mut found) {
        decode_pack(&parsed.tree, &parsed.damage, &mut found);
    }
    found.iter().map(|found| found.message.clone()).collect()
}

/// The document with another value at a pointer; `null` takes the key away.
fn with(document: &Value, pointer: &str, value: Value) -> Value {
    let mut changed = document.clone();
    let (above, key) = pointer.rsplit_once('/').unwrap();
    let map = changed.pointer_mut(above).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        map.remove(key)
    } else {
        map.insert(key.to_owned(), value)
    };
    changed
}

#[test]
fn manifests() {
    let schema = validator("pack");
    let pack = json!({
        "schema": "lgflow.pack/v1", "name": "acme/base", "version": "1.2.0-rc.1", "description": "d",
        "requires": { "acme/core": "1.0.0" },
    });
    let mut accepted = 0;
    let mut cases = vec![pack.clone(), json!([]), json!({})];
    for key in ["schema", "name", "version", "description", "requires"] {
        cases.extend(
            [Value::Null, json!(1), json!(""), json!({}), json!([])]
                .map(|value| with(&pack, &format!("/{key}"), value)),
        );
    }
    let long = format!("a/{}", "b".repeat(79));
    for name in [
        "a/b", "a-b/c-d2", "a", "A/b", "a/b/c", "a--b/c", "a/-b", "a/b-", "2a/b", "а/b", "a b/c", "a/b\n",
        &long,
    ] {
        cases.push(with(&pack, "/name", json!(name)));
        cases.push(with(&pack, "/requires", json!({ name: "1.0.0" })));
    }
    for version in [
        "0.0.0",
        "10.20.30",
        "1.0.0-alpha",
        "1.0.0-0.3.7",
        "1.0.0-x-y.z",
        "1",
        "1.2",
        "v1.2.3",
        "01.2.3",
        "1.2.3-01",
        "1.2.3-",
        "1.2.3-a..b",
        "1.2.3+x",
        "1.2.3-a+b",
        "1234567890.0.0",
        "999999999.0.0",
        " 1.2.3",
        "1.2.3\n",
        "١.0.0",
    ] {
        cases.push(with(&pack, "/version", json!(version)));
        cases.push(with(&pack, "/requires", json!({ "acme/core": version })));
    }
    cases.push(with(&pack, "/licence", json!("MIT")));
    for case in &cases {
        let (said, decoded) = (schema.accepts(case), decode_pack_json(case));
        assert_eq!(said, decoded.is_empty(), "{case}: {decoded:?}");
        accepted += usize::from(said);
    }
    assert!(accepted > 15 && cases.len() - accepted > 40, "{accepted} of {}", cases.len());
}

#[test]
fn locks() {
    let schema = validator("lock");
    let digest = format!("sha256:{}", "0".repeat(64));
    let commit = "a".repeat(40);
    let lock = json!({
        "schema": "lgflow.lock/v1",
        "packs": {
            "acme/base": {
                "version": "1.2.0", "tree": digest,
                "source": { "kind": "git", "url": "https://example.com/packs.git", "folder": "base" },
                "revision": { "name": "refs/tags/v1.2.0", "commit": commit },
            },
            "acme/core": {
                "version": "0.1.0", "tree": digest,
                "source": { "kind": "directory", "path": "packs/core", "folder": "." },
            },
        },
    });
    let mut cases = vec![lock.clone()];
    for (pointer, value) in [
        ("/schema", json!("lgflow.lock/v2")),
        ("/packs", Value::Null),
        ("/signatures", json!([])),
        ("/packs/Acme", json!({})),
        ("/packs/acme~1base/version", json!("1")),
        ("/packs/acme~1base/tree", json!("sha256:0")),
        ("/packs/acme~1base/tree", json!(format!("sha256:{}", "A".repeat(64)))),
        ("/packs/acme~1base/revision", Value::Null),
        ("/packs/acme~1base/revision/commit", json!("a")),
        ("/packs/acme~1base/revision/name", json!("")),
        ("/packs/acme~1base/revision/name", json!(commit)),
        ("/packs/acme~1base/source/kind", json!("oci")),
        ("/packs/acme~1base/source/url", json!("ext::sh")),
        ("/packs/acme~1base/source/path", json!("x")),
        ("/packs/acme~1base/source/folder", Value::Null),
        ("/packs/acme~1base/source/folder", json!("")),
        ("/packs/acme~1core/revision", json!({ "name": commit, "commit": commit })),
        ("/packs/acme~1core/source/path", Value::Null),
        ("/packs/acme~1core/requires", json!({})),
    ] {
        cases.push(with(&lock, pointer, value));
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".lg")).unwrap();
    let place = LockPlace::workspace(folder.path()).unwrap();
    let mut accepted = 0;
    for case in &cases {
        std::fs::write(folder.path().join(".lg/lg.lock"), case.to_string()).unwrap();
        let read = place.read();
        assert_eq!(schema.accepts(case), read.is_ok(), "{case}: {read:?}");
        if let Ok(read) = read {
            accepted += 1;
            place.write(&read).unwrap();
            let written = std::fs::read_to_string(folder.path().join(".lg/lg.lock")).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), *case);
        }
    }
    assert_eq!(accepted, 2);
}
