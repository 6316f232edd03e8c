use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::header::{CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderValue, Request, Response};
use httpdate::fmt_http_date;
use hyper::body::Incoming;

use crate::http::body::ReplyBody;
use crate::http::cors::{self, Asked};
use crate::http::request_body::RequestBody;
use crate::net::linger::Busy;
use crate::net::peer::Peer;
use crate::settings::Speaks;
use crate::shared::Shared;
use crate::{grpc, http as plain, web};

/// Serves one request, with what browsers are to know of who may read the reply.
pub async fn serve(
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Infallible> {
    let began = Instant::now();
    let _busy = Busy::since(began);
    let origins = &shared.settings.cors_origins;
    let response = if origins.is_empty() {
        answer(shared, peer, request, began).await
    } else {
        match cors::look(origins, &request) {
            Asked::First(response) => *response,
            Asked::With(allowed) => {
                let mut response = answer(shared, peer, request, began).await;
                cors::tell(&mut response, allowed);
                response
            }
        }
    };
    Ok(dated(response))
}

/// The same with its date, which gRPC does without.
fn dated(mut response: Response<ReplyBody>) -> Response<ReplyBody> {
    if !is_grpc(response.headers()) {
        let now = HeaderValue::try_from(fmt_http_date(SystemTime::now()));
        now.into_iter().for_each(|now| drop(response.headers_mut().insert(DATE, now)));
    }
    response
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// Answers one request, gRPC or plain HTTP: a listener speaks both, unless its server is narrowed.
async fn answer(
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    request: Request<Incoming>,
    began: Instant,
) -> Response<ReplyBody> {
    if shared.settings.speaks == Speaks::MindsporeRest {
        let (head, body) = request.into_parts();
        return Box::pin(plain::mindspore::serve(&shared, &head, body, began)).await;
    }
    // On the heap: these are large, and this future is moved some times before it is first asked.
    if let Some(form) = web::Form::of(&request) {
        return Box::pin(web::serve(shared, peer, request, form, began)).await;
    }
    match is_grpc(request.headers()) {
        true => Box::pin(grpc::service::serve(shared, peer, request.map(RequestBody::Plain), began)).await,
        false => Box::pin(plain::routes::serve(shared, peer, request, began)).await,
    }
}
