use salver_core::DType;

/// The protocol's names, in the order of `DType::ALL`; text and bytes share `BYTES`.
pub(super) const fn name(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "BOOL",
        DType::U8 => "UINT8",
        DType::U16 => "UINT16",
        DType::U32 => "UINT32",
        DType::U64 => "UINT64",
        DType::I8 => "INT8",
        DType::I16 => "INT16",
        DType::I32 => "INT32",
        DType::I64 => "INT64",
        DType::F16 => "FP16",
        DType::BF16 => "BF16",
        DType::F32 => "FP32",
        DType::F64 => "FP64",
        DType::Str | DType::Bytes => "BYTES",
    }
}

/// The type with this name; `BYTES` is taken as bytes, which a contract may narrow to text.
pub(super) fn from_name(datatype: &str) -> Option<DType> {
    match datatype {
        "BYTES" => Some(DType::Bytes),
        _ => DType::ALL.into_iter().find(|&dtype| name(dtype) == datatype),
    }
}
