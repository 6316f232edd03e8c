use prost::Message;
use prost_reflect::DynamicMessage;
use salver_wire::proto::{json, Documents, Names};

use crate::support::{encoded, message, shown};

/// Documents that come back as they were.
#[test]
fn every_kind_has_its_form() {
    let cases = [
        r#"{}"#,
        r#"{"truth":true,"i32":-2147483648,"i64":"-9223372036854775808","u32":4294967295,"u64":"18446744073709551615"}"#,
        r#"{"s32":-1,"s64":"-1","f32":1,"f64":"1","sf32":-1,"sf64":"-1","single":0.5,"twice":-1.25e+100}"#,
        r#"{"text":"a \"quoted\" word, ä","data":"AAEC/w==","colour":"BLUE"}"#,
        r#"{"single":"NaN","twice":"-Infinity"}"#,
        r#"{"single":"Infinity","twice":"NaN"}"#,
        r#"{"maybe":0}"#,
        r#"{"inner":{"name":"a","parts":[{"name":"b"},{}],"size":"3"}}"#,
        r#"{"floats":[1.0,2.5],"longs":["1","-2"],"texts":["","a"],"colours":["RED","NONE"],"datas":["","AA=="],"truths":[true,false]}"#,
        r#"{"byName":{"a":1}}"#,
        r#"{"byNumber":{"-5":{"name":"five"}}}"#,
        r#"{"byTruth":{"true":"yes"}}"#,
        r#"{"leftSide":""}"#,
        r#"{"rightSide":{}}"#,
        r#"{"time":"2024-02-29T23:59:59.123456789Z","span":"-1.500s"}"#,
        r#"{"time":"1970-01-01T00:00:00Z","span":"3s"}"#,
        r#"{"any":{"@type":"type.googleapis.com/test.Inner","name":"a"}}"#,
        r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}}"#,
        r#"{"object":{"a":[1.0,null,{"b":true}]},"value":"text","list":[1.5,"b"]}"#,
        r#"{"value":null}"#,
        r#"{"mask":"name,inner.size","empty":{}}"#,
        r#"{"wDouble":"NaN"}"#,
        r#"{"wDouble":"-Infinity"}"#,
        r#"{"any":{"@type":"type.googleapis.com/google.protobuf.DoubleValue","value":"Infinity"}}"#,
        r#"{"wDouble":0.0,"wI64":"0","wBool":false,"wText":"","wData":""}"#,
        r#"{"camelCase":"a","MetaData":"b","other name":"c"}"#,
    ];
    for document in cases {
        assert_eq!(shown("Kinds", &encoded("Kinds", document)), document);
    }
}

/// Other forms that mean the same.
#[test]
fn readers_are_liberal_where_the_mapping_says_so() {
    let cases = [
        (r#"{"i64":5,"u64":6,"i32":"7","u32":"8"}"#, r#"{"i32":7,"i64":"5","u32":8,"u64":"6"}"#),
        (r#"{"i32":1e2,"i64":3.0}"#, r#"{"i32":100,"i64":"3"}"#),
        (r#"{"single":"1.5","twice":2}"#, r#"{"single":1.5,"twice":2.0}"#),
        (
            r#"{"by_name":{"a":1},"left_side":"x","_meta_data":"m","renamed":"r"}"#,
            r#"{"byName":{"a":1},"leftSide":"x","MetaData":"m","other name":"r"}"#,
        ),
        (r#"{"colour":1,"colours":[-2,77]}"#, r#"{"colour":"RED","colours":["BLUE",77]}"#),
        (r#"{"data":"_-8"}"#, r#"{"data":"/+8="}"#),
        (r#"{"i32":null,"inner":null,"floats":null,"wText":null,"text":null}"#, r#"{}"#),
        (r#"{"time":"2024-01-01T01:00:00+01:00"}"#, r#"{"time":"2024-01-01T00:00:00Z"}"#),
        (r#" { "text" : "a" } "#, r#"{"text":"a"}"#),
    ];
    for (given, wanted) in cases {
        assert_eq!(shown("Kinds", &encoded("Kinds", given)), wanted, "{given}");
    }
}

/// Recorded with another implementation of protobuf.
#[test]
fn bytes_are_those_of_protobuf() {
    let cases: [(&str, &[u8]); 5] = [
        (
            r#"{"truth":true,"i32":-1,"s32":-1,"text":"ab"}"#,
            b"\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x30\x01\x72\x02ab",
        ),
        (
            r#"{"floats":[1,-2],"longs":[1,300]}"#,
            b"\x9a\x01\x08\x00\x00\x80\x3f\x00\x00\x00\xc0\xa2\x01\x03\x01\xac\x02",
        ),
        (r#"{"maybe":0,"byName":{"a":1}}"#, b"\x90\x01\x00\xd2\x01\x05\x0a\x01a\x10\x01"),
        (r#"{"time":"1970-01-01T00:00:01.5Z"}"#, b"\xfa\x01\x08\x08\x01\x10\x80\xca\xb5\xee\x01"),
        (r#"{"wBool":true,"inner":{"name":"x"}}"#, b"\x8a\x01\x03\x0a\x01x\xca\x02\x02\x08\x01"),
    ];
    for (document, wanted) in cases {
        assert_eq!(encoded("Kinds", document), wanted, "{document}");
    }
}

#[test]
fn what_does_not_map_is_refused_with_its_field() {
    let cases = [
        (r#"{"i32":"a"}"#, "i32"),
        (r#"{"i32":2147483648}"#, "i32"),
        (r#"{"i32":1.5}"#, "i32"),
        (r#"{"u32":-1}"#, "u32"),
        (r#"{"u64":"18446744073709551616"}"#, "u64"),
        (r#"{"single":1e300}"#, "single"),
        (r#"{"truth":"true"}"#, "truth"),
        (r#"{"truth":1}"#, "truth"),
        (r#"{"text":5}"#, "text"),
        (r#"{"data":"*"}"#, "data"),
        (r#"{"colour":"GREEN"}"#, "colour"),
        (r#"{"floats":1}"#, "floats"),
        (r#"{"longs":[1,"b"]}"#, "longs[1]"),
        (r#"{"texts":[null]}"#, "texts[0]"),
        (r#"{"inner":{"parts":[{},{"size":[]}]}}"#, "inner.parts[1].size"),
        (r#"{"inner":5}"#, "inner"),
        (r#"{"inner":{"colour":1}}"#, "inner"),
        (r#"{"nope":1}"#, ""),
        (r#"{"byNumber":{"x":{}}}"#, "byNumber"),
        (r#"{"byName":{"a":"b"}}"#, "byName.a"),
        (r#"{"leftSide":"a","rightSide":{}}"#, ""),
        (r#"{"time":"yesterday"}"#, "time"),
        (r#"{"span":"1"}"#, "span"),
        (r#"{"any":{"@type":"type.googleapis.com/test.Unknown"}}"#, "any"),
        (r#"[]"#, ""),
        (r#"{"text":"a"} x"#, ""),
        (r#"{"text":"a""#, ""),
        ("", ""),
    ];
    for (document, field) in cases {
        let error = json::read(&message("Kinds"), document.as_bytes()).unwrap_err();
        assert_eq!(error.field, field, "{document}: {error}");
        assert!(!error.text.is_empty());
    }
    assert_eq!(json::read(&message("Kinds"), b"{\"text\":\"\xff\"}").unwrap_err().text, "the document is not UTF-8");
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| {
        format!(
            "{}{}",
            r#"{"inner":{"parts":["#.to_owned() + &r#"{"parts":["#.repeat(depth),
            "]}".repeat(depth) + "]}}"
        )
    };
    assert!(json::read(&message("Kinds"), nested(20).as_bytes()).is_ok());
    let error = json::read(&message("Kinds"), nested(100_000).as_bytes()).unwrap_err();
    assert!(error.text.contains("recursion"), "{error}");
    let listed = format!("{{\"value\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(json::read(&message("Kinds"), listed.as_bytes()).is_err());
}

#[test]
fn documents_are_weighed_before_they_are_read() {
    let cases = [
        ("", 0),
        ("{}", 768),
        (r#"{"a":[1,2,3]}"#, 768 + 64 * 3),
        (r#"{"a":"{,[\\\"{,["}"#, 768),
        ("[{},{}]", 2 * 768 + 128),
    ];
    for (document, wanted) in cases {
        assert_eq!(json::weight(&message("Inner"), document.as_bytes()), wanted, "{document}");
    }
    // Where a number may be a message, each counts as one.
    let many = format!("[{}0]", "0,".repeat(9999));
    assert_eq!(json::weight(&message("Inner"), many.as_bytes()), 64 * 10_000);
    assert_eq!(json::weight(&message("Kinds"), many.as_bytes()), 768 * 10_000);
}

#[test]
fn names_are_those_asked_for() {
    let bytes = encoded("Kinds", r#"{"byName":{"a":1},"renamed":"r"}"#);
    let message = DynamicMessage::decode(message("Kinds"), bytes.as_slice()).unwrap();
    let mut out = Vec::new();
    json::write(&mut out, &message, Names::Original).unwrap();
    assert_eq!(out, br#"{"by_name":{"a":1},"renamed":"r"}"#);
}

#[test]
fn what_has_no_form_cannot_be_written() {
    let any = encoded("Kinds", r#"{"any":{"@type":"type.googleapis.com/test.Inner"}}"#);
    let any = [&any[..any.len() - 5], b"Other"].concat();
    let message = DynamicMessage::decode(message("Kinds"), any.as_slice()).unwrap();
    let mut out = b"kept".to_vec();
    assert!(json::write(&mut out, &message, Names::Json).is_err());
    assert_eq!(out, b"kept");
    assert!(!message.encode_to_vec().is_empty());
}

/// A field of messages, encoded.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let tag = u32::from(number) << 3 | 2;
    let mut bytes = Vec::new();
    prost::encoding::encode_varint(u64::from(tag), &mut bytes);
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    [bytes, content.to_vec()].concat()
}

#[test]
fn an_any_that_was_never_packed_is_an_empty_object() {
    assert_eq!(shown("Kinds", &field(33, b"")), r#"{"any":{}}"#);
}

#[test]
fn numbers_that_json_has_none_for_are_no_values_of_its_own() {
    let bytes = field(35, &[&[0x11][..], &f64::NAN.to_le_bytes()].concat());
    let message = DynamicMessage::decode(message("Kinds"), bytes.as_slice()).unwrap();
    let error = json::write(&mut Vec::new(), &message, Names::Json).unwrap_err();
    assert_eq!(error.text, "a google.protobuf.Value of NaN has no form");
}

#[test]
fn messages_packed_in_one_another_are_written_to_a_depth() {
    let packed = |depth: usize| {
        let any = |inner: Vec<u8>| {
            let url = field(1, b"type.googleapis.com/google.protobuf.Any");
            [url, field(2, &inner)].concat()
        };
        let innermost = field(1, b"type.googleapis.com/test.Inner");
        field(33, &(0..depth).fold(innermost, |inner, _| any(inner)))
    };
    let write = |depth| {
        let message = DynamicMessage::decode(message("Kinds"), packed(depth).as_slice()).unwrap();
        json::write(&mut Vec::new(), &message, Names::Json)
    };
    assert!(write(100).is_ok());
    assert!(write(10_000).unwrap_err().text.contains("nested more than"));
}

#[test]
fn fields_stand_by_themselves() {
    let kinds = message("Kinds");
    let bytes = encoded("Kinds", r#"{"floats":[1],"inner":{"name":"a"},"colour":"RED"}"#);
    let message = DynamicMessage::decode(kinds.clone(), bytes.as_slice()).unwrap();
    let cases = [
        ("floats", "[1.0]"),
        ("inner", r#"{"name":"a","parts":[],"size":"0"}"#),
        ("colour", r#""RED""#),
        ("texts", "[]"),
        ("by_name", "{}"),
        ("text", r#""""#),
        ("i64", r#""0""#),
        ("maybe", "null"),
        ("right_side", "null"),
    ];
    for (name, wanted) in cases {
        let mut out = Vec::new();
        json::write_field(&mut out, &message, &kinds.get_field_by_name(name).unwrap(), Names::Json).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), wanted, "{name}");
    }
}

/// All documents of a body that comes in pieces of a size, or the text of the refusal.
fn taken(body: &str, size: usize) -> Result<Vec<String>, String> {
    let (mut documents, mut taken) = (Documents::default(), Vec::new());
    for piece in body.as_bytes().chunks(size) {
        documents.push(piece);
        while let Some(document) = documents.take_next().map_err(|error| error.text)? {
            taken.push(String::from_utf8(document.to_vec()).unwrap());
        }
    }
    taken.extend(documents.end().map_err(|error| error.text)?.map(|last| String::from_utf8(last.to_vec()).unwrap()));
    Ok(taken)
}

#[test]
fn streams_of_documents_are_taken_apart() {
    let cases: [(&str, &[&str]); 12] = [
        ("", &[]),
        (" \n ", &[]),
        ("{}", &["{}"]),
        ("{}\n{\"a\":\"}{\\\"\"}\n", &["{}", "{\"a\":\"}{\\\"\"}"]),
        ("{}{}", &["{}", "{}"]),
        ("{\n  \"a\": [1, 2]\n}\r\n\r\n{}", &["{\n  \"a\": [1, 2]\n}", "{}"]),
        ("1 \"a b\" true\nnull", &["1", "\"a b\"", "true", "null"]),
        ("[]", &[]),
        (" [ {} , {\"a\":[]} ] ", &["{}", "{\"a\":[]}"]),
        ("[1,\"]\"]", &["1", "\"]\""]),
        ("[[1],[2]]", &["[1]", "[2]"]),
        ("{}\n[1]", &["{}", "[1]"]),
    ];
    for (body, wanted) in cases {
        for size in [1, 2, 3, 1000] {
            assert_eq!(taken(body, size).unwrap(), wanted, "{body} in pieces of {size}");
        }
    }
}

#[test]
fn streams_that_are_none_are_refused() {
    for body in ["{", "[{}", "[{},", "[{} {}]", "[,{}]", "[{},]", "{},{}", "]", "\"a", "[{}]]", "[{}]{}", "{}:"] {
        for size in [1, 1000] {
            assert!(taken(body, size).is_err(), "{body}: {:?}", taken(body, size));
        }
    }
}
