//! Confining as a pure transform of a command, and the helper that carries it out.
