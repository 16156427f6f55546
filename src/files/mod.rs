//! The one resolver: open beneath a held root descriptor, never through a link; for our own files and for the workspace.
