//! Arguments, a file a subcommand, printing, exit codes.
