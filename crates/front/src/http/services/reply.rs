//! Replies of services as documents.

use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use salver_core::Code;
use salver_wire::proto::write_status;
use salver_wire::{Body, HttpReply};

use super::built_in::Answer;
use super::call::Codec;
use super::Asked;
use crate::aside::{aside, LENGTHY};
use crate::http::body::{ReplyBody, Source};
use crate::http::events::wants_events;
use crate::http::routes::Reply;
use crate::metrics::Protocol;
use crate::outgoing::counted;
use crate::services::{self, metadata, Event, Status, Value};
use crate::shared::Shared;

/// What a reply is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One document.
    One,
    /// A document in each line.
    Lines,
    /// Server-sent events.
    Events,
}

impl Form {
    /// What the replies of a method are, as its caller takes them.
    pub fn of(codec: &Codec, headers: &HeaderMap) -> Form {
        match (codec.descriptor.is_server_streaming(), wants_events(headers)) {
            (false, _) => Form::One,
            (true, false) => Form::Lines,
            (true, true) => Form::Events,
        }
    }
}

/// Where a reply comes from.
pub enum Replied {
    Own(services::Reply),
    BuiltIn(Answer),
}

impl Replied {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        match self {
            Replied::Own(reply) => reply.poll_next(context),
            Replied::BuiltIn(answer) => answer.poll_next(context),
        }
    }

    async fn next(&mut self) -> Event {
        poll_fn(|context| self.poll_next(context)).await
    }
}

const DETAILS: &str = "grpc-status-details-bin";

/// The reply to a request that was not begun.
pub fn refuse(asked: &Asked<'_>, status: &Status, codec: Option<&Codec>) -> Reply {
    asked.shared.metrics.calls.refused(Protocol::Json, Code::of(status.code));
    ended(status, codec)
}

/// The reply that is how a call ended.
pub fn ended(status: &Status, codec: Option<&Codec>) -> Reply {
    whole(Code::of(status.code).http(), document(status, codec), trailers(&status.trailers))
}

fn whole(status: u16, document: impl Into<Bytes>, headers: HeaderMap) -> Reply {
    let kind = vec![("content-type", "application/json".to_string())];
    Reply::With(HttpReply { status, headers: kind, body: Body::from_iter([document.into()]) }, headers)
}

/// A status as a document.
fn document(status: &Status, codec: Option<&Codec>) -> Vec<u8> {
    let details = metadata(&status.trailers).into_iter().find_map(|(key, value)| match value {
        Value::Bytes(bytes) if key == DETAILS => Some(bytes),
        _ => None,
    });
    let pool = codec.map(|codec| codec.descriptor.parent_pool());
    let mut out = Vec::new();
    write_status(&mut out, status.code, &status.message, &details.unwrap_or_default(), pool);
    out
}

/// Trailing metadata as headers: before a body there is no other place.
fn trailers(trailers: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in trailers.iter().filter(|(name, _)| *name != DETAILS) {
        if let Ok(name) = HeaderName::try_from(format!("trailer-{name}")) {
            headers.append(name, value.clone());
        }
    }
    headers
}

/// The reply to a call that has begun.
pub async fn render(shared: &Shared, mut replied: Replied, codec: Codec, form: Form) -> Reply {
    let mut headers = HeaderMap::new();
    let mut first = replied.next().await;
    while let Event::Metadata { headers: more, .. } = first {
        headers.extend(more);
        first = replied.next().await;
    }
    match first {
        Event::Message { bytes, .. } if form == Form::One => one(shared, replied, codec, bytes, headers).await,
        Event::End(status) if form == Form::One || status.code != 0 => {
            headers.extend(trailers(&status.trailers));
            whole(Code::of(status.code).http(), document(&status, Some(&codec)), headers)
        }
        first => stream(replied, codec, form, first, headers),
    }
}

async fn one(shared: &Shared, mut replied: Replied, codec: Codec, message: Bytes, mut headers: HeaderMap) -> Reply {
    let status = loop {
        if let Event::End(status) = replied.next().await {
            break status;
        }
    };
    headers.extend(trailers(&status.trailers));
    if status.code != 0 {
        return whole(Code::of(status.code).http(), document(&status, Some(&codec)), headers);
    }
    let counted = |document: Vec<u8>| counted(&shared.outgoing, document.into()).map_err(|error| Status::from(&error));
    match written(codec.clone(), message).await.and_then(counted) {
        Ok(document) => whole(200, document, headers),
        Err(status) => ended(&status, Some(&codec)),
    }
}

/// A message as a document; a long one is written beside the network threads.
async fn written(codec: Codec, message: Bytes) -> Result<Vec<u8>, Status> {
    let size = message.len();
    let write = move || {
        let mut out = Vec::with_capacity(2 * size);
        codec.write(&mut out, &message).map(|()| out)
    };
    aside(size, write).await
}

fn stream(replied: Replied, codec: Codec, form: Form, first: Event, headers: HeaderMap) -> Reply {
    let kind = if form == Form::Events { "text/event-stream" } else { "application/x-ndjson" };
    let streaming = Streaming { replied: Some(replied), codec, form, first: Some(first), writing: None };
    let mut response = Response::new(ReplyBody::stream(streaming));
    let own = response.headers_mut();
    own.extend(headers);
    own.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    own.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Reply::Stream(response)
}

/// A reply's messages as they come.
struct Streaming {
    /// Until the end.
    replied: Option<Replied>,
    codec: Codec,
    form: Form,
    first: Option<Event>,
    /// A long message that is being written.
    writing: Option<Writing>,
}

type Writing = Pin<Box<dyn Future<Output = Result<Vec<u8>, Status>> + Send>>;

impl Streaming {
    fn chunk(&mut self, event: Event) -> Vec<u8> {
        match event {
            Event::Metadata { .. } => Vec::new(),
            Event::Message { bytes, .. } if bytes.len() >= LENGTHY => {
                self.writing = Some(Box::pin(written(self.codec.clone(), bytes)));
                Vec::new()
            }
            Event::Message { bytes, .. } => {
                let mut document = Vec::with_capacity(2 * bytes.len());
                let written = self.codec.write(&mut document, &bytes).map(|()| document);
                self.result(written)
            }
            Event::End(status) => self.end(&status),
        }
    }

    fn result(&mut self, written: Result<Vec<u8>, Status>) -> Vec<u8> {
        match written {
            Ok(document) => {
                let mut out = Vec::with_capacity(document.len() + 16);
                self.open(&mut out, "result");
                out.extend(document);
                self.close(&mut out);
                out
            }
            Err(status) => self.end(&status),
        }
    }

    fn open(&self, out: &mut Vec<u8>, what: &str) {
        match (self.form, what) {
            (Form::Events, "result") => out.extend_from_slice(b"data: "),
            (Form::Events, what) => out.extend_from_slice(format!("event: {what}\ndata: ").as_bytes()),
            (_, what) => out.extend_from_slice(format!("{{\"{what}\":").as_bytes()),
        }
    }

    fn close(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.form == Form::Events { b"\n\n" } else { b"}\n" });
    }

    /// The last words; what is left of the reply is dropped, which cancels it if it is not over.
    fn end(&mut self, status: &Status) -> Vec<u8> {
        self.replied = None;
        let mut out = Vec::new();
        match (status.code, self.form) {
            (0, Form::Events) => out.extend_from_slice(b"event: done\ndata: {}\n\n"),
            (0, _) => {}
            _ => {
                self.open(&mut out, "error");
                out.extend(document(status, Some(&self.codec)));
                self.close(&mut out);
            }
        }
        out
    }
}

impl Source for Streaming {
    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.replied {
            Some(Replied::Own(reply)) => reply.poll_over(context),
            Some(Replied::BuiltIn(_)) | None => Poll::Pending,
        }
    }

    fn poll_chunks(&mut self, context: &mut Context<'_>) -> Poll<Option<Body>> {
        loop {
            if let Some(writing) = &mut self.writing {
                let written = ready!(writing.as_mut().poll(context));
                self.writing = None;
                return Poll::Ready(Some(Body::from_iter([Bytes::from(self.result(written))])));
            }
            let event = match (self.first.take(), &mut self.replied) {
                (Some(event), _) => event,
                (None, Some(replied)) => ready!(replied.poll_next(context)),
                (None, None) => return Poll::Ready(None),
            };
            let chunk = self.chunk(event);
            if !chunk.is_empty() {
                return Poll::Ready(Some(Body::from_iter([Bytes::from(chunk)])));
            }
        }
    }
}
