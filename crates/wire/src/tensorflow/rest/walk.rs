//! Walks through JSON whose grammar was checked before. Each value is taken by whoever walks.

use std::borrow::Cow;

use salver_core::{Error, Result};

use super::skim::Skim;
use crate::leading::bad_request;
use crate::numbers::{unescaped, Scan};

/// The values of a list.
#[derive(Default)]
pub(super) struct Items {
    begun: bool,
}

impl Items {
    /// Whether another value comes, which `scan` then stands at.
    pub(super) fn next(&mut self, scan: &mut Scan<'_>) -> Result<bool> {
        let more = step(scan, self.begun, b'[', b']');
        self.begun = true;
        more
    }
}

/// The members of an object.
#[derive(Default)]
pub(super) struct Members {
    begun: bool,
}

impl Members {
    /// The next member's name; `scan` then stands at its value.
    pub(super) fn next<'a>(&mut self, scan: &mut Scan<'a>) -> Result<Option<Cow<'a, str>>> {
        let more = step(scan, self.begun, b'{', b'}')?;
        self.begun = true;
        if !more {
            return Ok(None);
        }
        let name = scan.string().and_then(|(name, escaped)| unescaped(name, escaped));
        let colon = scan.peek() == Some(b':');
        scan.skip();
        scan.peek();
        name.filter(|_| colon).map(Some).ok_or_else(broken)
    }
}

/// Takes what comes before the next value, or what ends them all; whether there is one.
fn step(scan: &mut Scan<'_>, begun: bool, open: u8, close: u8) -> Result<bool> {
    let next = scan.peek();
    scan.skip();
    let after = scan.peek();
    match next {
        Some(b',') if begun => Ok(true),
        Some(byte) if begun && byte == close => Ok(false),
        Some(byte) if !begun && byte == open && after == Some(close) => {
            scan.skip();
            Ok(false)
        }
        Some(byte) if !begun && byte == open => Ok(true),
        _ => Err(broken()),
    }
}

fn broken() -> Error {
    bad_request("JSON Parse error: a value does not go on".into())
}

pub(super) fn skip_value(scan: &mut Scan<'_>) -> Result<()> {
    let mut skim = Skim::new(scan.rest());
    skim.value()?;
    scan.advance(skim.at());
    Ok(())
}
