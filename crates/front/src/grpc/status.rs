use http::{HeaderMap, HeaderValue};
use percent_encoding::{utf8_percent_encode, AsciiSet, CONTROLS};

/// What `grpc-message` must encode: everything outside printable ASCII, and the percent sign itself.
const RESERVED: &AsciiSet = &CONTROLS.add(b'%');

/// The longest `grpc-message`, so that an error that quotes its request never breaks a client's header limit.
const LONGEST_MESSAGE: usize = 4096;

/// Writes status and message as gRPC's trailers have them.
pub fn write_status(headers: &mut HeaderMap, code: u32, message: &str) {
    headers.insert("grpc-status", HeaderValue::from(code));
    if message.is_empty() {
        return;
    }
    let encoded = utf8_percent_encode(shortened(message), RESERVED).to_string();
    if let Ok(value) = HeaderValue::try_from(encoded) {
        headers.insert("grpc-message", value);
    }
}

/// As much of a message as fits once it is encoded.
fn shortened(message: &str) -> &str {
    let mut room = LONGEST_MESSAGE;
    let end = message.char_indices().find(|&(_, char)| {
        let size = if matches!(char, ' '..='~') && char != '%' { 1 } else { 3 * char.len_utf8() };
        let fits = size <= room;
        room -= size.min(room);
        !fits
    });
    end.map_or(message, |(end, _)| &message[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(message: &str) -> String {
        let mut headers = HeaderMap::new();
        write_status(&mut headers, 3, message);
        headers.get("grpc-message").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    #[test]
    fn messages_are_percent_encoded() {
        let cases = [
            ("plain text", "plain text"),
            ("50% of\n\"it\"", "50%25 of%0A\"it\""),
            ("caf\u{e9}", "caf%C3%A9"),
            ("", ""),
        ];
        for (message, wanted) in cases {
            assert_eq!(written(message), wanted);
        }
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let long = "\u{e9}".repeat(LONGEST_MESSAGE);
        assert_eq!(written(&long), "%C3%A9".repeat(LONGEST_MESSAGE / 6));
        assert_eq!(written(&"a".repeat(LONGEST_MESSAGE + 1)).len(), LONGEST_MESSAGE);
    }
}
