//! Settings by layer, each with its origin and its class. Reads no file itself.
