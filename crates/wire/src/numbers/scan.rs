/// A position in JSON text. Tokens are checked against JSON's grammar, whatever the number parsers would take.
#[derive(Clone)]
pub(crate) struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Scan { text, at: 0 }
    }

    /// The next byte that is not white space, without taking it.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    pub(crate) fn skip(&mut self) {
        self.at += 1;
    }

    /// Goes on by so many bytes.
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// The text from here on.
    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Takes a JSON number.
    pub(crate) fn number(&mut self) -> Option<Number<'a>> {
        let rest = self.text.get(self.at..)?;
        let mut digits = Digits { text: rest.as_bytes(), at: 0, value: 0 };
        let negative = digits.sign(b"-");
        let whole = digits.take()?;
        if whole > 1 && digits.text.get(digits.at - whole) == Some(&b'0') {
            return None;
        }
        let decimals = if digits.sign(b".") { digits.take()? } else { 0 };
        // Up to 19 digits fit the word they are gathered in.
        let mut exact = (whole + decimals <= 19).then_some((digits.value, decimals));
        if digits.sign(b"eE") {
            exact = None;
            digits.sign(b"+-");
            digits.take()?;
        }
        self.at += digits.at;
        Some(Number { text: rest.get(..digits.at)?, negative, exact })
    }

    /// Takes a JSON string: its text between the quotes, and whether that holds escapes.
    pub(crate) fn string(&mut self) -> Option<(&'a str, bool)> {
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
    pub(crate) fn word(&mut self, word: &str) -> bool {
        let found = self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes()));
        if found {
            self.at += word.len();
        }
        found
    }

    /// What stands here, cut short, for error texts.
    pub(crate) fn shown(&self) -> String {
        const LONGEST: usize = 40;
        let shown: String = self.rest().chars().take_while(|c| !matches!(c, ',' | ']')).take(LONGEST).collect();
        match shown.trim_end() {
            "" => "the end of the text".into(),
            shown => format!("'{shown}'"),
        }
    }
}

/// A JSON number as it is written.
#[derive(Clone, Copy)]
pub(crate) struct Number<'a> {
    pub(crate) text: &'a str,
    negative: bool,
    /// All digits as one whole number, and how many of them are decimals; not where there is an exponent.
    exact: Option<(u64, usize)>,
}

impl Number<'_> {
    /// The number correctly rounded, if whole numbers and powers of ten that a double holds exactly give it: then
    /// one division rounds once. Most numbers people send are such.
    fn quick(&self) -> Option<f64> {
        const EXACT: u64 = 1 << 53;
        #[rustfmt::skip]
        const POWERS: [f64; 23] = [
            1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
            1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
        ];
        let (digits, decimals) = self.exact.filter(|(digits, _)| *digits <= EXACT)?;
        let value = digits as f64 / POWERS.get(decimals)?;
        Some(if self.negative { -value } else { value })
    }

    pub(crate) fn double(&self) -> Option<f64> {
        self.quick().or_else(|| self.text.parse().ok())
    }

    pub(crate) fn single(&self) -> Option<f32> {
        // Rounding twice is wrong only where the first rounding ends halfway between two singles.
        const DROPPED: u64 = (1 << 29) - 1;
        const HALFWAY: u64 = 1 << 28;
        let quick = self.quick().filter(|value| value.to_bits() & DROPPED != HALFWAY);
        quick.map(|value| value as f32).or_else(|| self.text.parse().ok())
    }
}

/// Digits being gathered.
struct Digits<'a> {
    text: &'a [u8],
    at: usize,
    value: u64,
}

impl Digits<'_> {
    /// Takes one byte if it is one of `wanted`.
    fn sign(&mut self, wanted: &[u8]) -> bool {
        let found = self.text.get(self.at).is_some_and(|byte| wanted.contains(byte));
        self.at += usize::from(found);
        found
    }

    /// Takes all digits here, of which there must be one, and says how many there are.
    fn take(&mut self) -> Option<usize> {
        let start = self.at;
        while let Some(digit @ b'0'..=b'9') = self.text.get(self.at) {
            self.value = self.value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        Some(self.at - start).filter(|&count| count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::Scan;
    use proptest::prelude::*;

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
            assert_eq!(Scan::new(text).number().map(|number| number.text), wanted, "{text}");
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

    #[test]
    fn numbers_round_as_rust_rounds_them() {
        let cases = [
            "0",
            "-0",
            "-0.0",
            "0.1",
            "16777217",
            "16777217.0",
            "1.00000017881393432617187499",
            "0.000000000000000000001",
            "1.00000005960464477539062500000001",
            "9007199254740993",
            "9007199254740992.5",
            "12345678901234567890123",
            "3.4028235e38",
            "1e-45",
            "7038531e-32",
            "-123.456",
            "33554435",
            "1.000000059604644775390625",
        ];
        for text in cases {
            let number = Scan::new(text).number().unwrap();
            assert_eq!(number.double().map(f64::to_bits), text.parse().ok().map(f64::to_bits), "{text}");
            assert_eq!(number.single().map(f32::to_bits), text.parse().ok().map(f32::to_bits), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_number_rounds_as_rust_rounds_it(digits in 0..u64::MAX, decimals in 0..25usize, bits in any::<u32>()) {
            let padded = format!("{digits:0>26}");
            let (whole, fraction) = padded.split_at(26 - decimals);
            let whole = whole.trim_start_matches('0');
            let plain = format!("{}.{}", if whole.is_empty() { "0" } else { whole }, if decimals == 0 { "0" } else { fraction });
            for text in [plain, format!("{:e}", f32::from_bits(bits & !(1 << 30)))] {
                let number = Scan::new(&text).number().unwrap();
                prop_assert_eq!(number.text, &text);
                prop_assert_eq!(number.double(), text.parse().ok());
                prop_assert_eq!(number.single(), text.parse().ok());
            }
        }
    }
}
