//! The name of a certificate's owner as text, in the form that gRPC's own servers give it: RFC 2253's.

use x509_parser::asn1_rs::{Any, BmpString, Tag, ToDer};
use x509_parser::objects::{oid2abbrev, oid_registry};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// The last part first. What would end a value, or look like another part, is escaped in it.
pub fn subject(name: &X509Name<'_>) -> String {
    joined(name.iter_rdn().map(|part| joined(part.iter().map(attribute), "+")), ",")
}

fn joined(parts: impl Iterator<Item = String>, between: &str) -> String {
    let mut parts: Vec<String> = parts.collect();
    parts.reverse();
    parts.join(between)
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let (kind, value) = (attribute.attr_type(), attribute.attr_value());
    let Ok(name) = oid2abbrev(kind, oid_registry()) else {
        return format!("{}={}", kind.to_id_string(), dumped(value));
    };
    let value = text(value).map_or_else(|| dumped(value), |text| escaped(&text));
    format!("{name}={value}")
}

/// A value of a type that texts have.
fn text(value: &Any<'_>) -> Option<String> {
    match value.tag() {
        Tag::Utf8String => String::from_utf8(value.data.to_vec()).ok(),
        Tag::BmpString => BmpString::try_from(value.clone()).ok().map(|text| text.string()),
        Tag::NumericString | Tag::PrintableString | Tag::T61String | Tag::Ia5String | Tag::VisibleString => {
            Some(value.data.iter().copied().map(char::from).collect())
        }
        _ => None,
    }
}

fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let last = value.len().saturating_sub(1);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => out.extend(['\\', char::from(byte)]),
            b'#' if at == 0 => out.push_str("\\#"),
            b' ' if at == 0 || at == last => out.push_str("\\ "),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\{byte:02X}")),
        }
    }
    out
}

/// A value as its DER.
fn dumped(value: &Any<'_>) -> String {
    let der = value.to_der_vec().unwrap_or_default();
    format!("#{}", der.iter().map(|byte| format!("{byte:02X}")).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn values_cannot_pass_for_more_than_they_are() {
        let cases = [
            ("Acme", "Acme"),
            ("Acme, Inc.", "Acme\\, Inc."),
            ("a,CN=admin", "a\\,CN=admin"),
            ("a+O=b", "a\\+O=b"),
            ("\"<a>;\\", "\\\"\\<a\\>\\;\\\\"),
            ("#a#", "\\#a#"),
            ("  ", "\\ \\ "),
            (" a b ", "\\ a b\\ "),
            (" ", "\\ "),
            ("\u{e4}\n\u{7f}", "\\C3\\A4\\0A\\7F"),
            ("", ""),
        ];
        for (value, wanted) in cases {
            assert_eq!(escaped(value), wanted, "{value:?}");
        }
    }
}
