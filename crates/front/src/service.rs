use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use http::header::CONTENT_TYPE;
use http::{Request, Response};
use hyper::body::Incoming;

use crate::http::body::ReplyBody;
use crate::settings::Speaks;
use crate::shared::Shared;
use crate::{grpc, http as plain};

/// What the callers of a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Call servables, and look at them.
    Call,
    /// Change what is served, too.
    Administer,
}

/// Serves one request, gRPC or plain HTTP: a listener speaks both, unless its server is narrowed.
pub async fn serve(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    rights: Rights,
) -> Result<Response<ReplyBody>, Infallible> {
    let began = Instant::now();
    if shared.settings.speaks == Speaks::MindsporeRest {
        let (head, body) = request.into_parts();
        return Ok(Box::pin(plain::mindspore::serve(&shared, &head, body, began)).await);
    }
    let kind = request.headers().get(CONTENT_TYPE).map(|value| value.as_bytes());
    // On the heap: these are large, and this future is moved some times before it is first asked.
    Ok(match kind {
        Some(kind) if kind.starts_with(b"application/grpc") => {
            Box::pin(grpc::service::serve(shared, request, rights, began)).await
        }
        _ => Box::pin(plain::routes::serve(shared, request, began)).await,
    })
}
