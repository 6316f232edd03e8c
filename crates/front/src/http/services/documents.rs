use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use salver_core::{Code, Error};
use salver_engine::Permit;
use salver_wire::proto::{json, Documents, JsonError};
use tokio::time::timeout;

use super::call::Codec;
use crate::http::compression::too_large;
use crate::http::request_body::RequestBody;
use crate::services::{Incoming, Message, Status};
use crate::shared::Shared;

/// A caller's messages, as documents one after the other.
pub struct Lines {
    body: RequestBody,
    documents: Documents,
    codec: Codec,
    shared: Arc<Shared>,
    /// Holds what there is of a document that is not complete.
    held: Option<Permit>,
}

impl Lines {
    pub fn new(body: RequestBody, codec: Codec, shared: Arc<Shared>) -> Lines {
        Lines { body, documents: Documents::default(), codec, shared, held: None }
    }

    async fn document(&mut self) -> Result<Option<Bytes>, Status> {
        let broken = |error: JsonError| Status::new(Code::InvalidArgument, error.to_string());
        let limit = self.shared.settings.max_message_bytes;
        loop {
            if let Some(document) = self.documents.take_next().map_err(broken)? {
                self.held = None;
                return Ok(Some(document));
            }
            if self.documents.held() as u64 > limit {
                return Err(Status::from(&too_large(self.documents.held() as u64, limit)));
            }
            match self.piece().await.map_err(|error| Status::from(&error))? {
                Some(piece) => {
                    self.documents.push(&piece);
                    let held = self.shared.admission.hold(self.documents.held() as u64);
                    self.held = Some(held.map_err(|error| Status::from(&error))?);
                }
                None => return self.documents.end().map_err(broken),
            }
        }
    }

    /// The next piece of the body. Between documents a caller may take any time, but not within one.
    async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        let stalled =
            |_| Error::malformed("request body", "it stopped arriving; --header-timeout-s bounds its pauses too");
        let frame = self.body.frame();
        let frame = match self.documents.held() {
            0 => frame.await,
            _ => timeout(self.shared.settings.header_timeout(), frame).await.map_err(stalled)?,
        };
        match frame {
            None => Ok(None),
            Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
            Some(Err(error)) => Err(Error::malformed("request body", error)),
        }
    }
}

impl Incoming for Lines {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Result<Option<Message>, Status>> + Send + '_>> {
        Box::pin(async {
            let Some(document) = self.document().await? else { return Ok(None) };
            let hold = |bytes: u64| self.shared.admission.hold(bytes).map_err(|error| Status::from(&error));
            let reading = hold(json::weight(&self.codec.descriptor.input(), &document))?;
            let bytes = self.codec.read_one(document).await?;
            drop(reading);
            let permit = hold(bytes.len() as u64)?;
            Ok(Some(Message { bytes, permit: Some(permit) }))
        })
    }
}
