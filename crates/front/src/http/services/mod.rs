//! Users' own services over plain HTTP and JSON: `POST /package.Service/Method`, and the ways that `google.api.http` names.
//!
//! A message is its document in proto3's mapping. A stream of replies is one of lines, `{"result": ...}` each, or of
//! events for whom `Accept: text/event-stream` says so; a stream of requests is lines too, or an array. An error is a
//! `google.rpc.Status` with the HTTP status that says the same. Headers are metadata, `Grpc-Timeout` is the deadline.

mod built_in;
mod call;
mod documents;
mod reply;

use std::sync::Arc;
use std::time::Instant;

use http::request::Parts;
use http::Method as Verb;
use prost_reflect::MethodDescriptor;
use salver_core::Code;
use salver_wire::proto::{Bindings, Found, HttpRule};

use super::request_body::RequestBody;
use super::routes::{wrong_method, Reply};
use crate::net::peer::Peer;
use crate::services::{Method, Status};
use crate::shared::Shared;

/// A request's way to a method.
pub struct Way {
    method: Arc<Method>,
    descriptor: Option<MethodDescriptor>,
    /// The rule that it follows, with what the path says by it; none for the method's own path.
    rule: Option<(Arc<HttpRule>, Bindings)>,
}

/// What a path is.
pub enum Place {
    Way(Box<Way>),
    /// A method of a service that every server has.
    BuiltIn,
    /// One that takes other HTTP methods.
    Other(String),
    /// One that a service does not have.
    Unknown,
}

/// A request that came by plain HTTP.
pub struct Asked<'a> {
    pub shared: &'a Arc<Shared>,
    pub peer: &'a Arc<Peer>,
    pub head: &'a Parts,
    pub began: Instant,
}

/// Finds the method that a request is for, if it is for one.
pub fn find(shared: &Shared, head: &Parts) -> Option<Place> {
    let services = shared.services.load();
    let path = head.uri.path();
    let built_in = || built_in::is_one(path).then_some(Place::BuiltIn);
    let unknown = || {
        let (service, _) = path.strip_prefix('/')?.rsplit_once('/')?;
        (head.method == Verb::POST && services.has(service)).then_some(Place::Unknown)
    };
    if services.is_empty() {
        return built_in();
    }
    let is_method = path.strip_prefix('/').is_some_and(|path| path.split('/').count() == 2);
    if let Some(method) = services.find(path).filter(|_| is_method) {
        let descriptor = services.descriptor(path);
        if method.declared || descriptor.is_some() {
            return Some(match head.method == Verb::POST {
                true => Place::Way(Box::new(Way { method, descriptor, rule: None })),
                false => Place::Other("POST".into()),
            });
        }
    }
    match services.route(head.method.as_str(), path.strip_prefix('/').unwrap_or(path)) {
        Found::Nothing => built_in().or_else(unknown),
        Found::OtherVerbs(verbs) => Some(Place::Other(verbs.join(", "))),
        Found::Route { rule, target, bindings } => {
            let (method, descriptor) = (services.find(target)?, services.descriptor(target));
            Some(Place::Way(Box::new(Way { method, descriptor, rule: Some((Arc::clone(rule), bindings)) })))
        }
    }
}

/// Serves one call.
pub async fn serve(asked: Asked<'_>, place: Place, body: RequestBody) -> Reply {
    match place {
        Place::Way(way) => call::serve(asked, *way, body).await,
        Place::BuiltIn => built_in::serve(asked, body).await,
        Place::Other(verbs) => wrong_method(&verbs).into(),
        Place::Unknown => {
            let text = format!("there is no method {}", asked.head.uri.path());
            reply::refuse(&asked, &Status::new(Code::Unimplemented, text), None)
        }
    }
}
