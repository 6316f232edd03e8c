use salver_core::Error;
pub(super) use salver_core::MAX_RANK;
use smallvec::SmallVec;

pub(super) use crate::leading::{bad_request, MAX_TENSORS};
pub(super) use crate::text::Text;

/// The most parameters that one request may have; each takes far more memory than its bytes.
pub(super) const MAX_PARAMETERS: usize = 1024;

/// What a request says of one input, before its data.
#[derive(Clone, Debug, Default)]
pub(super) struct Header {
    pub(super) name: Text,
    pub(super) datatype: Text,
    pub(super) shape: SmallVec<[i64; 5]>,
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

/// The refusal of more parameters than a request may have.
pub(super) fn too_many_parameters() -> Error {
    bad_request(format!("a request has more than {MAX_PARAMETERS} parameters"))
}

/// Whether a request parameter is for the server alone, so that methods need not see it.
pub(super) fn is_for_server(key: &str) -> bool {
    key.starts_with("triton_") || key == "binary_data_output"
}

/// The refusal of a request parameter: keys that begin with `triton_` are the protocol's own.
pub(super) fn refused_key(key: &str, allowed: Option<&str>) -> Option<Error> {
    let refused = key.starts_with("triton_") && Some(key) != allowed;
    let told = "keys that start with 'triton_' are reserved, choose another";
    refused.then(|| bad_request(format!("parameter '{key}' is not known; {told}")))
}
