use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::header::{CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderValue, Request, Response};
use httpdate::fmt_http_date;

use crate::http::body::ReplyBody;
use crate::http::cors::{self, Asked};
use crate::http::request_body::RequestBody;
use crate::net::peer::Peer;
use crate::settings::Speaks;
use crate::shared::Shared;
use crate::{grpc, http as plain, web};

/// A reply to come. It is on the heap from the start: these are large, and would be moved some times otherwise.
pub type Answer = Pin<Box<dyn Future<Output = Response<ReplyBody>> + Send>>;

/// Serves one request, with what browsers are to know of who may read the reply.
pub fn serve(shared: Arc<Shared>, peer: Arc<Peer>, request: Request<RequestBody>) -> Answer {
    let began = Instant::now();
    match shared.settings.cors_origins.is_empty() {
        true => answer(shared, peer, request, began),
        false => Box::pin(serve_browsers(shared, peer, request, began)),
    }
}

async fn serve_browsers(
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    request: Request<RequestBody>,
    began: Instant,
) -> Response<ReplyBody> {
    match cors::look(&shared.settings.cors_origins, &request) {
        Asked::First(response) => dated(*response),
        Asked::With(allowed) => {
            let mut response = answer(shared, peer, request, began).await;
            cors::tell(&mut response, allowed);
            response
        }
    }
}

/// Answers one request, gRPC or plain HTTP: a listener speaks both, unless its server is narrowed.
fn answer(shared: Arc<Shared>, peer: Arc<Peer>, request: Request<RequestBody>, began: Instant) -> Answer {
    if shared.settings.speaks == Speaks::MindsporeRest {
        let (head, body) = request.into_parts();
        return Box::pin(async move { dated(plain::mindspore::serve(&shared, &head, body, began).await) });
    }
    if let Some(form) = web::Form::of(&request) {
        return Box::pin(async move { dated(web::serve(shared, peer, request, form, began).await) });
    }
    match is_grpc(request.headers()) {
        true => Box::pin(grpc::service::serve(shared, peer, request, began)),
        false => Box::pin(async move { dated(plain::routes::serve(shared, peer, request, began).await) }),
    }
}

/// The same reply with its date, which gRPC does without.
fn dated(mut response: Response<ReplyBody>) -> Response<ReplyBody> {
    if !is_grpc(response.headers()) {
        date().into_iter().for_each(|date| drop(response.headers_mut().insert(DATE, date)));
    }
    response
}

thread_local! {
    /// The second whose date was written last, and that date.
    static WRITTEN: RefCell<Option<(u64, HeaderValue)>> = const { RefCell::new(None) };
}

/// What is written once a second, by each thread.
fn date() -> Option<HeaderValue> {
    let now = SystemTime::now();
    let second = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
    WRITTEN.with_borrow_mut(|written| match written {
        Some((of, date)) if *of == second => Some(date.clone()),
        _ => {
            let date = HeaderValue::try_from(fmt_http_date(now)).ok()?;
            *written = Some((second, date.clone()));
            Some(date)
        }
    })
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}
