use percent_encoding::percent_decode_str;
use salver_core::{Error, Result};

/// What a path below `/servables/` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub servable: String,
    pub version: Option<u64>,
    pub method: Option<String>,
}

impl Address {
    /// Reads `<name>[/versions/<n>][/<method>]`, percent-encoded, without the `/servables/` before it.
    pub fn parse(path: &str) -> Result<Address> {
        let segments: Result<Vec<String>> = path.split('/').map(decoded).collect();
        let segments = segments?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (servable, version, method) = match segments[..] {
            [servable] => (servable, None, None),
            [servable, method] => (servable, None, Some(method)),
            [servable, "versions", version] => (servable, Some(version), None),
            [servable, "versions", version, method] => (servable, Some(version), Some(method)),
            _ => return Err(malformed("expected /servables/<name>[/versions/<n>][/<method>]")),
        };
        if servable.is_empty() || method == Some("") {
            return Err(malformed("a name in it is empty"));
        }
        let number = |version: &str| {
            let unknown = || Error::UnknownVersion { servable: servable.into(), version: version.into() };
            version.parse().map_err(|_| unknown())
        };
        let version = version.map(number).transpose()?;
        Ok(Address { servable: servable.into(), version, method: method.map(str::to_string) })
    }
}

fn decoded(segment: &str) -> Result<String> {
    let text = percent_decode_str(segment).decode_utf8();
    text.map(|text| text.into_owned()).map_err(|_| malformed("a name in it is not UTF-8"))
}

fn malformed(detail: &str) -> Error {
    Error::malformed("path", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_a_servable_and_perhaps_a_version_and_a_method() {
        let cases = [
            ("add", "add", None, None),
            ("add/predict", "add", None, Some("predict")),
            ("add/versions/3", "add", Some(3), None),
            ("add/versions/3/predict", "add", Some(3), Some("predict")),
            ("add/versions", "add", None, Some("versions")),
            ("a%2Fb/%C3%A4", "a/b", None, Some("ä")),
        ];
        for (path, servable, version, method) in cases {
            let wanted = Address { servable: servable.into(), version, method: method.map(str::to_string) };
            assert_eq!(Address::parse(path), Ok(wanted), "{path}");
        }
    }

    #[test]
    fn other_paths_are_refused() {
        for path in ["", "/", "add/", "add/x/y", "add/versions/1/m/n", "%ff"] {
            assert!(matches!(Address::parse(path), Err(Error::Malformed { .. })), "{path}");
        }
        for version in ["latest", "-1", "", "99999999999999999999"] {
            let unknown = Error::UnknownVersion { servable: "add".into(), version: version.into() };
            assert_eq!(Address::parse(&format!("add/versions/{version}")), Err(unknown));
        }
    }
}
