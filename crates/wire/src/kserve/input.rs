use bytes::Bytes;
use salver_core::Error;
use smallvec::SmallVec;

pub(super) use crate::rows::MAX_RANK;

/// The most inputs, and outputs, that one request may name; it bounds the memory that a short message can ask for.
pub(super) const MAX_TENSORS: usize = 1024;

/// UTF-8 text that shares the buffer it came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text(Bytes);

impl Text {
    pub(super) fn new(bytes: Bytes) -> Option<Text> {
        std::str::from_utf8(&bytes).is_ok().then_some(Text(bytes))
    }

    /// Text that lies within `buffer`, as what was parsed from it does.
    pub(super) fn within(buffer: &Bytes, text: &str) -> Text {
        Text(buffer.slice_ref(text.as_bytes()))
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(text.into())
    }
}

/// What a request says of one input, before its data.
#[derive(Clone, Debug, Default)]
pub(super) struct Header {
    pub(super) name: Text,
    pub(super) datatype: Text,
    pub(super) shape: SmallVec<[i64; 5]>,
}

/// A request that is not what the protocol asks for, in a whole sentence of the protocol's own words.
pub(super) fn bad_request(detail: String) -> Error {
    Error::Malformed { what: "request", detail }
}

/// The refusal of tensors in shared memory.
pub(super) fn no_shared_memory() -> Error {
    let what = "Client shared memory is disabled. This server does not implement it; send tensors in the request.";
    Error::Unsupported { what: what.into() }
}

/// The refusal to answer with class labels.
pub(super) fn no_classification(output: &str) -> Error {
    let told = format!("the classification extension is not supported for output '{output}'");
    Error::Unsupported { what: format!("{told}; ask for the output without it and rank its values in the client") }
}

/// The refusal of a request parameter: keys that begin with `triton_` are the protocol's own.
pub(super) fn refused_key(key: &str, allowed: Option<&str>) -> Option<Error> {
    let refused = key.starts_with("triton_") && Some(key) != allowed;
    let told = "keys that start with 'triton_' are reserved, choose another";
    refused.then(|| bad_request(format!("parameter '{key}' is not known; {told}")))
}
