use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use bytes::Bytes;
use salver_core::Error;
use serde::Deserialize;

/// Keys with values, in their order. Values of keys in `-bin` are base64.
pub type Pairs = Vec<(String, String)>;

/// How a call ended, in gRPC's terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    pub code: u32,
    pub message: String,
    /// A `google.rpc.Status`, or empty.
    pub details: Vec<u8>,
    pub trailers: Pairs,
}

impl From<&Error> for Ending {
    fn from(error: &Error) -> Ending {
        Ending { code: error.code() as u32, message: error.to_string(), ..Ending::default() }
    }
}

/// What a row, or an item of a sequence, says to its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Metadata(Pairs),
    Message(Bytes),
    /// The last.
    End(Ending),
}

/// What an author's handler says beside or in the place of its reply.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Remark {
    code: Option<u32>,
    message: String,
    details: String,
    metadata: Pairs,
    trailers: Pairs,
}

impl Remark {
    /// Reads one; `None` if nothing is said.
    pub fn read(text: &[u8]) -> Result<Option<Remark>, String> {
        match text {
            [] => Ok(None),
            text => serde_json::from_slice(text).map(Some).map_err(|error| format!("its status is none: {error}")),
        }
    }

    /// What it comes to, with the reply that stands beside it: in the answer of a single reply, or in a sequence.
    pub fn say(self, reply: impl FnOnce() -> Result<Bytes, String>, sequence: bool) -> Result<Vec<Said>, String> {
        let mut said = Vec::new();
        if !self.metadata.is_empty() {
            said.push(Said::Metadata(self.metadata));
        }
        let code = self.code.or((!sequence).then_some(0));
        let Some(code) = code else { return Ok(said) };
        if code == 0 && !sequence {
            said.push(Said::Message(reply()?));
        }
        let details = STANDARD.decode(&self.details).map_err(|error| format!("details are not base64: {error}"))?;
        said.push(Said::End(Ending { code, message: self.message, details, trailers: self.trailers }));
        Ok(said)
    }
}
