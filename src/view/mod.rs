//! Plans, diagnostics and traces as text, JSON, SARIF, Mermaid, DOT. Returns strings; prints nothing.
