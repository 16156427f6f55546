@echo off
rem The local verification: format, lint, tests. The same steps as dev.sh and dev.ps1; tests/house.rs compares them.
rem Untested: written for Windows, and not yet run there.
cd /d "%~dp0\.." || exit /b 1

cargo fmt --all --check || exit /b 1
cargo clippy --locked --all-targets -- -D warnings || exit /b 1
cargo test --locked || exit /b 1
cargo build --locked --lib --no-default-features || exit /b 1
