use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, EXPECT, TRAILER, UPGRADE};
use http::{HeaderMap, HeaderName};
use prost::Message;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use salver_core::{Code, Error};
use salver_engine::Permit;
use salver_wire::proto::json::{self, JsonError, Names};
use salver_wire::proto::{bad_request, Bindings, HttpRule};

use super::documents::Lines;
use super::reply::{self, Form, Replied};
use super::{Asked, Way};
use crate::aside::aside_held;
use crate::grpc::service::deadline;
use crate::http::request_body::RequestBody;
use crate::http::routes::{receive, Received, Reply};
use crate::metrics::Protocol;
use crate::services::{add_metadata, begin, Messages, Method, Request, Status, Value};
use crate::web::unwanted::Read;

/// How the messages of one call are written.
#[derive(Clone)]
pub struct Codec {
    pub descriptor: MethodDescriptor,
    pub rule: Option<Arc<HttpRule>>,
}

impl Codec {
    /// The message that a request is, in protobuf's binary form.
    fn read(&self, bindings: &Bindings, query: &str, body: &[u8]) -> Result<Bytes, JsonError> {
        let input = self.descriptor.input();
        let message = match &self.rule {
            Some(rule) => rule.message(bindings, query, body)?,
            None if body.trim_ascii().is_empty() => DynamicMessage::new(input),
            None => json::read(&input, body)?,
        };
        Ok(message.encode_to_vec().into())
    }

    /// The message that one document of a stream is; `permit` bounds what is made of it.
    pub async fn read_one(&self, document: Bytes, permit: &mut Permit) -> Result<Bytes, Status> {
        let (size, input) = (document.len(), self.descriptor.input());
        let read = move |_: &mut Permit| json::read(&input, &document).map(|message| message.encode_to_vec());
        aside_held(permit, size, read).await.map(Bytes::from).map_err(|error| refusal(&error))
    }

    /// Writes a message, given in its binary form, as a document.
    pub fn write(&self, out: &mut Vec<u8>, message: &Bytes) -> Result<(), Status> {
        let failed = |why: String| Status::new(Code::Internal, format!("the reply has no form in JSON: {why}"));
        let message = DynamicMessage::decode(self.descriptor.output(), message.clone());
        let message = message.map_err(|error| failed(error.to_string()))?;
        let written = match &self.rule {
            Some(rule) => rule.write_answer(out, &message, Names::Json),
            None => json::write(out, &message, Names::Json),
        };
        written.map_err(|error| failed(error.to_string()))
    }
}

/// The status of a request that does not map, with the field at fault among its details.
fn refusal(error: &JsonError) -> Status {
    let mut status = Status::new(Code::InvalidArgument, error.to_string());
    // The key takes any bytes.
    let _ = add_metadata(&mut status.trailers, "grpc-status-details-bin", &Value::Bytes(bad_request(error)));
    status
}

pub async fn serve(asked: Asked<'_>, way: Way, body: RequestBody) -> Reply {
    let Way { method, descriptor, rule } = way;
    let (rule, bindings) = rule.map_or((None, Bindings::new()), |(rule, bindings)| (Some(rule), bindings));
    let Some(descriptor) = descriptor else {
        let text = format!("{} takes no JSON: its .proto is not known to the server; use gRPC", method.path);
        return reply::refuse(&asked, &Status::new(Code::Unimplemented, text), None);
    };
    let codec = Codec { descriptor, rule };
    let form = Form::of(&codec, &asked.head.headers);
    let begun = match read(&asked, method, &codec, &bindings, body).await {
        Ok(request) => begin(asked.shared, request),
        Err(status) => return reply::refuse(&asked, &status, Some(&codec)),
    };
    match begun {
        Ok(replied) => reply::render(asked.shared, Replied::Own(replied), codec, form).await,
        Err(status) => reply::ended(&status, Some(&codec)),
    }
}

async fn read(
    asked: &Asked<'_>,
    method: Arc<Method>,
    codec: &Codec,
    bindings: &Bindings,
    body: RequestBody,
) -> Result<Request, Status> {
    let Asked { shared, peer, head, began } = asked;
    let failed = |error: Error| Status::from(&error);
    let deadline = deadline(&head.headers, *began).map_err(failed)?;
    let (messages, permit) = match codec.descriptor.is_client_streaming() {
        true => {
            if head.headers.contains_key(CONTENT_ENCODING) {
                let what = "a stream of documents cannot be compressed; send it as it is".into();
                return Err(failed(Error::Unsupported { what }));
            }
            let permit = shared.admission.admit().map_err(failed)?;
            let body = RequestBody::made(Read::new(body, shared.settings.clone()));
            (Messages::Stream(Box::new(Lines::new(body, codec.clone(), Arc::clone(shared)))), permit)
        }
        false => {
            let (message, permit) = message(asked, codec, bindings, body).await?;
            (Messages::One(message), permit)
        }
    };
    let (headers, peer) = (metadata(&head.headers), Arc::clone(peer));
    Ok(Request { method, protocol: Protocol::Json, began: *began, deadline, headers, peer, messages, permit })
}

/// Reads the message that a request is.
pub async fn message(
    asked: &Asked<'_>,
    codec: &Codec,
    bindings: &Bindings,
    body: RequestBody,
) -> Result<(Bytes, Permit), Status> {
    let failed = |error: Error| Status::from(&error);
    let Received { body, mut permit, .. } = receive(asked.shared, asked.head, body).await.map_err(failed)?;
    permit.grow(json::weight(&codec.descriptor.input(), &body)).map_err(failed)?;
    let (codec, bindings) = (codec.clone(), bindings.clone());
    let query = asked.head.uri.query().unwrap_or_default().to_owned();
    let read = aside_held(&mut permit, body.len(), move |_| codec.read(&bindings, &query, &body)).await;
    Ok((read.map_err(|error| refusal(&error))?, permit))
}

/// Headers without those that are between two ends of one connection, or about the body.
fn metadata(headers: &HeaderMap) -> HeaderMap {
    let between = ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding"];
    let others: [HeaderName; 3] = [EXPECT, TRAILER, UPGRADE];
    let apart = |name: &HeaderName| {
        between.contains(&name.as_str()) || others.contains(name) || name.as_str().starts_with("content-")
    };
    let own = headers.iter().filter(|(name, _)| !apart(name));
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}
