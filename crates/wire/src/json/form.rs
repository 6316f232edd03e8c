use bytes::Bytes;
use salver_core::{Error, Result};

const MOST_FIELDS: usize = 256;
const LONGEST_HEAD: usize = 8 << 10;
const LONGEST_BOUNDARY: usize = 70;

/// How a field's content is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldKind {
    File,
    Text,
    /// Its own content type says so.
    Json,
}

/// A field of a form; shares the body's buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub name: String,
    pub kind: FieldKind,
    pub content: Bytes,
}

/// The boundary that a content type of `multipart/form-data` names.
pub(super) fn boundary(content_type: &str) -> Result<String> {
    let boundary = parameter(content_type, "boundary").filter(|text| (1..=LONGEST_BOUNDARY).contains(&text.len()));
    boundary.ok_or_else(|| malformed("its content type names no boundary of 1 to 70 characters"))
}

/// The fields of a form, in their order.
pub(super) fn fields(body: &Bytes, boundary: &str) -> Result<Vec<Field>> {
    let mut rest = after_opening(body, boundary)?;
    let mut fields = Vec::new();
    let delimiter = format!("\r\n--{boundary}");
    while !rest.starts_with(b"--") {
        if fields.len() == MOST_FIELDS {
            return Err(malformed(format!("it has more than {MOST_FIELDS} fields")));
        }
        let end = delimited(rest, delimiter.as_bytes()).ok_or_else(|| malformed("its closing boundary is missing"))?;
        fields.push(field(&body.slice_ref(&rest[..end]))?);
        rest = &rest[end + delimiter.len()..];
    }
    Ok(fields)
}

/// What follows the first boundary, which begins the body or a line of it.
fn after_opening<'a>(body: &'a [u8], boundary: &str) -> Result<&'a [u8]> {
    let opening = format!("--{boundary}");
    if let Some(rest) = body.strip_prefix(opening.as_bytes()).filter(|rest| ends_delimiter(rest)) {
        return Ok(rest);
    }
    let at = delimited(body, format!("\r\n{opening}").as_bytes());
    at.map(|at| &body[at + 2 + opening.len()..]).ok_or_else(|| malformed("its boundary does not occur in it"))
}

fn ends_delimiter(after: &[u8]) -> bool {
    after.starts_with(b"\r\n") || after.starts_with(b"--")
}

/// Where a delimiter stands that a line's end or the closing dashes follow.
fn delimited(text: &[u8], delimiter: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + find(text.get(from..)?, delimiter)?;
        if ends_delimiter(&text[at + delimiter.len()..]) {
            return Some(at);
        }
        from = at + delimiter.len();
    }
}

/// A field, from the end of its boundary's line to the end of its content.
fn field(text: &Bytes) -> Result<Field> {
    let head = &text[..text.len().min(LONGEST_HEAD)];
    let end = find(head, b"\r\n\r\n").ok_or_else(|| malformed("the headers of a field do not end within 8 KiB"))?;
    let head = std::str::from_utf8(&head[..end]).map_err(|_| malformed("the headers of a field are not UTF-8"))?;
    let header = |wanted: &str| {
        let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
        lines.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    };
    let disposition = header("content-disposition").unwrap_or_default();
    let name = parameter(disposition, "name").ok_or_else(|| malformed("a field has no name"))?;
    let media = header("content-type").and_then(|value| value.split(';').next()).unwrap_or_default();
    let kind = match parameter(disposition, "filename") {
        _ if media.trim().eq_ignore_ascii_case("application/json") => FieldKind::Json,
        Some(_) => FieldKind::File,
        None => FieldKind::Text,
    };
    Ok(Field { name, kind, content: text.slice(end + 4..) })
}

/// The value of a header's parameter, unquoted.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let (_, mut rest) = header.split_once(';')?;
    loop {
        let (name, after) = rest.split_once('=')?;
        let (value, next) = parameter_value(after.trim_start());
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = next.trim_start().strip_prefix(';')?;
    }
}

/// A quoted or bare value, and what follows it.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return (text[..end].trim_end().to_string(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            plain => value.push(plain),
        }
    }
    (value, "")
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn malformed(detail: impl std::fmt::Display) -> Error {
    Error::malformed("multipart body", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(body: &'static str) -> Result<Vec<Field>> {
        fields(&Bytes::from_static(body.as_bytes()), "b")
    }

    fn text(name: &str, content: &'static str) -> Field {
        Field { name: name.into(), kind: FieldKind::Text, content: Bytes::from_static(content.as_bytes()) }
    }

    #[test]
    fn a_form_as_browsers_send_it() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhej\r\n\
                    --b\r\ncontent-disposition: form-data; filename=\"a;b\\\".png\"; name=image\r\nContent-Type: image/png\r\n\r\n\
                    \r\n--bc\r\n\r\n--b\r\nContent-Disposition: form-data; name=k\r\nContent-Type: application/json\r\n\r\n[1]\r\n--b--\r\n";
        let image = Field { kind: FieldKind::File, ..text("image", "\r\n--bc\r\n") };
        let k = Field { kind: FieldKind::Json, ..text("k", "[1]") };
        assert_eq!(read(body), Ok(vec![text("note", "hej"), image, k]));
        assert_eq!(
            read("before\r\n--b\r\nContent-Disposition: x; name=a\r\n\r\n\r\n--b--after"),
            Ok(vec![text("a", "")])
        );
        assert_eq!(read("--b--"), Ok(vec![]));
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let cases = [
            ("", "its boundary does not occur in it"),
            ("--b\r\nContent-Disposition: x; name=a\r\n\r\n", "its closing boundary is missing"),
            ("--b\r\nContent-Disposition: x; name=a\r\n--b--", "the headers of a field do not end within 8 KiB"),
            ("--b\r\nContent-Disposition: x\r\n\r\n\r\n--b--", "a field has no name"),
        ];
        for (body, detail) in cases {
            assert_eq!(read(body), Err(malformed(detail)), "{body}");
        }
        let many = "--b\r\nContent-Disposition: x; name=a\r\n\r\n\r\n".repeat(257) + "--b--";
        assert_eq!(fields(&many.into(), "b"), Err(malformed("it has more than 256 fields")));
    }

    #[test]
    fn boundaries_are_bare_or_quoted() {
        let cases = [
            ("multipart/form-data; boundary=abc", Some("abc")),
            ("multipart/form-data; charset=x; Boundary=\"a b\"", Some("a b")),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary", None),
        ];
        for (content_type, wanted) in cases {
            assert_eq!(boundary(content_type).ok().as_deref(), wanted, "{content_type}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_forms_do_no_harm(pieces in prop::collection::vec(
            prop::sample::select(vec!["--b", "--", "\r\n", "\r\n\r\n", "Content-Disposition:", ";", "name=", "\"", "x", "\\", "ä"]),
            0..40,
        )) {
            let _ = fields(&pieces.concat().into(), "b");
        }

        #[test]
        fn arbitrary_headers_do_no_harm(header in "\\PC*") {
            let _ = parameter(&header, "name");
        }
    }
}
