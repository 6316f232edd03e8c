use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use salver_core::{Code, Error};
use salver_wire::proto::{json, Documents, JsonError};

use super::call::Codec;
use crate::http::compression::too_large;
use crate::http::receive::Pieces;
use crate::http::request_body::RequestBody;
use crate::services::{Incoming, Message, Status};
use crate::shared::Shared;

/// A caller's messages, as documents one after the other.
pub struct Lines {
    body: RequestBody,
    documents: Documents,
    codec: Codec,
    shared: Arc<Shared>,
}

impl Lines {
    pub fn new(body: RequestBody, codec: Codec, shared: Arc<Shared>) -> Lines {
        Lines { body, documents: Documents::default(), codec, shared }
    }

    async fn document(&mut self) -> Result<Option<Bytes>, Status> {
        let failed = |error: Error| Status::from(&error);
        loop {
            if let Some(document) = self.documents.take_next().map_err(broken)? {
                return Ok(Some(document));
            }
            if self.documents.held() > 0 {
                return self.rest().await;
            }
            // Between documents a caller may take any time.
            match self.body.frame().await {
                None => return self.documents.end().map_err(broken),
                Some(Ok(frame)) => self.documents.push(&frame.into_data().unwrap_or_default()),
                Some(Err(error)) => return Err(failed(Error::malformed("request body", error))),
            }
        }
    }

    /// The document that has begun.
    async fn rest(&mut self) -> Result<Option<Bytes>, Status> {
        let failed = |error: Error| Status::from(&error);
        let (settings, documents) = (&self.shared.settings, &mut self.documents);
        let mut permit = self.shared.admission.hold(documents.held() as u64).map_err(failed)?;
        let mut pieces = Pieces::new(&mut self.body, &mut permit, settings.header_timeout());
        loop {
            let (held, limit) = (documents.held() as u64, settings.max_message_bytes);
            if held > limit {
                return Err(failed(too_large(held, limit)));
            }
            match pieces.next().await.map_err(failed)? {
                Some(piece) => documents.push(&piece),
                None => return documents.end().map_err(broken),
            }
            if let Some(document) = documents.take_next().map_err(broken)? {
                return Ok(Some(document));
            }
        }
    }
}

fn broken(error: JsonError) -> Status {
    Status::new(Code::InvalidArgument, error.to_string())
}

impl Incoming for Lines {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Result<Option<Message>, Status>> + Send + '_>> {
        Box::pin(async {
            let Some(document) = self.document().await? else { return Ok(None) };
            let hold = |bytes: u64| self.shared.admission.hold(bytes).map_err(|error| Status::from(&error));
            let mut reading = hold(json::weight(&self.codec.descriptor.input(), &document))?;
            let bytes = self.codec.read_one(document, &mut reading).await?;
            drop(reading);
            let permit = hold(bytes.len() as u64)?;
            Ok(Some(Message { bytes, permit: Some(permit) }))
        })
    }
}
