/// A position in JSON text. Tokens are checked against JSON's grammar, whatever the number parsers would take.
pub(super) struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Scan { text, at: 0 }
    }

    /// The next byte that is not white space, without taking it.
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    pub(super) fn skip(&mut self) {
        self.at += 1;
    }

    /// Takes a JSON number.
    pub(super) fn number(&mut self) -> Option<&'a str> {
        let rest = self.text.get(self.at..)?;
        let length = number_length(rest.as_bytes())?;
        self.at += length;
        rest.get(..length)
    }

    /// Takes a JSON string: its text between the quotes, and whether that holds escapes.
    pub(super) fn string(&mut self) -> Option<(&'a str, bool)> {
        let rest = self.text.get(self.at..)?.strip_prefix('"')?;
        let mut escaped = false;
        let mut bytes = rest.bytes().enumerate();
        while let Some((index, byte)) = bytes.next() {
            match byte {
                b'"' => {
                    self.at += index + 2;
                    return Some((rest.get(..index)?, escaped));
                }
                b'\\' => {
                    escaped = true;
                    bytes.next();
                }
                0..=0x1f => return None,
                _ => {}
            }
        }
        None
    }

    /// Takes exactly `word`.
    pub(super) fn word(&mut self, word: &str) -> bool {
        let found = self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes()));
        if found {
            self.at += word.len();
        }
        found
    }

    /// What stands here, cut short, for error texts.
    pub(super) fn shown(&self) -> String {
        const LONGEST: usize = 40;
        let rest = self.text.get(self.at..).unwrap_or_default();
        let shown: String = rest.chars().take_while(|c| !matches!(c, ',' | ']')).take(LONGEST).collect();
        match shown.trim_end() {
            "" => "the end of the text".into(),
            shown => format!("'{shown}'"),
        }
    }
}

fn number_length(text: &[u8]) -> Option<usize> {
    let digits = |at: usize| text.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is = |at: usize, wanted: &[u8]| text.get(at).is_some_and(|byte| wanted.contains(byte));
    let mut at = usize::from(is(0, b"-"));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && is(at, b"0")) {
        return None;
    }
    at += whole;
    if is(at, b".") {
        let fraction = digits(at + 1);
        at += 1 + fraction;
        (fraction > 0).then_some(())?;
    }
    if is(at, b"eE") {
        let sign = usize::from(is(at + 1, b"+-"));
        let exponent = digits(at + 1 + sign);
        at += 1 + sign + exponent;
        (exponent > 0).then_some(())?;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::Scan;

    #[test]
    fn numbers_follow_the_grammar_of_json() {
        let cases = [
            ("0", Some("0")),
            ("-0.5e+10,", Some("-0.5e+10")),
            ("12]", Some("12")),
            ("01", None),
            ("+1", None),
            (".5", None),
            ("1.", None),
            ("1e", None),
            ("-", None),
            ("inf", None),
            ("NaN", None),
            ("", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(Scan::new(text).number(), wanted, "{text}");
        }
    }

    #[test]
    fn strings_end_at_their_quote() {
        let cases = [
            (r#""a","#, Some(("a", false))),
            (r#""\"" "#, Some((r#"\""#, true))),
            (r#""é""#, Some(("é", false))),
            (r#""open"#, None),
            (r#""\"#, None),
            ("\"a\nb\"", None),
            ("a", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(Scan::new(text).string(), wanted, "{text}");
        }
    }
}
