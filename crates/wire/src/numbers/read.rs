use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use bytes::{BufMut, Bytes, BytesMut};
use half::{bf16, f16};
use salver_core::{aligned, DType, Data, Shape, Tensor};
use smallvec::SmallVec;

use super::scan::{Number, Scan};

/// The deepest nesting of arrays that is read.
pub const MAX_DEPTH: usize = 100;

/// A growing tensor: JSON values are appended to it, in row-major order.
///
/// After a failed `read` the buffer may hold some of the refused value's elements; `truncate` takes them off.
pub struct Elements {
    dtype: DType,
    /// Little-endian elements, or the values of text and bytes back to back.
    bytes: BytesMut,
    /// Where each value of text and bytes ends.
    ends: Vec<usize>,
}

/// What one JSON value held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    pub elements: usize,
    /// The shape its nesting says; a value by itself has rank 0. `None` if arrays side by side differ in length.
    pub shape: Option<Shape>,
}

impl Elements {
    /// `room` is a guess at the number of elements to come; derive it from text at hand, never from a number in it.
    pub fn new(dtype: DType, room: usize) -> Elements {
        match dtype.size() {
            Some(size) => Elements { dtype, bytes: aligned(room * size, 0), ends: Vec::new() },
            None => Elements { dtype, bytes: BytesMut::new(), ends: Vec::with_capacity(room) },
        }
    }

    pub fn dtype(&self) -> DType {
        self.dtype
    }

    pub fn len(&self) -> usize {
        self.dtype.size().map_or(self.ends.len(), |size| self.bytes.len() / size)
    }

    /// The little-endian elements so far; empty for text and bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        if self.dtype.is_variable() {
            &[]
        } else {
            &self.bytes
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops all elements after the first `elements`.
    pub fn truncate(&mut self, elements: usize) {
        match self.dtype.size() {
            Some(size) => self.bytes.truncate(elements.saturating_mul(size)),
            None => {
                self.ends.truncate(elements);
                self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
            }
        }
    }

    /// Appends one value of a text or bytes tensor as it is; other types are left untouched.
    pub fn push_value(&mut self, value: &[u8]) {
        if self.dtype.is_variable() {
            self.bytes.extend_from_slice(value);
            self.ends.push(self.bytes.len());
        }
    }

    /// Appends one element of a type of this size as its little-endian bytes; other types are left untouched.
    pub fn push_raw<const SIZE: usize>(&mut self, element: [u8; SIZE]) {
        if self.dtype.size() == Some(SIZE) {
            self.bytes.put_slice(&element);
        }
    }

    /// Appends a JSON value: an element, or arrays of them, nested anyhow. The error is a whole clause.
    ///
    /// Whole numbers must be written as such and fit; floats must be finite; booleans are `true` and `false`;
    /// text and bytes are strings, which for bytes means their UTF-8 form.
    pub fn read(&mut self, json: &str) -> Result<Layout, String> {
        let (mut scan, mut nest) = (Scan::new(json), Nest::default());
        let before = self.len();
        loop {
            if scan.peek() == Some(b'[') {
                scan.skip();
                nest.open()?;
                if scan.peek() != Some(b']') {
                    continue;
                }
            } else {
                self.element(&mut scan)?;
                nest.leaf();
            }
            if !after_value(&mut scan, &mut nest)? {
                return Ok(Layout { elements: self.len() - before, shape: nest.shape() });
            }
        }
    }

    /// The elements as a tensor; `None` unless there are as many as `shape` says.
    pub fn into_tensor(self, shape: Shape) -> Option<Tensor> {
        let dtype = self.dtype;
        match self.into_data() {
            Data::Fixed(bytes) => Tensor::fixed(dtype, shape, bytes),
            Data::Variable(values) => Tensor::variable(dtype, shape, values),
        }
    }

    pub fn into_data(self) -> Data {
        let bytes = self.bytes.freeze();
        if self.dtype.size().is_some() {
            return Data::Fixed(bytes);
        }
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let value = |(start, &end): (usize, &usize)| -> Bytes { bytes.slice(start..end) };
        Data::Variable(starts.zip(&self.ends).map(value).collect())
    }

    fn element(&mut self, scan: &mut Scan<'_>) -> Result<(), String> {
        let dtype = self.dtype;
        let bytes = &mut self.bytes;
        match dtype {
            DType::Bool => bytes.put_u8(boolean(scan)?),
            DType::U8 => bytes.put_u8(whole(scan, dtype)?),
            DType::U16 => bytes.put_u16_le(whole(scan, dtype)?),
            DType::U32 => bytes.put_u32_le(whole(scan, dtype)?),
            DType::U64 => bytes.put_u64_le(whole(scan, dtype)?),
            DType::I8 => bytes.put_i8(whole(scan, dtype)?),
            DType::I16 => bytes.put_i16_le(whole(scan, dtype)?),
            DType::I32 => bytes.put_i32_le(whole(scan, dtype)?),
            DType::I64 => bytes.put_i64_le(whole(scan, dtype)?),
            DType::F16 => bytes.put_u16_le(float(scan, dtype, half, f16::is_finite)?.to_bits()),
            DType::BF16 => bytes.put_u16_le(float(scan, dtype, brain, bf16::is_finite)?.to_bits()),
            DType::F32 => bytes.put_f32_le(float(scan, dtype, Number::single, f32::is_finite)?),
            DType::F64 => bytes.put_f64_le(float(scan, dtype, Number::double, f64::is_finite)?),
            DType::Str | DType::Bytes => self.text(scan)?,
        }
        Ok(())
    }

    fn text(&mut self, scan: &mut Scan<'_>) -> Result<(), String> {
        let (text, escaped) = scan.string().ok_or_else(|| format!("expected a string, but found {}", scan.shown()))?;
        let text = unescaped(text, escaped).ok_or_else(|| format!("the string \"{text}\" has a wrong escape"))?;
        self.push_value(text.as_bytes());
        Ok(())
    }
}

/// What a JSON string says, from its text between the quotes; `None` if an escape in it is none.
pub(crate) fn unescaped(text: &str, escaped: bool) -> Option<Cow<'_, str>> {
    match escaped {
        false => Some(Cow::Borrowed(text)),
        true => serde_json::from_str(&format!("\"{text}\"")).ok().map(Cow::Owned),
    }
}

/// Reads what may follow a value; whether that is another value.
fn after_value(scan: &mut Scan<'_>, nest: &mut Nest) -> Result<bool, String> {
    loop {
        match (scan.peek(), nest.depth()) {
            (None, 0) => return Ok(false),
            (Some(b','), 1..) => {
                scan.skip();
                return Ok(true);
            }
            (Some(b']'), 1..) => {
                scan.skip();
                nest.close();
            }
            (_, 0) => return Err(format!("expected nothing more, but found {}", scan.shown())),
            _ => return Err(format!("expected ',' or ']', but found {}", scan.shown())),
        }
    }
}

fn boolean(scan: &mut Scan<'_>) -> Result<u8, String> {
    if scan.word("true") {
        return Ok(1);
    }
    match scan.word("false") {
        true => Ok(0),
        false => Err(format!("expected true or false, but found {}", scan.shown())),
    }
}

fn whole<T: FromStr>(scan: &mut Scan<'_>, dtype: DType) -> Result<T, String> {
    let token = number(scan, "a whole number")?.text;
    token.parse().map_err(|_| match token.contains(['.', 'e', 'E']) {
        true => format!("expected a whole number, but found {token}"),
        false => does_not_fit(token, dtype),
    })
}

fn float<'a, T: Copy>(
    scan: &mut Scan<'a>,
    dtype: DType,
    round: impl Fn(&Number<'a>) -> Option<T>,
    is_finite: impl Fn(T) -> bool,
) -> Result<T, String> {
    let token = number(scan, "a number")?;
    round(&token).filter(|value| is_finite(*value)).ok_or_else(|| does_not_fit(token.text, dtype))
}

fn half(number: &Number<'_>) -> Option<f16> {
    number.double().map(f16::from_f64)
}

fn brain(number: &Number<'_>) -> Option<bf16> {
    number.double().map(bf16::from_f64)
}

fn number<'a>(scan: &mut Scan<'a>, wanted: &str) -> Result<Number<'a>, String> {
    scan.number().ok_or_else(|| format!("expected {wanted}, but found {}", scan.shown()))
}

fn does_not_fit(token: &str, dtype: impl Display) -> String {
    format!("the number {token} does not fit {dtype}")
}

/// Follows the nesting of arrays and learns its shape.
#[derive(Default)]
struct Nest {
    /// How many values each open array has so far, outermost first.
    open: SmallVec<[usize; 8]>,
    /// The length of the arrays closed at each depth.
    lengths: SmallVec<[Option<usize>; 8]>,
    /// The depth at which elements are.
    leaves: Option<usize>,
    ragged: bool,
}

impl Nest {
    fn depth(&self) -> usize {
        self.open.len()
    }

    fn count(&mut self) {
        if let Some(count) = self.open.last_mut() {
            *count += 1;
        }
    }

    fn open(&mut self) -> Result<(), String> {
        if self.depth() == MAX_DEPTH {
            return Err(format!("arrays are nested more than {MAX_DEPTH} deep"));
        }
        self.count();
        self.open.push(0);
        if self.lengths.len() < self.depth() {
            self.lengths.push(None);
        }
        Ok(())
    }

    fn leaf(&mut self) {
        self.count();
        let depth = self.depth();
        self.ragged |= *self.leaves.get_or_insert(depth) != depth;
    }

    fn close(&mut self) {
        let Some(length) = self.open.pop() else { return };
        if let Some(known) = self.lengths.get_mut(self.open.len()) {
            self.ragged |= *known.get_or_insert(length) != length;
        }
    }

    fn shape(self) -> Option<Shape> {
        let even = !self.ragged && self.leaves.is_none_or(|depth| depth == self.lengths.len());
        let lengths: Option<Shape> = self.lengths.iter().copied().collect::<Option<Vec<_>>>().map(Shape::new);
        lengths.filter(|_| even)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(json: &str) -> Option<(usize, Option<Vec<usize>>)> {
        let layout = Elements::new(DType::I64, 0).read(json).ok()?;
        Some((layout.elements, layout.shape.map(|shape| shape.dims().to_vec())))
    }

    #[test]
    fn nesting_gives_the_shape() {
        let cases: &[(&str, usize, Option<&[usize]>)] = &[
            ("7", 1, Some(&[])),
            ("[]", 0, Some(&[0])),
            (" [ 1 , 2 ] ", 2, Some(&[2])),
            ("[[1,2,3],[4,5,6]]", 6, Some(&[2, 3])),
            ("[[],[]]", 0, Some(&[2, 0])),
            ("[[1],[2,3]]", 3, None),
            ("[1,[2]]", 2, None),
            ("[[1],2]", 2, None),
            ("[[],1]", 1, None),
            ("[1,[]]", 1, None),
            ("[[[]],[]]", 0, None),
        ];
        for (json, elements, shape) in cases {
            assert_eq!(layout(json), Some((*elements, shape.map(<[usize]>::to_vec))), "{json}");
        }
    }

    #[test]
    fn what_is_not_such_a_value_is_refused_with_a_clause() {
        let deep = "[".repeat(200);
        let cases = [
            (DType::I8, "128", "the number 128 does not fit int8"),
            (DType::U8, "-1", "the number -1 does not fit uint8"),
            (DType::I32, "[1, 2.5]", "expected a whole number, but found 2.5"),
            (DType::I32, "[true]", "expected a whole number, but found 'true'"),
            (DType::F32, "1e39", "the number 1e39 does not fit float32"),
            (DType::F16, "65520", "the number 65520 does not fit float16"),
            (DType::F32, "null", "expected a number, but found 'null'"),
            (DType::F32, "[1,]", "expected a number, but found the end of the text"),
            (DType::F32, "[1", "expected ',' or ']', but found the end of the text"),
            (DType::F32, "[1 2]", "expected ',' or ']', but found '2'"),
            (DType::F32, "1 2", "expected nothing more, but found '2'"),
            (DType::F32, "\"1\"", "expected a number, but found '\"1\"'"),
            (DType::Bool, "1", "expected true or false, but found '1'"),
            (DType::Str, "[1]", "expected a string, but found '1'"),
            (DType::Str, r#"["\x"]"#, r#"the string "\x" has a wrong escape"#),
            (DType::F32, "{}", "expected a number, but found '{}'"),
            (DType::F32, &deep, "arrays are nested more than 100 deep"),
        ];
        for (dtype, json, wanted) in cases {
            assert_eq!(Elements::new(dtype, 0).read(json), Err(wanted.to_string()), "{json}");
        }
    }

    #[test]
    fn values_pile_up_and_come_off_again() {
        let mut words = Elements::new(DType::Str, 2);
        words.read(r#"["ab", "c\n\u00e9"]"#).unwrap();
        words.push_value(b"last");
        words.truncate(2);
        let wanted = ["ab", "c\né"].map(Bytes::from_static_text).to_vec();
        assert_eq!(words.into_data(), Data::Variable(wanted));

        let mut numbers = Elements::new(DType::U16, 1);
        numbers.read("[[1, 2], [3, 4]]").unwrap();
        numbers.truncate(3);
        assert_eq!(numbers.into_data(), Data::Fixed(Bytes::from_static(&[1, 0, 2, 0, 3, 0])));
    }

    trait FromStaticText {
        fn from_static_text(text: &'static str) -> Bytes;
    }

    impl FromStaticText for Bytes {
        fn from_static_text(text: &'static str) -> Bytes {
            Bytes::from_static(text.as_bytes())
        }
    }
}
