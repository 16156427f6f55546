#!/usr/bin/env bash
# The local verification: format, lint, tests. The same steps as dev.ps1 and dev.cmd; tests/house.rs compares them.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fmt --all --check
cargo clippy --locked --all-targets -- -D warnings
cargo test --locked
cargo build --locked --lib --no-default-features
