use std::ops::Range;

use bytes::Bytes;
use salver_core::{Error, Result};

use super::skim::Skim;
use crate::leading::{bad_request, clipped};
use crate::numbers::{unescaped, Scan};

/// A request's JSON: its grammar is checked, and where the members that matter are is known.
#[derive(Debug)]
pub(super) struct Document {
    body: Bytes,
    /// The place of each of `Member::ALL`; of several with one name the first counts.
    members: [Option<Range<usize>>; Member::ALL.len()],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Member {
    SignatureName,
    Instances,
    Inputs,
    Context,
    Examples,
}

impl Member {
    const ALL: [Member; 5] =
        [Member::SignatureName, Member::Instances, Member::Inputs, Member::Context, Member::Examples];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Member::SignatureName => "signature_name",
            Member::Instances => "instances",
            Member::Inputs => "inputs",
            Member::Context => "context",
            Member::Examples => "examples",
        }
    }
}

impl Document {
    /// Reads the first document of a body; what comes after it is ignored.
    pub(super) fn parse(body: Bytes) -> Result<Document> {
        if body.is_empty() {
            return Err(bad_request("JSON Parse error: The document is empty".into()));
        }
        let mut document = Document { members: Default::default(), body };
        let text = text_of(&document.body)?;
        let mut skim = Skim::new(text);
        match skim.peek() {
            None => skim.fault("The document is empty.")?,
            Some(b'{') => document.members = members(text, &mut skim)?,
            Some(_) => {
                let start = skim.at();
                skim.value()?;
                return Err(bad_request(format!("JSON Value: {} Is not object", shown(&text[start..skim.at()]))));
            }
        }
        Ok(document)
    }

    /// The text of a member's value.
    pub(super) fn get(&self, member: Member) -> Option<&str> {
        let index = Member::ALL.iter().position(|known| *known == member)?;
        self.text().get(self.members.get(index)?.clone()?)
    }

    /// The signature that is named; empty if none is.
    pub(super) fn signature(&self) -> Result<String> {
        let Some(value) = self.get(Member::SignatureName) else { return Ok(String::new()) };
        let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let name = quoted.and_then(|text| unescaped(text, text.contains('\\')));
        name.map(|name| name.into_owned()).ok_or_else(|| {
            let told = "not formatted correctly. 'signature_name' key must be a string value.";
            self.wrong(told)
        })
    }

    /// The error that shows the document and then what is wrong with it.
    pub(super) fn wrong(&self, what: &str) -> Error {
        bad_request(format!("JSON Value: {} {what}", shown(self.text().trim())))
    }

    fn text(&self) -> &str {
        // It was found to be text when it was read.
        std::str::from_utf8(&self.body).unwrap_or_default()
    }
}

fn text_of(body: &[u8]) -> Result<&str> {
    std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        bad_request(format!("JSON Parse error: Invalid encoding in string. at offset: {at}"))
    })
}

/// Takes an object, and finds the members that matter.
fn members(text: &str, skim: &mut Skim<'_>) -> Result<[Option<Range<usize>>; Member::ALL.len()]> {
    let mut found: [Option<Range<usize>>; Member::ALL.len()] = Default::default();
    skim.skip();
    if skim.peek() == Some(b'}') {
        return Ok(found);
    }
    loop {
        skim.peek();
        let start = skim.at();
        skim.name()?;
        let name = text.get(start..skim.at()).unwrap_or_default();
        skim.peek();
        let start = skim.at();
        skim.value()?;
        let name = Scan::new(name).string().and_then(|(name, escaped)| unescaped(name, escaped));
        if let Some(index) = Member::ALL.iter().position(|member| name.as_deref() == Some(member.name())) {
            found[index].get_or_insert(start..skim.at());
        }
        match skim.peek() {
            Some(b',') => skim.skip(),
            Some(b'}') => return Ok(found),
            _ => skim.fault("Missing a comma or } after an object member.")?,
        }
    }
}

/// A value's text for errors, cut short.
pub(super) fn shown(value: &str) -> String {
    const LONGEST: usize = 400;
    clipped(value.into(), LONGEST, "...")
}
