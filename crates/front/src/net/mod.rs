//! Sockets and threads: binding, accepting, telling protocols apart, and handing calls to the engine in bursts.

pub mod address;
mod authority;
pub mod connection;
pub mod desk;
pub mod listener;
mod sniff;
pub mod thread;
