//! The values of one input as JSON, in the original's strictness and with its words for what is wrong.

use std::borrow::Cow;
use std::str::FromStr;

use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::Engine;
use salver_core::{DType, Data, Error, Result};

use super::document::shown;
use super::nest::{Dims, Nest};
use super::skim::Skim;
use crate::leading::bad_request;
use crate::numbers::{unescaped, Elements, Number, Scan};
use crate::tensorflow::dtypes;

/// Standard base64, padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The elements of an input as they are read, value by value.
///
/// Where no type is declared the first element says it: whole numbers are int64 until one that is not makes all of
/// them float64.
pub(super) struct Values {
    declared: Option<DType>,
    elements: Option<Elements>,
    /// A guess at the number of elements to come.
    room: usize,
}

impl Values {
    pub(super) fn new(declared: Option<DType>, room: usize) -> Values {
        Values { declared, elements: None, room }
    }

    pub(super) fn len(&self) -> usize {
        self.elements.as_ref().map_or(0, Elements::len)
    }

    /// Reads the value that comes next, an element or lists of them, and gives its shape.
    pub(super) fn read(&mut self, scan: &mut Scan<'_>) -> Result<Dims> {
        let mut nest = Nest::default();
        loop {
            if scan.peek() == Some(b'[') {
                nest.open()?;
                scan.skip();
                if scan.peek() != Some(b']') {
                    continue;
                }
            } else {
                nest.leaf(scan)?;
                self.element(scan)?;
            }
            if !nest.after_value(scan)? {
                return Ok(nest.shape());
            }
        }
    }

    /// All elements, and their type.
    pub(super) fn finish(self) -> (DType, Data) {
        let elements = self.elements.unwrap_or_else(|| Elements::new(self.declared.unwrap_or(DType::F64), 0));
        (elements.dtype(), elements.into_data())
    }

    fn element(&mut self, scan: &mut Scan<'_>) -> Result<()> {
        let elements = match self.elements.take() {
            Some(whole) if self.declared.is_none() && whole.dtype() == DType::I64 && is_float(scan) => widened(&whole),
            Some(elements) => elements,
            None => Elements::new(self.declared.unwrap_or_else(|| guessed(scan)), self.room),
        };
        read_element(self.elements.insert(elements), scan)
    }
}

/// The type that the next element is of, by its look.
fn guessed(scan: &mut Scan<'_>) -> DType {
    match scan.peek() {
        Some(b'"') => DType::Str,
        Some(b'{') => DType::Bytes,
        Some(b't' | b'f') => DType::Bool,
        _ if is_float(scan) => DType::F64,
        _ => DType::I64,
    }
}

fn is_float(scan: &Scan<'_>) -> bool {
    match scan.clone().number() {
        Some(number) => has_fraction(&number),
        None => special(&mut scan.clone()).is_some(),
    }
}

fn widened(whole: &Elements) -> Elements {
    let mut wide = Elements::new(DType::F64, whole.len() + 1);
    for raw in whole.bytes().chunks_exact(8).filter_map(<[u8]>::first_chunk) {
        wide.push_raw((i64::from_le_bytes(*raw) as f64).to_le_bytes());
    }
    wide
}

fn read_element(elements: &mut Elements, scan: &mut Scan<'_>) -> Result<()> {
    let dtype = elements.dtype();
    match dtype {
        DType::F32 => elements.push_raw(float(scan, dtype, |number| number.single(), f32::is_finite)?.to_le_bytes()),
        DType::F64 => elements.push_raw(float(scan, dtype, |number| number.double(), f64::is_finite)?.to_le_bytes()),
        // The original takes any number of 32 bits for these, and keeps the lower ones.
        DType::I8 => elements.push_raw((whole::<i32>(scan, dtype)? as i8).to_le_bytes()),
        DType::U8 => elements.push_raw((whole::<i32>(scan, dtype)? as u8).to_le_bytes()),
        DType::I16 => elements.push_raw((whole::<i32>(scan, dtype)? as i16).to_le_bytes()),
        DType::I32 => elements.push_raw(whole::<i32>(scan, dtype)?.to_le_bytes()),
        DType::I64 => elements.push_raw(whole::<i64>(scan, dtype)?.to_le_bytes()),
        DType::U32 => elements.push_raw(whole::<u32>(scan, dtype)?.to_le_bytes()),
        DType::U64 => elements.push_raw(whole::<u64>(scan, dtype)?.to_le_bytes()),
        DType::Bool => elements.push_raw([u8::from(boolean(scan)?)]),
        DType::Str | DType::Bytes => return string(elements, scan),
        DType::F16 | DType::BF16 | DType::U16 => {
            let what = format!("Conversion of JSON Value: {} to type: {}", value_here(scan), dtypes::name(dtype));
            return Err(Error::Unsupported { what });
        }
    }
    Ok(())
}

fn float<'a, T: Copy + From<f32>>(
    scan: &mut Scan<'a>,
    dtype: DType,
    round: impl Fn(&Number<'a>) -> Option<T>,
    is_finite: impl Fn(T) -> bool,
) -> Result<T> {
    if let Some(special) = special(scan) {
        return Ok(special.into());
    }
    let number = scan.number().ok_or_else(|| wrong_type(scan, dtype))?;
    round(&number).filter(|value| is_finite(*value)).ok_or_else(|| lossy(number.text, dtypes::name(dtype)))
}

/// What JSON has no number for, in the words that the original takes.
pub(super) fn special(scan: &mut Scan<'_>) -> Option<f32> {
    const WORDS: [(&str, f32); 5] = [
        ("NaN", f32::NAN),
        ("Infinity", f32::INFINITY),
        ("Inf", f32::INFINITY),
        ("-Infinity", f32::NEG_INFINITY),
        ("-Inf", f32::NEG_INFINITY),
    ];
    WORDS.iter().find(|(word, _)| scan.word(word)).map(|(_, value)| *value)
}

/// The error of a number that is far beyond a type's range.
pub(super) fn lossy(number: &str, target: &str) -> Error {
    let number = shown(number);
    bad_request(format!("Cannot convert JSON value: {number} to {target} without loss of precision."))
}

fn whole<T: FromStr>(scan: &mut Scan<'_>, dtype: DType) -> Result<T> {
    let before = scan.clone();
    let number = scan.number().and_then(|number| number.text.parse().ok());
    number.ok_or_else(|| wrong_type(&before, dtype))
}

/// Whether a number is written as one that has fractions.
pub(super) fn has_fraction(number: &Number<'_>) -> bool {
    number.text.contains(['.', 'e', 'E'])
}

fn boolean(scan: &mut Scan<'_>) -> Result<bool> {
    match (scan.word("true"), scan.word("false")) {
        (false, false) => Err(wrong_type(scan, DType::Bool)),
        (truth, _) => Ok(truth),
    }
}

fn string(elements: &mut Elements, scan: &mut Scan<'_>) -> Result<()> {
    if scan.peek() == Some(b'{') {
        elements.push_value(&base64_object(scan)?);
        return Ok(());
    }
    let before = scan.clone();
    let text = scan.string().and_then(|(text, escaped)| unescaped(text, escaped));
    elements.push_value(text.ok_or_else(|| wrong_type(&before, elements.dtype()))?.as_bytes());
    Ok(())
}

/// Takes `{"b64": "..."}` and decodes it.
pub(super) fn base64_object(scan: &mut Scan<'_>) -> Result<Vec<u8>> {
    let wrong = || bad_request(format!("JSON Value: {} not formatted correctly for base64 data", value_here(scan)));
    let (encoded, after) = base64_text(scan).ok_or_else(wrong)?;
    *scan = after;
    BASE64.decode(encoded.as_ref()).map_err(|_| bad_request("Unable to base64 decode".into()))
}

/// The text of an object that has the one member `b64`, a string, and where it ends.
pub(super) fn base64_text<'a>(scan: &Scan<'a>) -> Option<(Cow<'a, str>, Scan<'a>)> {
    let mut scan = scan.clone();
    let take = |scan: &mut Scan<'a>, byte| (scan.peek() == Some(byte)).then(|| scan.skip());
    take(&mut scan, b'{')?;
    scan.peek();
    let (name, escaped) = scan.string()?;
    (unescaped(name, escaped)? == "b64").then_some(())?;
    take(&mut scan, b':')?;
    scan.peek();
    let (text, escaped) = scan.string()?;
    take(&mut scan, b'}')?;
    Some((unescaped(text, escaped)?, scan))
}

/// The text of the value that comes next, for errors.
pub(super) fn value_here(scan: &Scan<'_>) -> String {
    let rest = scan.rest();
    let mut skim = Skim::new(rest);
    let end = skim.value().map_or(rest.len(), |()| skim.at());
    shown(rest.get(..end).unwrap_or_default().trim())
}

/// The original's name of the kind of value that comes next.
pub(super) fn kind_here(scan: &mut Scan<'_>) -> &'static str {
    match scan.peek() {
        Some(b'"') => "String",
        Some(b'{') => "Object",
        Some(b'[') => "Array",
        Some(b't') => "True",
        Some(b'f') => "False",
        Some(b'n') => "Null",
        _ => "Number",
    }
}

fn wrong_type(scan: &Scan<'_>, dtype: DType) -> Error {
    let (value, kind) = (value_here(scan), kind_here(&mut scan.clone()));
    let wanted = dtypes::name(dtype);
    bad_request(format!("JSON Value: {value} Type: {kind} is not of expected type: {wanted}"))
}
