//! The asking side of the protocol, over inherited sockets.
