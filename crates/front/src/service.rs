use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use http::header::CONTENT_TYPE;
use http::{Request, Response};
use hyper::body::Incoming;

use crate::http::body::ReplyBody;
use crate::shared::Shared;
use crate::{grpc, http as plain};

/// Serves one request, gRPC or plain HTTP: every listener speaks both.
pub async fn serve(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<ReplyBody>, Infallible> {
    let began = Instant::now();
    let kind = request.headers().get(CONTENT_TYPE).map(|value| value.as_bytes());
    Ok(match kind {
        Some(kind) if kind.starts_with(b"application/grpc") => grpc::service::serve(shared, request, began).await,
        _ => plain::routes::serve(shared, request, began).await,
    })
}
