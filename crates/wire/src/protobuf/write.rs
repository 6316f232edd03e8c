/// Writes a varint field; 0 is left out, as protobuf has it.
pub(crate) fn number(out: &mut Vec<u8>, field: usize, value: u64) {
    if value != 0 {
        varint(out, (field << 3) as u64);
        varint(out, value);
    }
}

/// Writes a field of text or bytes; an empty one is left out.
pub(crate) fn text(out: &mut Vec<u8>, field: usize, text: impl AsRef<[u8]>) {
    let text = text.as_ref();
    if !text.is_empty() {
        key(out, field, text.len());
        out.extend_from_slice(text);
    }
}

/// Writes what comes before the `length` bytes of a field.
pub(crate) fn key(out: &mut Vec<u8>, field: usize, length: usize) {
    varint(out, (field << 3 | 2) as u64);
    varint(out, length as u64);
}

pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn varint_size(value: u64) -> usize {
    (u64::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

/// The size of what [`number`] writes.
pub(crate) fn number_size(field: usize, value: u64) -> usize {
    match value {
        0 => 0,
        value => varint_size((field << 3) as u64) + varint_size(value),
    }
}

/// The size of what [`text`] writes for so many bytes.
pub(crate) fn text_size(field: usize, length: usize) -> usize {
    match length {
        0 => 0,
        length => field_size(field, length),
    }
}

/// The size of a field of so many bytes, with its key.
pub(crate) fn field_size(field: usize, length: usize) -> usize {
    varint_size((field << 3) as u64) + varint_size(length as u64) + length
}
