use bytes::Bytes;
use salver_core::{Code, Error};

use super::{look, parts, servable};
use crate::support::encoded;

#[test]
fn what_is_not_set_is_absent_or_its_default() {
    let absent = "bool[0] ";
    let cases = [
        ("int32", "i32", "int32[] 00000000"),
        ("?int32", "i32", "int32[] 00000000"),
        ("?int32", "maybe", absent),
        ("int32", "maybe", "int32[] 00000000"),
        ("?str", "left_side", absent),
        ("?float32[n]", "floats", absent),
        ("float32[n]", "floats", "float32[0] "),
        ("?float64", "w_double", absent),
        ("?float32", "tensor", absent),
        ("?bytes", "inner", absent),
        ("?json", "inner", absent),
        ("?json", "inner.name", absent),
        ("?json", "texts", absent),
        ("json", "texts", "str[] []"),
        ("json", "by_name", "str[] {}"),
        ("json", "text", r#"str[] """#),
        ("?str", "inner.name", absent),
        ("str", "inner.name", "str[] "),
        ("str", "colour", "str[] NONE"),
    ];
    for (dtype, field, wanted) in cases {
        let servable = servable("Echo", false, &[("x", dtype, field)], &[("y", "json", ".")]);
        let parts = parts(&servable, Bytes::new()).unwrap();
        assert_eq!(look(&parts[0].columns()[0]), wanted, "{dtype} of {field}");
    }
    for (dtype, field) in [("float64", "w_double"), ("float32", "tensor"), ("bytes", "inner"), ("json", "inner")] {
        let servable = servable("Echo", false, &[("x", dtype, field)], &[("y", "json", ".")]);
        assert!(matches!(parts(&servable, Bytes::new()), Err(Error::MissingInput { .. })), "{dtype} of {field}");
    }
}

/// Messages as other writers of protobuf may put them.
#[test]
fn every_way_to_encode_a_message_is_read() {
    let cases: [(&str, &str, &[u8], &str); 8] = [
        ("int32", "i32", b"\x10\x01\x10\x02", "int32[] 02000000"),
        ("float32", "floats", b"\x9d\x01\x00\x00\x80\x3f\x9d\x01\x00\x00\x00\x40", "float32[2] 0000803f00000040"),
        (
            "float32",
            "floats",
            b"\x9a\x01\x04\x00\x00\x80\x3f\x9a\x01\x04\x00\x00\x00\x40",
            "float32[2] 0000803f00000040",
        ),
        ("int64", "longs", b"\xa0\x01\x01\xa2\x01\x01\x02", "int64[2] 01000000000000000200000000000000"),
        ("str", "inner.name", b"\x8a\x01\x03\x0a\x01a\x8a\x01\x03\x0a\x01b", "str[] b"),
        ("bytes", "inner", b"\x8a\x01\x03\x0a\x01a\x8a\x01\x02\x18\x01", "bytes[] \n\u{1}a\u{18}\u{1}"),
        ("?int32", "either_number", b"\x98\x03\x05\xa2\x03\x01a", "bool[0] "),
        ("int32", "i32", b"\xf8\x7f\x05\x10\x07", "int32[] 07000000"),
    ];
    for (dtype, field, message, wanted) in cases {
        let servable = servable("Echo", false, &[("x", dtype, field)], &[("y", "json", ".")]);
        let parts = parts(&servable, message).unwrap();
        assert_eq!(look(&parts[0].columns()[0]), wanted, "{dtype} of {field}");
    }
}

#[test]
fn requests_that_are_no_rows_are_refused() {
    let document = |document: &str| encoded("Kinds", document);
    let tensor = |shape: &[&str]| format!(r#"{{"tensor":{{"shape":[{}]}}}}"#, shape.join(","));
    let cases = [
        ("uint8", "i32", document(r#"{"i32":256}"#), "input 'x' of servable 's': 256 is no uint8"),
        ("uint8", "i32", document(r#"{"i32":-1}"#), "-1 is no uint8"),
        ("float16", "twice", document(r#"{"twice":1e6}"#), "1000000 is no float16"),
        ("float32", "doubles", document(r#"{"doubles":[1e300]}"#), "is no float32"),
        ("int8[n]", "longs", document(r#"{"longs":["300"]}"#), "300 is no int8"),
        ("float32[3]", "floats", document(r#"{"floats":[1]}"#), "has shape [1], but [3] is expected"),
        ("float32[2,n]", "floats", document(r#"{"floats":[1]}"#), "has shape [1], but [2, n] is expected"),
        ("str[2]", "texts", document(r#"{"texts":["a"]}"#), "has shape [1], but [2] is expected"),
        ("str", "data", document(r#"{"data":"/w=="}"#), "it is not UTF-8 text"),
        ("float32[2]", "data", document(r#"{"data":"AAA="}"#), "2 bytes are no whole float32 elements"),
        ("str", "colour", document(r#"{"colour":77}"#), "77 is no value of test.Colour"),
        (
            "float32",
            "tensor",
            document(r#"{"tensor":{"shape":[2],"values":[1]}}"#),
            "has 1 elements, but its shape needs 2",
        ),
        ("float32", "tensor", document(r#"{"tensor":{"shape":[-1],"values":[1]}}"#), "its shape is none"),
        ("float32", "tensor", document(&tensor(&["1"; 64])), "its shape is none"),
        ("float32", "tensor", document(&tensor(&["4611686018427387904", "0"])), "has 0 elements"),
        ("float32[2,n]", "tensor", document(r#"{"tensor":{"shape":[1,1],"values":[1]}}"#), "has shape [1, 1]"),
        ("str", "text_tensor", document(r#"{"textTensor":{"shape":[2],"values":["a"]}}"#), "has 1 elements"),
        ("int32", "i32", b"\x10".to_vec(), "malformed request message"),
        ("int32", "i32", b"\x12\x02ab".to_vec(), "malformed request message"),
        ("float32", "floats", b"\x9a\x01\x03abc".to_vec(), "packed numbers end within a number"),
        ("float32", "floats", b"\x98\x01\x01".to_vec(), "a number is sent as one of another kind"),
        ("float32", "tensor", b"\x88\x03\x01".to_vec(), "malformed request message"),
        ("bytes", "data", b"\x78\x01".to_vec(), "malformed request message"),
        ("json", "inner", b"\x8a\x01\x01\x0a".to_vec(), "malformed request message"),
        ("json", "text", b"\x72\x01\xff".to_vec(), "malformed request message"),
    ];
    for (dtype, field, message, wanted) in cases {
        let servable = servable("Echo", false, &[("x", dtype, field)], &[("y", "json", ".")]);
        let error = parts(&servable, message).unwrap_err();
        assert!(error.to_string().contains(wanted), "{dtype} of {field}: {error}\nwanted: {wanted}");
        assert_eq!(error.code(), Code::InvalidArgument);
    }
}

#[test]
fn short_messages_that_would_take_much_memory_are_refused() {
    let many = |field: &[u8], count: usize| field.repeat(count);
    let cases = [
        ("json", ".", many(b"\xb2\x01\x00", 300_000), "too many values"),
        ("json", "texts", many(b"\xaa\x01\x00", 5_000_000), "too many values"),
        ("str", "texts", many(b"\xaa\x01\x00", 1_100_000), "more than 1048576 values"),
        ("int64", "longs", many(b"\xa0\x01\x00", 1_100_000), "more than 1048576 values"),
    ];
    for (dtype, field, message, wanted) in cases {
        let servable = servable("Echo", false, &[("x", dtype, field)], &[("y", "json", ".")]);
        let error = parts(&servable, message).unwrap_err();
        assert!(error.to_string().contains(wanted), "{dtype} of {field}: {error}");
    }
    let packed: Vec<u8> = [&b"\xa2\x01\x80\x80\x80\x01"[..], &vec![1; 1 << 21]].concat();
    let servable = servable("Echo", false, &[("x", "int8[n]", "longs")], &[("y", "json", ".")]);
    assert_eq!(parts(&servable, packed).unwrap()[0].columns()[0].shape().dims(), [1, 1 << 21]);
}
