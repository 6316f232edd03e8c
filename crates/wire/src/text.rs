use bytes::Bytes;

/// UTF-8 text that shares the buffer it came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(Bytes);

impl Text {
    pub(crate) fn new(bytes: Bytes) -> Option<Text> {
        std::str::from_utf8(&bytes).is_ok().then_some(Text(bytes))
    }

    /// Text that lies within `buffer`, as what was parsed from it does.
    pub(crate) fn within(buffer: &Bytes, text: &str) -> Text {
        Text(buffer.slice_ref(text.as_bytes()))
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(text.into())
    }
}
