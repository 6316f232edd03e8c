//! Tensors to and from the runtime's values. Nothing is copied that is aligned going in, or large coming out.

use bytemuck::{checked, CheckedBitPattern, NoUninit};
use bytes::Bytes;
use half::{bf16, f16};
use ort::session::SessionInputValue;
use ort::value::{DynValue, PrimitiveTensorElementType, TensorElementType, TensorRef, ValueType};
use salver_core::{aligned, DType, Shape, Tensor};

/// Outputs from here on keep the runtime's memory instead of being copied out of it.
const SHARED_FROM: usize = 16 * 1024;

/// Calls `$body` with the Rust type of a fixed-size element type as `$T`.
macro_rules! with_element {
    ($dtype:expr, $T:ident => $body:expr, $variable:expr) => {
        match $dtype {
            DType::Bool => {
                type $T = bool;
                $body
            }
            DType::U8 => {
                type $T = u8;
                $body
            }
            DType::U16 => {
                type $T = u16;
                $body
            }
            DType::U32 => {
                type $T = u32;
                $body
            }
            DType::U64 => {
                type $T = u64;
                $body
            }
            DType::I8 => {
                type $T = i8;
                $body
            }
            DType::I16 => {
                type $T = i16;
                $body
            }
            DType::I32 => {
                type $T = i32;
                $body
            }
            DType::I64 => {
                type $T = i64;
                $body
            }
            DType::F16 => {
                type $T = f16;
                $body
            }
            DType::BF16 => {
                type $T = bf16;
                $body
            }
            DType::F32 => {
                type $T = f32;
                $body
            }
            DType::F64 => {
                type $T = f64;
                $body
            }
            DType::Str | DType::Bytes => $variable,
        }
    };
}

/// The element type as salver names it, or the runtime's own name for one that cannot be served.
pub fn dtype(element: TensorElementType) -> Result<DType, String> {
    Ok(match element {
        TensorElementType::Bool => DType::Bool,
        TensorElementType::Uint8 => DType::U8,
        TensorElementType::Uint16 => DType::U16,
        TensorElementType::Uint32 => DType::U32,
        TensorElementType::Uint64 => DType::U64,
        TensorElementType::Int8 => DType::I8,
        TensorElementType::Int16 => DType::I16,
        TensorElementType::Int32 => DType::I32,
        TensorElementType::Int64 => DType::I64,
        TensorElementType::Float16 => DType::F16,
        TensorElementType::Bfloat16 => DType::BF16,
        TensorElementType::Float32 => DType::F32,
        TensorElementType::Float64 => DType::F64,
        TensorElementType::String => DType::Str,
        other => return Err(other.to_string()),
    })
}

/// A copy of the tensor whose data is aligned, if it is not already.
pub fn align(tensor: Tensor) -> Result<Tensor, String> {
    let misaligned = |width: usize| tensor.bytes().as_ptr() as usize % width != 0;
    match tensor.dtype().size() {
        Some(width) if misaligned(width) => {
            let mut copy = aligned(tensor.bytes().len(), 0);
            copy.extend_from_slice(tensor.bytes());
            let copied = Tensor::fixed(tensor.dtype(), tensor.shape().clone(), copy.freeze());
            copied.ok_or_else(|| "a tensor changed its size while it was copied".to_string())
        }
        _ => Ok(tensor),
    }
}

/// The tensor as an input of a run; its data must be aligned.
pub fn input(tensor: &Tensor) -> Result<SessionInputValue<'_>, String> {
    with_element!(tensor.dtype(), T => fixed_input::<T>(tensor), text_input(tensor))
}

fn fixed_input<T>(tensor: &Tensor) -> Result<SessionInputValue<'_>, String>
where
    T: PrimitiveTensorElementType + CheckedBitPattern + std::fmt::Debug + 'static,
{
    let elements: &[T] = checked::try_cast_slice(tensor.bytes()).map_err(|error| match tensor.dtype() {
        DType::Bool => "a bool must be one byte of 0 or 1".to_string(),
        _ => format!("its data cannot be read: {error}"),
    })?;
    let view = TensorRef::from_array_view((tensor.shape().dims(), elements)).map_err(|error| error.to_string())?;
    Ok(view.into())
}

fn text_input(tensor: &Tensor) -> Result<SessionInputValue<'_>, String> {
    let texts: Result<Vec<String>, _> = tensor.values().iter().map(|value| String::from_utf8(value.to_vec())).collect();
    let texts = texts.map_err(|_| "its text is not UTF-8, which ONNX strings must be".to_string())?;
    let value = ort::value::Tensor::from_string_array((tensor.shape().dims(), texts.as_slice()));
    Ok(value.map_err(|error| error.to_string())?.into())
}

/// What a run gave, as a tensor.
pub fn output(value: DynValue) -> Result<Tensor, String> {
    let ValueType::Tensor { ty, shape, .. } = value.dtype() else {
        return Err(format!("it is a {}, not a tensor", value.dtype()));
    };
    let dims: Result<Vec<usize>, _> = shape.iter().map(|&dim| usize::try_from(dim)).collect();
    let shape = Shape::new(dims.map_err(|_| "it has a negative dimension".to_string())?);
    let dtype = dtype(*ty)?;
    let tensor = with_element!(
        dtype,
        T => Tensor::fixed(dtype, shape, fixed_output::<T>(value)?),
        Tensor::variable(dtype, shape, text_output(&value)?)
    );
    tensor.ok_or_else(|| "its size does not fit its shape".to_string())
}

fn fixed_output<T>(value: DynValue) -> Result<Bytes, String>
where
    T: PrimitiveTensorElementType + NoUninit + Send + Sync + 'static,
{
    let (_, elements) = value.try_extract_tensor::<T>().map_err(|error| error.to_string())?;
    let bytes: &[u8] = bytemuck::cast_slice(elements);
    if bytes.len() < SHARED_FROM {
        return Ok(Bytes::copy_from_slice(bytes));
    }
    Ok(Bytes::from_owner(Held::<T> { value, element: std::marker::PhantomData }))
}

/// A value of the runtime that lives as long as its bytes are used.
struct Held<T> {
    value: DynValue,
    element: std::marker::PhantomData<T>,
}

impl<T: PrimitiveTensorElementType + NoUninit + 'static> AsRef<[u8]> for Held<T> {
    fn as_ref(&self) -> &[u8] {
        // It was extracted once already, before it was wrapped.
        self.value.try_extract_tensor::<T>().map_or(&[], |(_, elements)| bytemuck::cast_slice(elements))
    }
}

fn text_output(value: &DynValue) -> Result<Vec<Bytes>, String> {
    let (_, texts) = value.try_extract_strings().map_err(|error| error.to_string())?;
    Ok(texts.into_iter().map(Bytes::from).collect())
}
