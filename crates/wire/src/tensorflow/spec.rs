use salver_core::{Error, Result};

use crate::leading::bad_request;
use crate::protobuf::write::{field_size, key, number, number_size, text, text_size};
use crate::protobuf::Fields;
use crate::Target;

/// The signature of a request that names none: a servable's default method, whatever its name.
pub(super) const DEFAULT_SIGNATURE: &str = "serving_default";

/// Which version of a model is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Which {
    #[default]
    Newest,
    Number(i64),
    Label(String),
}

/// Whom a request is for: a `ModelSpec`, or what a URL says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    pub name: String,
    /// As it was sent; empty for the default.
    pub signature: String,
    pub version: Which,
}

impl Spec {
    /// Reads a `ModelSpec`. If a message has several, protobuf merges them.
    pub(super) fn read(&mut self, mut fields: Fields<'_>) -> Result<()> {
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => self.name = fields.text(value)?.as_str().into(),
                2 => self.version = Which::Number(wrapped(fields.nested(value)?)?),
                3 => self.signature = fields.text(value)?.as_str().into(),
                4 => self.version = Which::Label(fields.text(value)?.as_str().into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// The signature that is meant, as replies name it.
    pub(super) fn signature(&self) -> &str {
        match self.signature.as_str() {
            "" => DEFAULT_SIGNATURE,
            name => name,
        }
    }

    /// Whom the request is for. The default signature is the servable's default method.
    pub(super) fn target(&self) -> Result<Target<'_>> {
        if self.name.is_empty() {
            return Err(bad_request("ModelSpec has no name specified.".into()));
        }
        let method = Some(self.signature()).filter(|name| *name != DEFAULT_SIGNATURE);
        let target = Target { servable: &self.name, version: None, label: None, method, dotted: false };
        match &self.version {
            Which::Newest => Ok(target),
            Which::Label(label) => Ok(Target { label: Some(label), ..target }),
            Which::Number(number) => {
                let version = u64::try_from(*number).map_err(|_| self.unknown_version(number.to_string()))?;
                Ok(Target { version: Some(version), ..target })
            }
        }
    }

    fn unknown_version(&self, version: String) -> Error {
        Error::UnknownVersion { servable: self.name.clone(), version }
    }

    /// Writes a `ModelSpec` as field `field` of a reply: the version that answered, and perhaps the signature.
    pub(super) fn write(&self, out: &mut Vec<u8>, field: usize, version: u64, signature: &str) {
        let inner = number_size(1, version);
        let size = text_size(1, self.name.len()) + field_size(2, inner) + text_size(3, signature.len());
        key(out, field, size);
        text(out, 1, &self.name);
        key(out, 2, inner);
        number(out, 1, version);
        text(out, 3, signature);
    }
}

/// An `Int64Value`.
fn wrapped(mut fields: Fields<'_>) -> Result<i64> {
    let mut wrapped = 0;
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            wrapped = fields.number(value)? as i64;
        }
    }
    Ok(wrapped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(signature: &str, version: Which) -> Spec {
        Spec { name: "m".into(), signature: signature.into(), version }
    }

    #[test]
    fn targets_are_versions_labels_and_signatures() {
        let target = |version, label, method| Target { servable: "m", version, label, method, dotted: false };
        let cases = [
            (spec("", Which::Newest), target(None, None, None)),
            (spec("serving_default", Which::Number(3)), target(Some(3), None, None)),
            (spec("shout", Which::Label("stable".into())), target(None, Some("stable"), Some("shout"))),
        ];
        for (spec, wanted) in cases {
            assert_eq!(spec.target(), Ok(wanted));
        }
    }

    #[test]
    fn names_must_be_given_and_versions_exist() {
        let error = Spec::default().target().unwrap_err();
        assert_eq!(error, bad_request("ModelSpec has no name specified.".into()));
        let unknown = Error::UnknownVersion { servable: "m".into(), version: "-1".into() };
        assert_eq!(spec("", Which::Number(-1)).target(), Err(unknown));
    }
}
