//! MindSpore Serving over HTTP, below `/model` and on listeners that speak nothing else.

use std::time::Instant;

use http::request::Parts;
use http::{Method, Response};
use hyper::ext::ReasonPhrase;
use salver_wire::mindspore::rest::{self, Address, Call, REASON};
use salver_wire::HttpReply;

use super::body::ReplyBody;
use super::request_body::RequestBody;
use super::routes::{receive, response};
use crate::aside::aside_held;
use crate::call::call;
use crate::metrics::Protocol;
use crate::shared::Shared;

pub async fn serve(shared: &Shared, head: &Parts, body: RequestBody, began: Instant) -> Response<ReplyBody> {
    let mut response = response(answer(shared, head, body, began).await);
    response.extensions_mut().insert(ReasonPhrase::from_static(REASON.as_bytes()));
    response
}

async fn answer(shared: &Shared, head: &Parts, body: RequestBody, began: Instant) -> HttpReply {
    if head.method != Method::POST {
        return rest::refuse("http message only support POST right now");
    }
    let mut received = match receive(shared, head, body).await {
        Ok(received) if received.body.is_empty() => return rest::refuse("http message invalid"),
        Ok(received) => received,
        Err(error) => {
            shared.metrics.calls.refused(Protocol::MindsporeHttp, error.code());
            return rest::refuse_unread(&error);
        }
    };
    let uri = head.uri.path_and_query().map_or("", |uri| uri.as_str());
    match Address::parse(uri) {
        Ok(address) => {
            let exchange = Call::new(address, received.body.clone());
            call(shared, exchange, received.facts(Protocol::MindsporeHttp, &head.headers, began)).await
        }
        Err(text) => {
            let (body, size) = (received.body.clone(), received.body.len());
            let unreadable = aside_held(&mut received.permit, size, move |_| rest::unreadable(&body)).await;
            unreadable.unwrap_or_else(|| rest::refuse(&text))
        }
    }
}
