//! Which pages of other origins may use this server, as browsers ask for it before and with their requests.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, ORIGIN, VARY,
};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};

use super::body::ReplyBody;

/// How long a browser may remember what it was allowed, in seconds; none remembers it for longer.
const REMEMBERED: HeaderValue = HeaderValue::from_static("7200");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, DELETE, OPTIONS");
const ASKED: HeaderValue =
    HeaderValue::from_static("origin, access-control-request-method, access-control-request-headers");

/// What browsers let pages read anyway, and what is none of a page's business.
const PLAIN: [HeaderName; 2] = [CONTENT_TYPE, VARY];

/// What a request's origin may do.
pub enum Asked {
    /// The browser asks before it sends a request: this is the answer.
    First(Box<Response<ReplyBody>>),
    /// What pages of this origin are told: `*`, the origin itself, or nothing.
    With(Option<HeaderValue>),
}

/// Looks at where a request comes from. `origins` are those that may use the server; `*` is all of them.
pub fn look<B>(origins: &[String], request: &Request<B>) -> Asked {
    let headers = request.headers();
    let allowed = headers.get(ORIGIN).and_then(|origin| allowed(origins, origin));
    match success(request).filter(|_| *request.method() == Method::OPTIONS) {
        Some(success) => {
            Asked::First(Box::new(preflight(allowed, headers.get(ACCESS_CONTROL_REQUEST_HEADERS), success)))
        }
        None => Asked::With(allowed),
    }
}

/// What says yes to a browser's question, if this is one. At the models of TensorFlow Serving any page's is, and yes is
/// 200, as the original has it.
fn success<B>(request: &Request<B>) -> Option<StatusCode> {
    let headers = request.headers();
    let page = headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"http"));
    match request.uri().path().starts_with("/v1/models") {
        true if page => Some(StatusCode::OK),
        _ => headers.get(ACCESS_CONTROL_REQUEST_METHOD).map(|_| StatusCode::NO_CONTENT),
    }
}

fn allowed(origins: &[String], origin: &HeaderValue) -> Option<HeaderValue> {
    if origins.iter().any(|each| each == "*") {
        return Some(HeaderValue::from_static("*"));
    }
    origins.iter().any(|each| each.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

fn preflight(allowed: Option<HeaderValue>, wanted: Option<&HeaderValue>, success: StatusCode) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::empty());
    *response.status_mut() = if allowed.is_some() { success } else { StatusCode::FORBIDDEN };
    let headers = response.headers_mut();
    headers.insert(VARY, ASKED);
    if let Some(allowed) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, REMEMBERED);
        if let Some(wanted) = wanted {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
    }
    response
}

/// Lets pages of an origin read a response, with all its headers: calls over gRPC-Web and Connect end in them.
pub fn tell(response: &mut Response<ReplyBody>, allowed: Option<HeaderValue>) {
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("origin"));
    let Some(allowed) = allowed else { return };
    let names: Vec<&str> = headers.keys().filter(|name| !PLAIN.contains(name)).map(HeaderName::as_str).collect();
    if let Ok(names) = HeaderValue::try_from(names.join(", ")) {
        if !names.is_empty() {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, names);
        }
    }
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| text.to_string()).collect()
    }

    fn request(method: &str, headers: &[(&str, &str)]) -> Request<()> {
        let start = Request::builder().method(method).uri("/a.B/C");
        headers.iter().fold(start, |request, (name, value)| request.header(*name, *value)).body(()).unwrap()
    }

    #[test]
    fn origins_are_let_in_by_name_or_all_of_them() {
        let cases: [(&[&str], &str, Option<&str>); 5] = [
            (&["*"], "https://a.example", Some("*")),
            (&["https://a.example"], "https://a.example", Some("https://a.example")),
            (&["https://b.example", "https://a.example"], "https://a.example", Some("https://a.example")),
            (&["https://a.example"], "https://a.example.evil", None),
            (&["https://a.example"], "http://a.example", None),
        ];
        for (listed, origin, wanted) in cases {
            let request = request("POST", &[("origin", origin)]);
            let Asked::With(told) = look(&origins(listed), &request) else { panic!("{origin}") };
            assert_eq!(told, wanted.map(HeaderValue::from_static), "{origin}");
        }
    }

    #[test]
    fn a_browser_that_asks_first_is_answered() {
        let ask = |origin| {
            let headers = [
                ("origin", origin),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "content-type,x-grpc-web"),
            ];
            match look(&origins(&["https://a.example"]), &request("OPTIONS", &headers)) {
                Asked::First(response) => response,
                Asked::With(_) => panic!("no answer"),
            }
        };
        let allowed = ask("https://a.example");
        assert_eq!(allowed.status(), 204);
        assert_eq!(allowed.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example");
        assert_eq!(allowed.headers()[ACCESS_CONTROL_ALLOW_HEADERS], "content-type,x-grpc-web");
        let refused = ask("https://b.example");
        assert_eq!(refused.status(), 403);
        assert!(!refused.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    }

    #[test]
    fn pages_that_ask_for_a_model_are_told_as_the_original_tells_them() {
        let ask = |origin| {
            let builder = Request::builder().method("OPTIONS").uri("/v1/models/m:predict").header("origin", origin);
            match look(&origins(&["https://a.example"]), &builder.body(()).unwrap()) {
                Asked::First(response) => Some(response.status().as_u16()),
                Asked::With(_) => None,
            }
        };
        assert_eq!(ask("https://a.example"), Some(200));
        assert_eq!(ask("https://b.example"), Some(403));
        assert_eq!(ask("null"), None);
    }

    #[test]
    fn other_requests_of_that_method_go_on() {
        assert!(matches!(look(&origins(&["*"]), &request("OPTIONS", &[])), Asked::With(None)));
    }

    #[test]
    fn pages_may_read_every_header_of_a_reply() {
        let mut response = Response::new(ReplyBody::empty());
        for (name, value) in [("content-type", "application/proto"), ("grpc-status", "5"), ("trailer-a", "1")] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        tell(&mut response, Some(HeaderValue::from_static("*")));
        assert_eq!(response.headers()[ACCESS_CONTROL_EXPOSE_HEADERS], "grpc-status, trailer-a");
        assert_eq!(response.headers()[VARY], "origin");
    }
}
