//! Bodies that are not JSON: raw images and forms.

use salver_core::{DType, Dim};

use crate::servables::*;

#[test]
fn a_raw_body_is_the_value_of_the_only_input() {
    let image = echo(vec![port("image", DType::Bytes, Some(&[Dim::Fixed(1)]))]);
    let text = echo(vec![port("text", DType::Str, Some(&[]))]);
    let untyped = echo(vec![port("data", None, None)]);
    let file = echo(vec![port("file", DType::U8, Some(&[Dim::Free("length".into())]))]);
    let cases = [
        (&file, "image/png", &b"\xff\xd8"[..], r#"{"file":[255,216]}"#),
        (&image, "image/png", &b"\xff\xd8"[..], r#"{"image":[{"b64":"/9g="}]}"#),
        (&image, "application/octet-stream", b"", r#"{"image":[{"b64":""}]}"#),
        (&text, "Application/Octet-Stream; x=y", b"hej", r#"{"text":"hej"}"#),
        (&untyped, "image/jpeg", b"hej", r#"{"data":{"b64":"aGVq"}}"#),
    ];
    for (servable, content_type, body, wanted) in cases {
        assert_eq!(read(&call_by(servable, content_type, body, same)), (200, wanted.to_string()));
    }
}

#[test]
fn a_raw_body_must_have_a_single_input_to_go_to() {
    let two = echo(vec![port("names", DType::Bytes, Some(&[Dim::Fixed(2)]))]);
    let text = echo(vec![port("text", DType::Str, None)]);
    let cases = [
        (
            picture(),
            "malformed body: only a method with a single input of bytes, str or uint8 in one dimension takes a raw \
             body, but 'predict' takes 'image': bytes [], 'title': str [], 'size': int32 [2]; send JSON or \
             multipart/form-data",
        ),
        (two, "input 'names' of servable 'echo' has 1 elements, but its shape needs 2"),
        (text, "input 'text' of servable 'echo': its text is not UTF-8 (the input is str of any shape)"),
    ];
    for (servable, wanted) in cases {
        let reply = call_by(&servable, "application/octet-stream", b"\xff", same);
        assert_eq!(read(&reply), (400, failure("INVALID_ARGUMENT", wanted)));
    }
}

/// As `curl -F image=@x.png -F title=hej -F size=[3,4]` sends it.
const FORM: &[u8] = b"--------------------------d74496d66958873e\r\n\
    Content-Disposition: form-data; name=\"image\"; filename=\"x.png\"\r\n\
    Content-Type: image/png\r\n\r\n\
    \xff\xd8\r\n\
    --------------------------d74496d66958873e\r\n\
    Content-Disposition: form-data; name=\"title\"\r\n\r\n\
    hej\r\n\
    --------------------------d74496d66958873e\r\n\
    Content-Disposition: form-data; name=\"size\"\r\n\r\n\
    [3,4]\r\n\
    --------------------------d74496d66958873e--\r\n";

const FORM_TYPE: &str = "multipart/form-data; boundary=------------------------d74496d66958873e";

#[test]
fn a_form_is_one_row_with_a_field_for_every_input() {
    let wanted = r#"{"image":{"b64":"/9g="},"title":"hej","size":[3,4]}"#;
    assert_eq!(read(&call_by(&picture(), FORM_TYPE, FORM, same)), (200, wanted.to_string()));

    let untyped = echo(vec![port("image", None, None), port("title", None, None), port("size", None, None)]);
    let wanted = r#"{"image":{"b64":"/9g="},"title":"hej","size":"[3,4]"}"#;
    assert_eq!(read(&call_by(&untyped, FORM_TYPE, FORM, same)), (200, wanted.to_string()));
}

#[test]
fn a_field_can_be_json_by_its_own_type() {
    let body =
        "--b\r\nContent-Disposition: form-data; name=\"x\"\r\nContent-Type: application/json\r\n\r\n [1, 2] \r\n--b--";
    let untyped = echo(vec![port("x", None, None)]);
    assert_eq!(read(&call_by(&untyped, "multipart/form-data; boundary=b", body, same)), (200, r#"{"x":[1,2]}"#.into()));
}

#[test]
fn wrong_forms_are_refused() {
    let field = |name: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n1\r\n");
    let x = echo(vec![port("x", DType::I8, Some(&[]))]);
    let cases = [
        (
            "multipart/form-data",
            String::new(),
            "malformed multipart body: its content type names no boundary of 1 to 70 characters",
        ),
        ("multipart/form-data; boundary=b", field("x"), "malformed multipart body: its closing boundary is missing"),
        ("multipart/form-data; boundary=b", field("y") + "--b--", "servable 'echo' has no input 'y'; it takes 'x'"),
        (
            "multipart/form-data; boundary=b",
            field("x") + &field("x") + "--b--",
            "input 'x' for servable 'echo' was sent more than once",
        ),
        ("multipart/form-data; boundary=b", "--b--".into(), "input 'x' of servable 'echo' method 'predict' is missing"),
    ];
    for (content_type, body, wanted) in cases {
        assert_eq!(read(&call_by(&x, content_type, body, same)), (400, failure("INVALID_ARGUMENT", wanted)));
    }
}
