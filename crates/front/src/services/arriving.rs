use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use salver_engine::Permit;

use super::Status;

/// A message from a caller, in protobuf's binary form.
pub struct Message {
    pub bytes: Bytes,
    /// Holds its bytes until somebody has taken them.
    pub permit: Option<Permit>,
}

/// What a caller says.
pub enum Messages {
    /// All of it; its bytes are held by the call's own permit.
    One(Bytes),
    /// Message by message, as they come.
    Stream(Box<dyn Incoming>),
}

/// Reads messages as they come. It is not asked before there is room for one, so that a caller who is not heard is slowed
/// down by the transport.
pub trait Incoming: Send {
    /// The next message; `None` at the end. After an error, which is what the call then ends with, there are
    /// no more.
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Result<Option<Message>, Status>> + Send + '_>>;
}
