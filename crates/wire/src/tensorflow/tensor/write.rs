use salver_core::{DType, Data, Tensor};

use super::typed::field;
use super::Form;
use crate::chunks::Chunks;
use crate::protobuf::write::{field_size, key, number, number_size, varint, varint_size};
use crate::tensorflow::dtypes;

const CONTENT: usize = 4;

/// The size of a `TensorProto`.
pub(in crate::tensorflow) fn size(tensor: &Tensor, form: Form) -> usize {
    head_size(tensor) + Values::of(tensor, form).size(tensor)
}

/// Writes a `TensorProto`. Large data is shared, not copied, where the form is that of memory.
pub(in crate::tensorflow) fn write(chunks: &mut Chunks, tensor: &Tensor, form: Form) {
    let out = chunks.buffer();
    number(out, 1, dtypes::number(tensor.dtype()));
    key(out, 2, shape_size(tensor));
    for &dim in tensor.shape().dims() {
        key(out, 2, number_size(1, dim as u64));
        number(out, 1, dim as u64);
    }
    Values::of(tensor, form).write(chunks, tensor);
}

fn head_size(tensor: &Tensor) -> usize {
    number_size(1, dtypes::number(tensor.dtype())) + field_size(2, shape_size(tensor))
}

fn shape_size(tensor: &Tensor) -> usize {
    tensor.shape().dims().iter().map(|&dim| field_size(2, number_size(1, dim as u64))).sum()
}

/// How a tensor's elements are written.
enum Values {
    None,
    /// As they lie in memory: `tensor_content`, or the packed field of a type that has such a form.
    Memory(usize),
    /// As packed varints, which take so many bytes.
    Varints(usize),
    Strings,
}

impl Values {
    fn of(tensor: &Tensor, form: Form) -> Values {
        let field = field(tensor.dtype()) as usize;
        match (tensor.data(), tensor.dtype()) {
            (Data::Variable(_), _) => Values::Strings,
            (Data::Fixed(bytes), _) if bytes.is_empty() => Values::None,
            (Data::Fixed(_), _) if form == Form::Content => Values::Memory(CONTENT),
            (Data::Fixed(_), DType::F32 | DType::F64) => Values::Memory(field),
            (Data::Fixed(bytes), DType::Bool) if bytes.iter().all(|&byte| byte <= 1) => Values::Memory(field),
            (Data::Fixed(_), _) => {
                let mut size = 0;
                each(tensor, |number| size += varint_size(number));
                Values::Varints(size)
            }
        }
    }

    fn size(&self, tensor: &Tensor) -> usize {
        match self {
            Values::None => 0,
            Values::Memory(field) => field_size(*field, tensor.bytes().len()),
            Values::Varints(size) => field_size(field(tensor.dtype()) as usize, *size),
            Values::Strings => {
                let value_size = |value: &bytes::Bytes| field_size(field(DType::Bytes) as usize, value.len());
                tensor.values().iter().map(value_size).sum()
            }
        }
    }

    fn write(&self, chunks: &mut Chunks, tensor: &Tensor) {
        let own = field(tensor.dtype()) as usize;
        match (self, tensor.data()) {
            (Values::Memory(field), Data::Fixed(bytes)) => {
                key(chunks.buffer(), *field, bytes.len());
                chunks.share(bytes);
            }
            (Values::Varints(size), _) => {
                let out = chunks.buffer();
                key(out, own, *size);
                out.reserve(*size);
                each(tensor, |number| varint(out, number));
            }
            (_, Data::Variable(values)) => {
                for value in values {
                    key(chunks.buffer(), own, value.len());
                    chunks.share(value);
                }
            }
            _ => {}
        }
    }
}

/// Gives every element as the varint that protobuf sends for it: signed ones are widened by their sign.
fn each(tensor: &Tensor, mut give: impl FnMut(u64)) {
    fn run<const SIZE: usize>(bytes: &[u8], mut give: impl FnMut([u8; SIZE])) {
        bytes.chunks_exact(SIZE).filter_map(<[u8]>::first_chunk).for_each(|raw| give(*raw));
    }
    let bytes = tensor.bytes();
    match tensor.dtype() {
        DType::Bool => run(bytes, |[byte]| give(u64::from(byte != 0))),
        DType::I8 => run(bytes, |raw| give(i64::from(i8::from_le_bytes(raw)) as u64)),
        DType::I16 => run(bytes, |raw| give(i64::from(i16::from_le_bytes(raw)) as u64)),
        DType::I32 => run(bytes, |raw| give(i64::from(i32::from_le_bytes(raw)) as u64)),
        DType::U8 => run(bytes, |[byte]| give(byte.into())),
        DType::U16 | DType::F16 | DType::BF16 => run(bytes, |raw| give(u16::from_le_bytes(raw).into())),
        DType::U32 | DType::F32 => run(bytes, |raw| give(u32::from_le_bytes(raw).into())),
        DType::I64 | DType::U64 | DType::F64 => run(bytes, |raw| give(u64::from_le_bytes(raw))),
        DType::Str | DType::Bytes => {}
    }
}
