use std::collections::BTreeSet;

use salver_core::{Code, Error};

use super::dtypes;
use super::spec::{Spec, Which};
use crate::leading::{clipped, shown, wire_shape};
use crate::numbers::write_string;
use crate::{Body, GrpcReply, HttpReply};

/// The longest error text that is sent, in characters.
const LONGEST: usize = 1024;

/// What ends a text that is longer.
const CUT: &str = "...TRUNCATED";

/// The way in which a method was asked for, which its absence is told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    Predict,
    /// `predict` over REST.
    RestPredict,
    /// `Classify` and `Regress`.
    Inference,
    MultiInference,
}

/// What a request asked for, as far as codes and texts of its errors depend on it.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) spec: &'a Spec,
    pub(super) api: Api,
}

/// An error as a gRPC status, where nothing is known of the request.
pub fn grpc_status(error: &Error) -> GrpcReply {
    Asked { spec: &Spec::default(), api: Api::Predict }.grpc(error)
}

/// An error as an HTTP reply with the body `{"error": "..."}`, where nothing is known of the request.
pub fn http_reply(error: &Error) -> HttpReply {
    Asked { spec: &Spec::default(), api: Api::RestPredict }.http(error)
}

impl Asked<'_> {
    pub(super) fn grpc(&self, error: &Error) -> GrpcReply {
        grpc_told(self.code(error), self.text(error))
    }

    pub(super) fn http(&self, error: &Error) -> HttpReply {
        let status = match error {
            Error::TooLarge { .. } => 413,
            error => self.code(error).http(),
        };
        http_told(status, self.text(error))
    }

    fn code(&self, error: &Error) -> Code {
        match error {
            Error::UnknownServable { .. } | Error::UnknownVersion { .. } | Error::NotReady { .. } => {
                match self.unknown_label() {
                    Some(_) => Code::InvalidArgument,
                    None => Code::NotFound,
                }
            }
            Error::UnknownMethod { .. } if self.api == Api::Predict => Code::FailedPrecondition,
            Error::UnknownMethod { .. } => Code::InvalidArgument,
            Error::Busy { .. } => Code::Unavailable,
            other => other.code(),
        }
    }

    /// The label that no version has. One of digits alone stands for a number.
    fn unknown_label(&self) -> Option<&str> {
        match &self.spec.version {
            Which::Label(label) if !is_number(label) => Some(label),
            _ => None,
        }
    }

    /// The protocol's own text, with the remedy where it names none; salver's own where it has none.
    fn text(&self, error: &Error) -> String {
        use Error::*;
        match error {
            UnknownServable { servable } | UnknownVersion { servable, .. } => self.not_found(servable, None),
            NotReady { servable, reason, .. } => self.not_found(servable, reason.as_deref()),
            UnknownMethod { .. } => self.no_signature(),
            Malformed { what: "request", detail } => detail.clone(),
            InputCount { given, declared, .. } => input_count(given, declared),
            UnknownOutput { output, declared, .. } => format!(
                "output tensor alias not found in signature: {output} Outputs expected to be in the set {{{}}}.",
                joined(&sorted(declared))
            ),
            RepeatedOutput { output, .. } => format!("duplicate output tensor alias: {output}"),
            InputType { servable, input, index, given, declared } => format!(
                "Expects arg[{index}] to be {} but {given} is provided (input '{input}' of model '{servable}')",
                dtypes::name(*declared)
            ),
            InputShape { servable, input, given, declared, batched } => {
                let (given, wanted) = (shown(given), shown(&wire_shape(declared, *batched)));
                let row = match batched {
                    true => "; without its first dimension it is one row",
                    false => "",
                };
                format!("input '{input}' of model '{servable}' has the shape {given}, but {wanted} is expected{row}")
            }
            TooManyRows { rows, limit, .. } => {
                format!("Task size {rows} is larger than maximum input batch size {limit}")
            }
            TooLarge { size, limit, option, .. } => {
                format!("Received message larger than max ({size} vs. {limit}); {option} sets the limit")
            }
            Busy { .. } => format!("The batch scheduling queue to which this task was submitted is full; {error}"),
            Malformed { .. } | NoRows { .. } | MissingInput { .. } | UnknownInput { .. } => error.to_string(),
            RepeatedInput { .. } | InputSize { .. } | InputElements { .. } | RowsDiffer { .. } => error.to_string(),
            InputValue { .. } | Unsupported { .. } | Failed { .. } | Author { .. } => error.to_string(),
            Lost { .. } | DeadlineExceeded | Cancelled | Draining | Internal { .. } => error.to_string(),
        }
    }

    fn not_found(&self, servable: &str, reason: Option<&str>) -> String {
        if let Some(label) = self.unknown_label() {
            return format!("Unrecognized servable version label: {label}");
        }
        let request = match &self.spec.version {
            Which::Newest => format!("Latest({servable})"),
            Which::Number(version) => format!("Specific({servable}, {version})"),
            Which::Label(version) => format!("Specific({servable}, {version})"),
        };
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("Servable not found for request: {request}{reason}")
    }

    fn no_signature(&self) -> String {
        let signature = self.spec.signature();
        match self.api {
            Api::Predict => format!("Serving signature key \"{signature}\" not found."),
            Api::RestPredict => format!("Serving signature name: \"{signature}\" not found in signature def"),
            Api::Inference => format!("No signature was found with the name: {signature}"),
            Api::MultiInference => format!("Requested signature not found in model graph: {signature}"),
        }
    }
}

/// A gRPC status with a text.
pub(super) fn grpc_told(code: Code, text: String) -> GrpcReply {
    GrpcReply::error(code as u32, clipped(text, LONGEST, CUT))
}

/// An HTTP reply with the body `{"error": "..."}`.
pub(super) fn http_told(status: u16, text: String) -> HttpReply {
    let mut body = b"{\n    \"error\": ".to_vec();
    write_string(&mut body, &clipped(text, LONGEST, CUT));
    body.extend_from_slice(b"\n}");
    json(status, body)
}

/// A document as an HTTP reply.
pub(super) fn json(status: u16, document: Vec<u8>) -> HttpReply {
    let headers = vec![("content-type", "application/json".into())];
    HttpReply { status, headers, body: Body::from_iter([document.into()]) }
}

pub(super) fn is_number(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn sorted(names: &[String]) -> BTreeSet<&str> {
    names.iter().map(String::as_str).collect()
}

/// Names as the protocol's texts list them.
pub(super) fn joined(names: &BTreeSet<&str>) -> String {
    names.iter().copied().collect::<Vec<_>>().join(",")
}

fn input_count(given: &[String], declared: &[String]) -> String {
    let (given, declared) = (sorted(given), sorted(declared));
    let extra = given.difference(&declared).copied().collect();
    let missing = declared.difference(&given).copied().collect();
    format!(
        "input size does not match signature: {}!={} len({{{}}}) != len({{{}}}). Sent extra: {{{}}}. \
         Missing but required: {{{}}}.",
        given.len(),
        declared.len(),
        joined(&given),
        joined(&declared),
        joined(&extra),
        joined(&missing)
    )
}
