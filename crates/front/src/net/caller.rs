use base64::prelude::{Engine, BASE64_STANDARD_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

/// By which a server tells its workers who a call came from.
pub const CALLER: HeaderName = HeaderName::from_static("salver-caller-bin");

/// Who made a call, as gRPC writes it: an address, and what is known of an identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    pub address: String,
    pub identity: Vec<(String, Vec<String>)>,
}

impl Caller {
    /// What a server that is trusted has told.
    pub fn told(headers: &HeaderMap) -> Option<Caller> {
        let json = BASE64_STANDARD_NO_PAD.decode(headers.get(CALLER)?).ok()?;
        serde_json::from_slice(&json).ok()
    }

    /// The header's value that tells it.
    pub fn header(&self) -> Option<HeaderValue> {
        let json = serde_json::to_vec(self).ok()?;
        HeaderValue::try_from(BASE64_STANDARD_NO_PAD.encode(json)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_understood() {
        let identity = vec![("x509_common_name".into(), vec!["caf\u{e9}".into()])];
        let caller = Caller { address: "ipv4:127.0.0.1:9".into(), identity };
        let headers = HeaderMap::from_iter([(CALLER, caller.header().unwrap())]);
        assert_eq!(Caller::told(&headers), Some(caller));
        assert_eq!(Caller::told(&HeaderMap::from_iter([(CALLER, HeaderValue::from_static("e30"))])), None);
    }
}
