//! Messages as the caller writes them, and as services do.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{ready, Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame as BodyFrame};
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor};
use salver_core::{Code, Error};
use salver_engine::Permit;
use salver_wire::proto::json::{self, Names};
use salver_wire::reflection::SERVICES;
use salver_wire::web::connect::Failure;
use salver_wire::web::Frame;

use super::{Format, Refused};
use crate::aside::{aside, aside_held, elsewhere};
use crate::grpc::message::Messages;
use crate::http::request_body::{Broken, RequestBody};
use crate::shared::Shared;

/// What is known of a method.
pub struct Method {
    pub descriptor: Option<MethodDescriptor>,
    pub client_streams: bool,
    pub server_streams: bool,
    /// Whether calls may stream or not as they like, because the method was not declared.
    pub free: bool,
    /// Whether there is such a method at all. If not, gRPC says so.
    known: bool,
}

impl Method {
    /// The method at a path. To find it may take some milliseconds the first time.
    pub async fn find(shared: &Arc<Shared>, path: &str) -> Method {
        let (own, described) = {
            let services = shared.services.load();
            (services.find(path), services.descriptor(path))
        };
        let descriptor = match described {
            Some(descriptor) => Some(descriptor),
            None => describe(shared, path).await,
        };
        let known = own.is_some() || descriptor.is_some();
        let declared = own.filter(|own| own.declared).map(|own| (own.client_streams, own.server_streams));
        let described = |found: &MethodDescriptor| (found.is_client_streaming(), found.is_server_streaming());
        let streams = declared.or_else(|| descriptor.as_ref().map(described));
        let (client_streams, server_streams) = streams.unwrap_or((true, true));
        Method { descriptor, client_streams, server_streams, free: streams.is_none(), known }
    }

    pub fn streams(&self) -> bool {
        self.client_streams || self.server_streams
    }

    /// How messages of this method are written in a format.
    pub fn codec(&self, format: Format, path: &str) -> Result<Codec, Refused> {
        match (format, &self.descriptor) {
            (Format::Proto, _) => Ok(Codec::Proto),
            (Format::Json, None) if !self.known => Ok(Codec::Proto),
            (Format::Json, Some(descriptor)) => Ok(Codec::Json(descriptor.clone())),
            (Format::Json, None) => Err(Refused::Failure(Failure::new(
                Code::Unimplemented as u32,
                format!("{path} takes no JSON: its .proto is not known to the server; send application/proto"),
            ))),
        }
    }
}

/// The method of a built-in service.
pub async fn describe(shared: &Arc<Shared>, path: &str) -> Option<MethodDescriptor> {
    let (service, _) = path.strip_prefix('/')?.split_once('/')?;
    if !SERVICES.contains(&service) {
        return None;
    }
    if !shared.knows_built_in() {
        let shared = Arc::clone(shared);
        elsewhere(move || shared.built_in().map(drop)).await.ok()?;
    }
    shared.built_in().ok()?.method(path)
}

/// How the messages of a call are written.
#[derive(Clone)]
pub enum Codec {
    Proto,
    Json(MethodDescriptor),
}

impl Codec {
    /// A caller's message, in protobuf's binary form. `permit` is that of the message, and bounds what is made of it.
    pub async fn request(&self, message: Bytes, permit: &mut Permit) -> Result<Bytes, Error> {
        let Codec::Json(method) = self else { return Ok(message) };
        permit.grow(json::weight(&method.input(), &message))?;
        let (input, size) = (method.input(), message.len());
        let read = move || json::read(&input, &message).map(|message| message.encode_to_vec().into());
        aside_held(permit, size, move |_| read()).await.map_err(|error| Error::malformed("JSON message", error))
    }

    /// A service's message, as the caller reads it.
    pub async fn reply(&self, message: Bytes) -> Result<Bytes, Error> {
        let Codec::Json(method) = self else { return Ok(message) };
        let output = method.output();
        aside(message.len(), move || write(output, message)).await
    }
}

fn write(output: MessageDescriptor, message: Bytes) -> Result<Bytes, Error> {
    let name = output.full_name().to_string();
    let read = DynamicMessage::decode(output, message);
    let read = read.map_err(|error| Error::internal(format!("the reply is no {name}: {error}")))?;
    let mut text = Vec::new();
    let written = json::write(&mut text, &read, Names::Json);
    written.map_err(|error| Error::internal(format!("the reply has no form in JSON: {error}")))?;
    Ok(text.into())
}

/// A message that is a body by itself, framed as gRPC has it.
pub struct Single(salver_wire::Body);

impl Single {
    pub fn new(message: Bytes) -> Single {
        Single(Frame { flags: 0, message }.encode())
    }
}

impl Body for Single {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<BodyFrame<Bytes>, Broken>>> {
        Poll::Ready((!self.0.is_empty()).then(|| Ok(BodyFrame::data(self.0.remove(0)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

type Reading = Pin<Box<dyn Future<Output = (Messages<RequestBody>, Result<Option<Bytes>, Error>)> + Send>>;

/// A stream of messages in JSON, read one by one into those that gRPC has.
pub struct Converted {
    shared: Arc<Shared>,
    codec: Codec,
    reading: Option<Reading>,
}

impl Converted {
    pub fn new(shared: Arc<Shared>, codec: Codec, messages: Messages<RequestBody>) -> Converted {
        let reading = Some(read(Arc::clone(&shared), codec.clone(), messages));
        Converted { shared, codec, reading }
    }
}

fn read(shared: Arc<Shared>, codec: Codec, mut messages: Messages<RequestBody>) -> Reading {
    Box::pin(async move {
        let arrived = match messages.next_held(&shared).await {
            Ok(Some(mut arrived)) => codec.request(arrived.message, &mut arrived.permit).await.map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        (messages, arrived)
    })
}

impl Body for Converted {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, Broken>>> {
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let (messages, arrived) = ready!(reading.as_mut().poll(context));
        self.reading = None;
        Poll::Ready(match arrived {
            Ok(Some(message)) => {
                self.reading = Some(read(Arc::clone(&self.shared), self.codec.clone(), messages));
                Some(Ok(BodyFrame::data(Frame { flags: 0, message }.encode().concat().into())))
            }
            Ok(None) => None,
            // Whoever reads on says that the body is malformed.
            Err(Error::Malformed { detail, .. }) => Some(Err(detail.into())),
            Err(error) => Some(Err(error.to_string().into())),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.reading.is_none()
    }
}
