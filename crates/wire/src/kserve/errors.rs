use std::fmt::{self, Display};

use salver_core::{Code, Dim, Error};

use super::datatype;
use crate::leading::{clipped, shown, wire_shape};
use crate::numbers::write_string;
use crate::{Body, GrpcReply, HttpReply};

/// The longest error text that is sent, in characters; names in it may come from the caller.
const LONGEST: usize = 2000;

/// An error as a gRPC status; `id` is the request's, or empty where there is none.
pub fn grpc_status(error: &Error, id: &str) -> GrpcReply {
    let text = match error {
        Error::Draining => "GRPC server is shutting down and has stopped accepting new requests.".into(),
        error => text(error, id),
    };
    GrpcReply::error(code(error) as u32, clipped(text, LONGEST, "..."))
}

/// An error as an HTTP reply with the body `{"error": ".."}`; `id` is the request's, or empty where there is none.
pub fn http_reply(error: &Error, id: &str) -> HttpReply {
    let mut body = b"{\"error\":".to_vec();
    write_string(&mut body, &clipped(text(error, id), LONGEST, "..."));
    body.push(b'}');
    let status = match code(error) {
        Code::Cancelled => 400,
        Code::ResourceExhausted => 413,
        code => code.http(),
    };
    let headers = vec![("content-type", "application/json".into())];
    HttpReply { status, headers, body: Body::from_iter([body.into()]) }
}

/// Where the protocol's code is not the canonical one.
fn code(error: &Error) -> Code {
    match error {
        Error::UnknownServable { .. } | Error::UnknownMethod { .. } => Code::InvalidArgument,
        Error::NotReady { version: None, .. } => Code::NotFound,
        Error::InputElements { .. } => Code::Internal,
        Error::Busy { .. } => Code::Unavailable,
        other => other.code(),
    }
}

/// The protocol's own text, with the remedy where it names none; salver's own where it has none.
fn text(error: &Error, id: &str) -> String {
    use Error::*;
    let of = RequestId(id);
    match error {
        UnknownServable { servable } => format!("Request for unknown model: '{servable}' is not found"),
        UnknownMethod { servable, method, .. } => format!(
            "Request for unknown model: '{servable}.{method}' is not found; '{servable}' has no method '{method}'"
        ),
        UnknownVersion { servable, version } => {
            format!("Request for unknown model: '{servable}' version {version} is not found")
        }
        NotReady { servable, version, reason } => {
            let state = match version {
                Some(version) => format!("version {version} is not at ready state"),
                None => "has no available versions".into(),
            };
            let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("Request for unknown model: '{servable}' {state}{reason}")
        }
        Malformed { what: "request", detail } => detail.clone(),
        Malformed { what: "JSON", detail } => format!("failed to parse the request JSON buffer: {detail}"),
        Malformed { .. } => error.to_string(),
        NoRows { servable, .. } => format!("{of}inference request batch-size must be >= 1 for '{servable}'"),
        MissingInput { servable, input, .. } => {
            format!("{of}missing required input '{input}' for model '{servable}'")
        }
        InputCount { servable, given, declared } => format!("{of}{}", input_count(servable, given, declared)),
        UnknownInput { servable, input, declared } => {
            format!("unexpected inference input '{input}' for model '{servable}'; it takes {}", listed(declared))
        }
        UnknownOutput { servable, output, declared } => {
            format!("unexpected inference output '{output}' for model '{servable}'; it gives {}", listed(declared))
        }
        RepeatedInput { input, .. } => format!("input '{input}' already exists in request"),
        RepeatedOutput { output, .. } => format!("output '{output}' already exists in request"),
        InputType { servable, input, given, declared, .. } => {
            let declared = datatype::name(*declared);
            format!("{of}inference input '{input}' data-type is '{given}', but model '{servable}' expects '{declared}'")
        }
        InputShape { servable, input, given, declared, batched } => {
            format!(
                "{of}unexpected shape for input '{input}' for model '{servable}'. {}",
                shapes(given, declared, *batched)
            )
        }
        InputSize { servable, input, given, wanted, .. } => format!(
            "{of}input byte size mismatch for input '{input}' for model '{servable}'. Expected {wanted}, got {given}"
        ),
        InputElements { input, given, wanted, .. } => format!(
            "Unable to parse 'data': Shape does not match true shape of 'data' field: \
             input '{input}' has {given} elements, but its shape needs {wanted}"
        ),
        RowsDiffer { servable, input, given, wanted } => format!(
            "{of}input '{input}' batch size does not match other inputs for '{servable}': \
             it has {given} rows, the first input {wanted}"
        ),
        TooManyRows { servable, rows, limit } => {
            format!("{of}inference request batch-size must be <= {limit} for '{servable}', but is {rows}")
        }
        InputValue { servable, input, detail } => format!("{of}input '{input}' for model '{servable}': {detail}"),
        TooLarge { size, limit, option, .. } => {
            format!("Received message larger than max ({size} vs. {limit}); {option} sets the limit")
        }
        Busy { .. } => format!("Exceeds maximum queue size: {error}"),
        Unsupported { .. } | Failed { .. } | Author { .. } | Lost { .. } | Internal { .. } => error.to_string(),
        DeadlineExceeded | Cancelled | Draining => error.to_string(),
    }
}

/// The prefix of texts about one request's content.
struct RequestId<'a>(&'a str);

impl Display for RequestId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => f.write_str("[request id: <id_unknown>] "),
            id => write!(f, "[request id: {id}] "),
        }
    }
}

fn input_count(model: &str, given: &[String], declared: &[String]) -> String {
    let count = format!("expected {} inputs but got {} inputs for model '{model}'", declared.len(), given.len());
    let missing: Vec<String> = declared.iter().filter(|name| !given.contains(name)).cloned().collect();
    let given = listed(given);
    match missing.is_empty() {
        true => format!("{count}. Got input(s) {given}, but it takes {}.", listed(declared)),
        false => format!(
            "{count}. Got input(s) {given}, but missing required input(s) {}. Please provide all required input(s).",
            listed(&missing)
        ),
    }
}

fn shapes(given: &[i64], declared: &[Dim], batched: bool) -> String {
    let text = format!("Expected {}, got {}. ", shown(&wire_shape(declared, batched)), shown(given));
    match batched {
        true => text + "NOTE: the model is batched, so a batch dimension is prepended to the shape of each input.",
        false => text + "NOTE: the model is not batched, so shapes have no batch dimension.",
    }
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    format!("[{}]", quoted.join(","))
}
