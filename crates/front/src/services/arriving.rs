use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

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

impl Messages {
    /// The same messages, whose bytes are added to a count as they come.
    pub(super) fn counted(self, count: &Arc<AtomicUsize>) -> Messages {
        match self {
            Messages::One(bytes) => {
                count.fetch_add(bytes.len(), Ordering::Relaxed);
                Messages::One(bytes)
            }
            Messages::Stream(incoming) => Messages::Stream(Box::new(Counted { incoming, count: Arc::clone(count) })),
        }
    }
}

struct Counted {
    incoming: Box<dyn Incoming>,
    count: Arc<AtomicUsize>,
}

impl Incoming for Counted {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Result<Option<Message>, Status>> + Send + '_>> {
        Box::pin(async {
            let message = self.incoming.next().await?;
            self.count.fetch_add(message.as_ref().map_or(0, |message| message.bytes.len()), Ordering::Relaxed);
            Ok(message)
        })
    }
}
