use salver_core::DType;

/// The element types of the protocol: number, type, and the name that error texts use.
const TYPES: [(u64, DType, &str); 14] = [
    (1, DType::Bool, "kMSI_Bool"),
    (2, DType::I8, "kMSI_Int8"),
    (3, DType::U8, "kMSI_Uint8"),
    (4, DType::I16, "kMSI_Int16"),
    (5, DType::U16, "kMSI_Uint16"),
    (6, DType::I32, "kMSI_Int32"),
    (7, DType::U32, "kMSI_Uint32"),
    (8, DType::I64, "kMSI_Int64"),
    (9, DType::U64, "kMSI_Uint64"),
    (10, DType::F16, "kMSI_Float16"),
    (11, DType::F32, "kMSI_Float32"),
    (12, DType::F64, "kMSI_Float64"),
    (13, DType::Str, "kMSI_String"),
    (14, DType::Bytes, "kMSI_Bytes"),
];

pub(super) fn from_number(number: u64) -> Option<DType> {
    TYPES.iter().find(|entry| entry.0 == number).map(|entry| entry.1)
}

/// `None` for bfloat16, which the protocol does not have.
pub(super) fn number(dtype: DType) -> Option<u64> {
    TYPES.iter().find(|entry| entry.1 == dtype).map(|entry| entry.0)
}

/// The name in error texts; bfloat16 is named in the same manner.
pub(super) fn name(dtype: DType) -> &'static str {
    TYPES.iter().find(|entry| entry.1 == dtype).map_or("kMSI_BFloat16", |entry| entry.2)
}
