use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use http::header::CONTENT_TYPE;
use http::{Request, Response};
use hyper::body::Incoming;

use crate::http::body::ReplyBody;
use crate::http::cors::{self, Asked};
use crate::http::request_body::RequestBody;
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
    let origins = &shared.settings.cors_origins;
    if origins.is_empty() {
        return Ok(answer(shared, peer, request).await);
    }
    Ok(match cors::look(origins, &request) {
        Asked::First(response) => response,
        Asked::With(allowed) => {
            let mut response = answer(shared, peer, request).await;
            cors::tell(&mut response, allowed);
            response
        }
    })
}

/// Answers one request, gRPC or plain HTTP: a listener speaks both, unless its server is narrowed.
async fn answer(shared: Arc<Shared>, peer: Arc<Peer>, request: Request<Incoming>) -> Response<ReplyBody> {
    let began = Instant::now();
    if shared.settings.speaks == Speaks::MindsporeRest {
        let (head, body) = request.into_parts();
        return plain::mindspore::serve(&shared, &head, body, began).await;
    }
    if let Some(form) = web::Form::of(&request) {
        return web::serve(shared, peer, request, form, began).await;
    }
    let kind = request.headers().get(CONTENT_TYPE).map(|value| value.as_bytes());
    match kind {
        Some(kind) if kind.starts_with(b"application/grpc") => {
            grpc::service::serve(shared, peer, request.map(RequestBody::Plain), began).await
        }
        _ => plain::routes::serve(shared, request, began).await,
    }
}
