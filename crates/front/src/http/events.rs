//! Answers by server-sent events.

use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response};
use salver_core::Error;
use salver_wire::{HttpReply, Streamed};

use super::body::ReplyBody;
use super::routes::Reply;
use crate::sequence::Stream;

const EVENT_STREAM: &str = "text/event-stream";

/// Whether events are among what the client takes.
pub fn wants_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|value| value.split(',')).filter_map(|kind| kind.split(';').next());
    kinds.any(|kind| kind.trim().eq_ignore_ascii_case(EVENT_STREAM))
}

/// The reply that is a call's answer by events, or the refusal of one that was not begun.
pub fn reply_by_events<E>(begun: Result<Stream<E>, (E, Error)>) -> Reply
where
    E: Streamed<Reply = HttpReply> + Send + 'static,
{
    match begun {
        Ok(stream) => {
            let mut response = Response::new(ReplyBody::stream(stream));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            Reply::Stream(response)
        }
        Err((exchange, error)) => exchange.refuse(&error).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_sent_to_who_takes_them() {
        let cases: [(&[&str], bool); 7] = [
            (&[], false),
            (&["*/*"], false),
            (&["application/json"], false),
            (&["text/event-stream"], true),
            (&["Text/Event-Stream; charset=utf-8"], true),
            (&["application/json, text/event-stream;q=0.9"], true),
            (&["text/html", "text/event-stream"], true),
        ];
        for (accepted, wanted) in cases {
            let mut headers = HeaderMap::new();
            for kind in accepted {
                headers.append(ACCEPT, HeaderValue::from_static(kind));
            }
            assert_eq!(wants_events(&headers), wanted, "{accepted:?}");
        }
    }
}
