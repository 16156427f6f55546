//! The tree against the embedded JSON Schemas; instance pointer → span. Knows no meaning beyond the schema.
