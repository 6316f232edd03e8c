//! JSON's grammar, as the original's parser has it: with `NaN` and infinities, and with its words for what is wrong.

use salver_core::Error;
use smallvec::SmallVec;

use crate::leading::bad_request;
use crate::numbers::MAX_DEPTH;

/// What is wrong with a document, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    reason: &'static str,
    at: usize,
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        bad_request(format!("JSON Parse error: {} at offset: {}", fault.reason, fault.at))
    }
}

type Result<T, E = Fault> = std::result::Result<T, E>;

/// Finds the ends of values without keeping anything of them.
pub(super) struct Skim<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Skim<'a> {
    pub(super) fn new(text: &'a str) -> Skim<'a> {
        Skim { text: text.as_bytes(), at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next byte that is not white space, without taking it.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.text.get(self.at) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    pub(super) fn skip(&mut self) {
        self.at += 1;
    }

    pub(super) fn fault<T>(&self, reason: &'static str) -> Result<T> {
        Err(Fault { reason, at: self.at.min(self.text.len()) })
    }

    /// Takes one value, whatever it is.
    pub(super) fn value(&mut self) -> Result<()> {
        let mut open: SmallVec<[u8; 16]> = SmallVec::new();
        loop {
            let opened = match self.peek() {
                Some(b'{') => Some(b'}'),
                Some(b'[') => Some(b']'),
                _ => None,
            };
            match opened {
                None => self.leaf()?,
                Some(_) if open.len() == MAX_DEPTH => {
                    return self.fault("Arrays and objects are nested more than 100 deep.");
                }
                Some(close) => {
                    self.skip();
                    open.push(close);
                    if self.peek() != Some(close) {
                        self.before_value(close)?;
                        continue;
                    }
                }
            }
            if !self.after_value(&mut open)? {
                return Ok(());
            }
        }
    }

    /// Takes what follows a value; whether that is another value.
    fn after_value(&mut self, open: &mut SmallVec<[u8; 16]>) -> Result<bool> {
        while let Some(&close) = open.last() {
            match (self.peek(), close) {
                (Some(b','), _) => {
                    self.skip();
                    self.before_value(close)?;
                    return Ok(true);
                }
                (Some(byte), _) if byte == close => {
                    self.skip();
                    open.pop();
                }
                (_, b'}') => return self.fault("Missing a comma or } after an object member."),
                _ => return self.fault("Missing a comma or ] after an array element."),
            }
        }
        Ok(false)
    }

    /// Takes the name that comes before a value in an object.
    fn before_value(&mut self, close: u8) -> Result<()> {
        if close == b'}' {
            self.name()?;
        }
        Ok(())
    }

    /// Takes a member's name and its colon.
    pub(super) fn name(&mut self) -> Result<()> {
        if self.peek() != Some(b'"') {
            return self.fault("Missing a name for object member.");
        }
        self.string()?;
        if self.peek() != Some(b':') {
            return self.fault("Missing a colon after a name of object member.");
        }
        self.skip();
        Ok(())
    }

    fn leaf(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) if WORDS.iter().any(|word| self.word(word)) => Ok(()),
            _ => self.fault("Invalid value."),
        }
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes()));
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn number(&mut self) -> Result<()> {
        if SPECIAL.iter().any(|word| self.word(word)) {
            return Ok(());
        }
        self.at += usize::from(self.text.get(self.at) == Some(&b'-'));
        match self.text.get(self.at) {
            Some(b'0') => self.skip(),
            Some(b'1'..=b'9') => drop(self.digits()),
            _ => return self.fault("Invalid value."),
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.skip();
            if self.digits() == 0 {
                return self.fault("Miss fraction part in number.");
            }
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.skip();
            self.at += usize::from(matches!(self.text.get(self.at), Some(b'+' | b'-')));
            if self.digits() == 0 {
                return self.fault("Miss exponent in number.");
            }
        }
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.text.get(self.at) {
            self.at += 1;
        }
        self.at - start
    }

    fn string(&mut self) -> Result<()> {
        self.skip();
        loop {
            match self.text.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f) => return self.fault("Invalid encoding in string."),
                Some(_) => self.at += 1,
                None => return self.fault("Missing a closing quotation mark in string."),
            }
        }
        self.skip();
        Ok(())
    }

    fn escape(&mut self) -> Result<()> {
        match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match self.unit()? {
                0xd800..=0xdbff => {
                    let low = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u"));
                    if !low || !(0xdc00..=0xdfff).contains(&self.unit()?) {
                        return self.fault("The surrogate pair in string is invalid.");
                    }
                }
                0xdc00..=0xdfff => return self.fault("The surrogate pair in string is invalid."),
                _ => {}
            },
            _ => return self.fault("Invalid escape character in string."),
        }
        Ok(())
    }

    /// Takes `\uXXXX`.
    fn unit(&mut self) -> Result<u32> {
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let digits = self.text.get(self.at + 2..self.at + 6);
        let unit = digits.and_then(|digits| digits.iter().try_fold(0, |unit, byte| Some(unit << 4 | digit(byte)?)));
        match unit {
            Some(unit) => {
                self.at += 6;
                Ok(unit)
            }
            None => self.fault("Incorrect hex digit after \\u escape in string."),
        }
    }
}

const WORDS: [&str; 6] = ["true", "false", "null", "NaN", "Infinity", "Inf"];

/// Words that begin as numbers do.
const SPECIAL: [&str; 2] = ["-Infinity", "-Inf"];

#[cfg(test)]
mod tests {
    use super::*;

    fn skimmed(text: &str) -> Result<usize> {
        let mut skim = Skim::new(text);
        skim.value().map(|()| skim.at())
    }

    #[test]
    fn a_value_ends_where_its_grammar_says() {
        let cases = [
            ("1 2", 1),
            ("-0.5e+3,", 7),
            ("[1, [], {}, {\"a\": [null, true]}] x", 32),
            (" \"a\\\"b\\u00e9\\ud83d\\ude00\" ", 25),
            ("[NaN,Infinity,-Infinity,Inf,-Inf]", 33),
            ("01", 1),
            ("{\"é\":1}", 8),
        ];
        for (text, end) in cases {
            assert_eq!(skimmed(text), Ok(end), "{text}");
        }
    }

    #[test]
    fn faults_are_told_in_the_originals_words() {
        let deep = "[".repeat(MAX_DEPTH + 1);
        let cases = [
            ("", "Invalid value.", 0),
            ("nul", "Invalid value.", 0),
            ("[1,]", "Invalid value.", 3),
            ("[1 2]", "Missing a comma or ] after an array element.", 3),
            ("{\"a\":1 \"b\"}", "Missing a comma or } after an object member.", 7),
            ("{1:2}", "Missing a name for object member.", 1),
            ("{\"a\" 1}", "Missing a colon after a name of object member.", 5),
            ("1.", "Miss fraction part in number.", 2),
            ("1e+", "Miss exponent in number.", 3),
            ("-", "Invalid value.", 1),
            ("\"a", "Missing a closing quotation mark in string.", 2),
            ("\"\\x\"", "Invalid escape character in string.", 1),
            ("\"\\u12g4\"", "Incorrect hex digit after \\u escape in string.", 1),
            ("\"\\ud800\"", "The surrogate pair in string is invalid.", 7),
            ("\"\\ud800\\u0041\"", "The surrogate pair in string is invalid.", 13),
            ("\"\\udc00\"", "The surrogate pair in string is invalid.", 7),
            ("\"a\nb\"", "Invalid encoding in string.", 2),
            (&deep, "Arrays and objects are nested more than 100 deep.", 100),
        ];
        for (text, reason, at) in cases {
            assert_eq!(skimmed(text), Err(Fault { reason, at }), "{text}");
        }
    }
}
