# The local verification: format, lint, tests. The same steps as dev.sh and dev.cmd; tests/house.rs compares them.
# Untested: written for Windows, and not yet run there.
$ErrorActionPreference = 'Stop'
Set-Location (Join-Path $PSScriptRoot '..')

function Invoke-Step {
    & $args[0] $args[1..($args.Length - 1)]
    if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
}

Invoke-Step cargo fmt --all --check
Invoke-Step cargo clippy --locked --all-targets '--' -D warnings
Invoke-Step cargo test --locked
Invoke-Step cargo build --locked --lib --no-default-features
