//! What a model says, on a real terminal: line by line while it says it, and without what must not be seen.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::models::{GRANT, graph, model};
use crate::places::{KEY, Place};
use crate::program::tmux::Terminal;
use crate::server::{Part, Server};

fn event(said: &str) -> Part {
    let data = json!({ "choices": [{ "delta": { "content": said } }] });
    Part::Bytes(format!("data: {data}\n\n").into_bytes())
}

#[test]
fn a_text_is_shown_line_by_line_while_it_comes_and_the_key_in_it_is_not() {
    let gates: [Arc<AtomicBool>; 2] = [Arc::default(), Arc::default()];
    let [first, second] = gates.clone();
    let (head, tail) = KEY.split_at(11);
    let parts = move || {
        vec![
            Part::Bytes(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n".to_vec()),
            event("It begins here.\nAnd "),
            event("what has no end yet is held back, as far as a key could go on"),
            Part::Until(Arc::clone(&first)),
            event(&format!(", and now it is whole.\nThe key is {head}")),
            event(&format!("{tail}, nothing else. \u{1b}[31mred\u{202e}\n")),
            event("Further words, enough of them to let go of the line before."),
            Part::Until(Arc::clone(&second)),
            event("\nThe last line"),
            Part::Bytes(
                b"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
                    .to_vec(),
            ),
        ]
    };
    let provider = Server::start(move |_| parts());
    let Place { workspace } = Place::new(&model(&provider.origin(), ""));
    workspace.write("g.yaml", graph(""));
    fs::write(workspace.outside().join("policy.yaml"), GRANT).unwrap();
    let policy = workspace.outside().join("policy.yaml").display().to_string();
    let terminal = Terminal::open(workspace, 160, &format!("API_KEY={KEY}"));
    let program = env!("CARGO_BIN_EXE_lgflow");
    terminal.type_line(&format!("clear; {program} run -g g.yaml --policy {policy} > out.txt; echo ended-$?"));

    let screen = terminal.once(|screen| screen.contains("It begins here."));
    assert!(!screen.contains("what has no end yet") && !screen.contains("ended-"), "{screen}");
    gates[0].store(true, Ordering::SeqCst);
    let screen = terminal.once(|screen| screen.contains("nothing else."));
    assert!(
        screen.contains(
            "And what has no end yet is held back, as far as a key could go on, and now it is whole."
        )
    );
    assert!(screen.contains("The key is [redacted:API_KEY], nothing else."), "{screen}");
    assert!(!screen.contains("ended-"), "{screen}");
    gates[1].store(true, Ordering::SeqCst);
    let screen = terminal.once(|screen| screen.contains("ended-0"));
    assert!(screen.contains("The last line"), "{screen}");
    for line in ["It begins here.", "The key is [redacted:API_KEY]", "The last line"] {
        assert_eq!(screen.matches(line).count(), 1, "each line once: {screen}");
    }
    // what a terminal would obey is shown as what it is
    assert!(screen.contains("\\u{1b}[31mred\\u{202e}"), "{screen}");
    assert!(!screen.contains(KEY) && !screen.contains(tail), "{screen}");
    assert!(terminal.workspace.read("out.txt").contains("[redacted:API_KEY]"));
}
