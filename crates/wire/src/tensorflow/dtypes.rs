use salver_core::DType;

/// The element types of the protocol: number, name in error texts, and the type it is here, if it is one.
const TYPES: [(u64, &str, Option<DType>); 33] = [
    (1, "float", Some(DType::F32)),
    (2, "double", Some(DType::F64)),
    (3, "int32", Some(DType::I32)),
    (4, "uint8", Some(DType::U8)),
    (5, "int16", Some(DType::I16)),
    (6, "int8", Some(DType::I8)),
    (7, "string", Some(DType::Bytes)),
    (8, "complex64", None),
    (9, "int64", Some(DType::I64)),
    (10, "bool", Some(DType::Bool)),
    (11, "qint8", None),
    (12, "quint8", None),
    (13, "qint32", None),
    (14, "bfloat16", Some(DType::BF16)),
    (15, "qint16", None),
    (16, "quint16", None),
    (17, "uint16", Some(DType::U16)),
    (18, "complex128", None),
    (19, "half", Some(DType::F16)),
    (20, "resource", None),
    (21, "variant", None),
    (22, "uint32", Some(DType::U32)),
    (23, "uint64", Some(DType::U64)),
    (24, "float8_e5m2", None),
    (25, "float8_e4m3fn", None),
    (26, "float8_e4m3fnuz", None),
    (27, "float8_e4m3b11fnuz", None),
    (28, "float8_e5m2fnuz", None),
    (29, "int4", None),
    (30, "uint4", None),
    (31, "int2", None),
    (32, "uint2", None),
    (33, "float4_e2m1fn", None),
];

/// Name and type of a number; text is taken as bytes, which a contract may narrow.
pub(super) fn from_number(number: u64) -> Option<(&'static str, Option<DType>)> {
    TYPES.iter().find(|entry| entry.0 == number).map(|entry| (entry.1, entry.2))
}

pub(super) fn number(dtype: DType) -> u64 {
    entry(dtype).0
}

/// The name in error texts: `float`.
pub(super) fn name(dtype: DType) -> &'static str {
    entry(dtype).1
}

/// The constant's name: `DT_FLOAT`.
pub(super) fn constant(dtype: DType) -> String {
    format!("DT_{}", name(dtype).to_ascii_uppercase())
}

/// Every type is one of the protocol's; text and bytes are the same one.
fn entry(dtype: DType) -> (u64, &'static str) {
    let dtype = if dtype == DType::Str { DType::Bytes } else { dtype };
    TYPES.iter().find(|entry| entry.2 == Some(dtype)).map_or((0, "invalid"), |entry| (entry.0, entry.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_number_that_leads_back_to_it() {
        for dtype in DType::ALL {
            let wanted = if dtype == DType::Str { DType::Bytes } else { dtype };
            assert_eq!(from_number(number(dtype)), Some((name(dtype), Some(wanted))));
        }
        assert!(TYPES.iter().zip(1..).all(|(entry, number)| entry.0 == number));
        assert_eq!((constant(DType::F16), constant(DType::Str)), ("DT_HALF".into(), "DT_STRING".into()));
        assert_eq!((from_number(0), from_number(101)), (None, None));
    }
}
