use salver_core::{Code, DType, Error, Fault, Resource, Shown};

use super::dtypes;
use super::request::Spec;

/// The status codes of `ErrorMsg`.
const FAILED: u64 = 1;
const INVALID_INPUTS: u64 = 2;
const SYSTEM_ERROR: u64 = 3;
const WORKER_UNAVAILABLE: u64 = 4;

/// An `ErrorMsg`: why a request, or one of its instances, has no outputs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    pub code: u64,
    pub text: String,
}

/// How an error reaches the client: as the gRPC status, or inside a reply.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Failure {
    Status(Code, String),
    Message(Message),
}

impl Failure {
    pub fn of(error: &Error, spec: &Spec) -> Failure {
        match error {
            Error::Malformed { .. } | Error::DeadlineExceeded | Error::Cancelled => {
                Failure::Status(error.code(), error.to_string())
            }
            Error::TooLarge { size, limit, option, .. } => Failure::Status(
                error.code(),
                format!("Received message larger than max ({size} vs. {limit}); {option} sets the limit"),
            ),
            _ => Failure::Message(Message::of(error, spec)),
        }
    }
}

impl Message {
    /// Code and text as MindSpore Serving 1.5 and later give them; its own text where they have none.
    pub fn of(error: &Error, spec: &Spec) -> Message {
        Message { code: code(error), text: shortened(text(error, spec)) }
    }
}

fn code(error: &Error) -> u64 {
    use Error::*;
    match error {
        UnknownServable { .. } | UnknownVersion { .. } | NotReady { .. } | UnknownMethod { .. } => INVALID_INPUTS,
        Malformed { .. } | NoRows { .. } | MissingInput { .. } | InputCount { .. } => INVALID_INPUTS,
        UnknownInput { .. } | RepeatedInput { .. } | UnknownOutput { .. } | RepeatedOutput { .. } => INVALID_INPUTS,
        InputType { .. } | InputShape { .. } | InputSize { .. } | InputElements { .. } => INVALID_INPUTS,
        RowsDiffer { .. } | InputValue { .. } | Author { fault: Fault::Input, .. } => INVALID_INPUTS,
        TooManyRows { .. } => INVALID_INPUTS,
        Unsupported { .. } | TooLarge { .. } | Busy { .. } | Failed { .. } => FAILED,
        DeadlineExceeded | Cancelled => FAILED,
        Lost { .. } | Draining => WORKER_UNAVAILABLE,
        Internal { .. } | Author { .. } => SYSTEM_ERROR,
    }
}

fn text(error: &Error, spec: &Spec) -> String {
    use Error::*;
    match error {
        NotReady { reason: Some(reason), .. } => {
            format!("Request {}, servable is not available: {reason}", asked(spec))
        }
        UnknownServable { .. } | UnknownVersion { .. } | NotReady { .. } => {
            format!("Request {}, servable is not available", asked(spec))
        }
        UnknownMethod { .. } => format!("Request {}, method is not available", asked(spec)),
        NoRows { servable, method } => {
            format!("Instances count of request cannot be 0, servable: {servable}, method: {method}")
        }
        MissingInput { servable, method, input } => {
            format!("Cannot find input {input} in instance input , servable {servable}, method {method}")
        }
        InputValue { input, detail, .. } => format!("Instances input {input} check failed, detail: {detail}"),
        InputCount { given, declared, .. } => {
            format!("Given model inputs size {} less than model inputs size {}", given.len(), declared.len())
        }
        InputType { index, given, declared, .. } => {
            let given = DType::from_name(given).map_or(given.as_str(), |dtype| dtypes::name(dtype));
            let declared = dtypes::name(*declared);
            format!("Given model input {index} data type {given} not match the data type {declared} defined in model")
        }
        InputSize { index, given, wanted, .. } => {
            format!("Given model input {index} size {given} not match the size {wanted} defined in model")
        }
        InputShape { input, given, declared, batched, .. } => {
            let declared = Shown(declared, *batched);
            format!("Given model input {input} shape {given:?} not match the shape {declared} defined in model")
        }
        InputElements { input, given, wanted, .. } => {
            format!("Given model input {input} elements {given} not match the elements {wanted} defined in model")
        }
        Busy { resource: Resource::Calls, limit } => {
            format!("Serving Error: enqueued requests count exceeds the limit {limit}")
        }
        Busy { resource: Resource::Bytes | Resource::Queue, .. } => format!("Serving Error: {error}"),
        Author { what, message, .. } if what.is_empty() => message.clone(),
        Author { what, method, index, message, .. } => {
            format!("Call {what} Failed, method: '{method}', stage index(begin with 1): {index}, error msg: {message}")
        }
        Failed { message, .. } if message.is_empty() => "Predict Failed".into(),
        Failed { message, .. } => format!("Predict Failed: {message}"),
        Draining => "Servable stopped".into(),
        Internal { detail } => format!("Serving Error: runtime error occurred: {detail}"),
        Malformed { .. } | UnknownInput { .. } | RepeatedInput { .. } | UnknownOutput { .. } => error.to_string(),
        RepeatedOutput { .. } | RowsDiffer { .. } | TooLarge { .. } | Lost { .. } => error.to_string(),
        Unsupported { .. } | TooManyRows { .. } | DeadlineExceeded | Cancelled => error.to_string(),
    }
}

/// What was asked for, spaced as the original spaces it.
fn asked(spec: &Spec) -> String {
    let version = match spec.version {
        0 => String::new(),
        version => format!(" version({version}) "),
    };
    format!("servable({}) method({}) {version}", spec.servable, spec.method)
}

/// Texts of more than 384 characters lose their middle; an empty one says at least that something failed.
fn shortened(text: String) -> String {
    const KEPT: usize = 192;
    if text.is_empty() {
        return "Predict failed".into();
    }
    if text.len() <= 2 * KEPT {
        return text;
    }
    let mut starts = text.char_indices().map(|(start, _)| start);
    match (starts.nth(KEPT), starts.nth_back(KEPT - 1)) {
        (Some(head), Some(tail)) => format!("{}...{}", &text[..head], &text[tail..]),
        _ => text,
    }
}
