//! Model → plan; `checks/`, one file a check. Collects every finding.
