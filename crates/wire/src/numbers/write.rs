use std::ops::Range;

use half::{bf16, f16};
use salver_core::{DType, Tensor};

/// A bytes value that is not UTF-8 text, which JSON cannot carry as a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotText;

/// Writes the elements of `tensor` from `first` on as nested arrays of shape `dims`; rank 0 is a bare value.
///
/// Floats are written with as few digits as bring back the same value. What JSON has no number for is written
/// `NaN`, `Infinity` and `-Infinity`, as Python's own `json` writes and reads it. Bytes must be UTF-8.
pub fn write_array(out: &mut Vec<u8>, tensor: &Tensor, dims: &[usize], first: usize) -> Result<(), NotText> {
    let mut written = Ok(());
    write_nested(out, dims, first, &mut |out, elements| {
        written = written.and(write_elements(out, tensor, elements));
    });
    written
}

/// Writes the brackets and commas of nested arrays of shape `dims`; `run` writes a range of elements, with commas.
pub fn write_nested(
    out: &mut Vec<u8>,
    dims: &[usize],
    first: usize,
    run: &mut impl FnMut(&mut Vec<u8>, Range<usize>),
) -> usize {
    let Some((&length, inner)) = dims.split_first() else {
        run(out, first..first + 1);
        return first + 1;
    };
    out.push(b'[');
    let mut next = first;
    if inner.is_empty() {
        run(out, first..first + length);
        next += length;
    } else {
        for index in 0..length {
            comma(out, index);
            next = write_nested(out, inner, next, run);
        }
    }
    out.push(b']');
    next
}

/// Writes a JSON string with its quotes.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(plain) = rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        let (before, after) = rest.split_at(plain);
        out.extend_from_slice(before);
        match after.first() {
            Some(b'\n') => out.extend_from_slice(b"\\n"),
            Some(&byte @ (b'"' | b'\\')) => out.extend_from_slice(&[b'\\', byte]),
            Some(&byte) => {
                let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&digits);
            }
            None => {}
        }
        rest = after.get(1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn write_elements(out: &mut Vec<u8>, tensor: &Tensor, elements: Range<usize>) -> Result<(), NotText> {
    match tensor.dtype() {
        DType::Bool => numbers(out, tensor, elements, |out, [byte]| {
            out.extend_from_slice(if byte == 0 { b"false" } else { b"true" });
        }),
        DType::U8 => numbers(out, tensor, elements, |out, raw| integer(out, u8::from_le_bytes(raw))),
        DType::U16 => numbers(out, tensor, elements, |out, raw| integer(out, u16::from_le_bytes(raw))),
        DType::U32 => numbers(out, tensor, elements, |out, raw| integer(out, u32::from_le_bytes(raw))),
        DType::U64 => numbers(out, tensor, elements, |out, raw| integer(out, u64::from_le_bytes(raw))),
        DType::I8 => numbers(out, tensor, elements, |out, raw| integer(out, i8::from_le_bytes(raw))),
        DType::I16 => numbers(out, tensor, elements, |out, raw| integer(out, i16::from_le_bytes(raw))),
        DType::I32 => numbers(out, tensor, elements, |out, raw| integer(out, i32::from_le_bytes(raw))),
        DType::I64 => numbers(out, tensor, elements, |out, raw| integer(out, i64::from_le_bytes(raw))),
        DType::F16 => numbers(out, tensor, elements, |out, raw| write_float(out, f16::from_le_bytes(raw).to_f32())),
        DType::BF16 => numbers(out, tensor, elements, |out, raw| write_float(out, bf16::from_le_bytes(raw).to_f32())),
        DType::F32 => numbers(out, tensor, elements, |out, raw| write_float(out, f32::from_le_bytes(raw))),
        DType::F64 => numbers(out, tensor, elements, |out, raw| double(out, f64::from_le_bytes(raw))),
        DType::Str | DType::Bytes => return strings(out, tensor, elements),
    }
    Ok(())
}

fn numbers<const SIZE: usize>(
    out: &mut Vec<u8>,
    tensor: &Tensor,
    elements: Range<usize>,
    write: impl Fn(&mut Vec<u8>, [u8; SIZE]),
) {
    let bytes = tensor.bytes().get(elements.start * SIZE..elements.end * SIZE).unwrap_or_default();
    for (index, raw) in bytes.chunks_exact(SIZE).filter_map(<[u8]>::first_chunk).enumerate() {
        comma(out, index);
        write(out, *raw);
    }
}

fn strings(out: &mut Vec<u8>, tensor: &Tensor, elements: Range<usize>) -> Result<(), NotText> {
    for (index, value) in tensor.values().get(elements).unwrap_or_default().iter().enumerate() {
        comma(out, index);
        write_string(out, std::str::from_utf8(value).map_err(|_| NotText)?);
    }
    Ok(())
}

fn comma(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.push(b',');
    }
}

fn integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Writes a float as [`write_array`] does.
pub fn write_float(out: &mut Vec<u8>, value: f32) {
    match value.is_finite() {
        true => out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes()),
        false => special(out, f64::from(value)),
    }
}

fn double(out: &mut Vec<u8>, value: f64) {
    match value.is_finite() {
        true => out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes()),
        false => special(out, value),
    }
}

fn special(out: &mut Vec<u8>, value: f64) {
    let word: &[u8] = match value {
        f64::INFINITY => b"Infinity",
        f64::NEG_INFINITY => b"-Infinity",
        _ => b"NaN",
    };
    out.extend_from_slice(word);
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use salver_core::Shape;

    fn floats(values: &[f32]) -> Tensor {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor::fixed(DType::F32, Shape::new([values.len()]), bytes.into()).unwrap()
    }

    fn written(tensor: &Tensor, dims: &[usize], first: usize) -> String {
        let mut out = Vec::new();
        write_array(&mut out, tensor, dims, first).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn arrays_nest_as_their_shape_says() {
        let six = floats(&[1., 2., 3., 4., 5., 0.1]);
        assert_eq!(written(&six, &[6], 0), "[1.0,2.0,3.0,4.0,5.0,0.1]");
        assert_eq!(written(&six, &[2, 3], 0), "[[1.0,2.0,3.0],[4.0,5.0,0.1]]");
        assert_eq!(written(&six, &[2], 4), "[5.0,0.1]");
        assert_eq!(written(&six, &[], 3), "4.0");
        assert_eq!(written(&six, &[2, 0], 0), "[[],[]]");
    }

    #[test]
    fn what_json_has_no_number_for_has_a_word() {
        let odd = floats(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0]);
        assert_eq!(written(&odd, &[4], 0), "[NaN,Infinity,-Infinity,-0.0]");
    }

    #[test]
    fn strings_are_escaped_and_bytes_must_be_text() {
        let text = |value: &'static [u8]| {
            Tensor::variable(DType::Bytes, Shape::new([1]), vec![Bytes::from_static(value)]).unwrap()
        };
        assert_eq!(written(&text("a\"\\\n\u{1}é".as_bytes()), &[1], 0), r#"["a\"\\\n\u0001é"]"#);
        assert_eq!(write_array(&mut Vec::new(), &text(&[0xff]), &[1], 0), Err(NotText));
    }
}
