use std::fs;

use prost::Message;
use prost_reflect::{MethodDescriptor, ServiceDescriptor};
use salver_wire::proto::{compile, write_status, Found, Names, Routes, Template};

use crate::support::{kinds, message, shown};

fn methods(service: &ServiceDescriptor) -> Vec<MethodDescriptor> {
    service.methods().collect()
}

fn library() -> Routes<String> {
    let methods = methods(&kinds().get_service_by_name("test.Library").unwrap());
    let (routes, problems) = Routes::new(methods.iter().map(|method| (method, method.name().to_string())));
    assert_eq!(problems, Vec::<String>::new());
    routes
}

/// Method and message of a request, `VERB /path?query` and a body.
fn asked(routes: &Routes<String>, request: &str, body: &str) -> Result<(String, String), String> {
    let (verb, target) = request.split_once(" /").unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match routes.find(verb, path) {
        Found::Nothing => Err("nothing".into()),
        Found::OtherVerbs(verbs) => Err(verbs.join(", ")),
        Found::Route { rule, target, bindings } => {
            let message = rule.message(&bindings, query, body.as_bytes()).map_err(|error| error.to_string())?;
            Ok((target.clone(), shown("Book", &message.encode_to_vec())))
        }
    }
}

#[test]
fn requests_become_messages() {
    let routes = library();
    let cases = [
        ("GET /v1/shelves/1/books/2", "", "GetBook", r#"{"name":"shelves/1/books/2"}"#),
        ("HEAD /v1/books/a", "", "GetBook", r#"{"name":"a"}"#),
        ("GET /v1/books/a%2Fb%20c", "", "GetBook", r#"{"name":"a/b c"}"#),
        ("GET /v1/shelves/a%2Fb/books/c%20d", "", "GetBook", r#"{"name":"shelves/a%2Fb/books/c d"}"#),
        ("GET /v1/books/special", "", "GetBook", "{}"),
        ("GET /v1/books/a?title=x+y%26z&pages=3", "", "GetBook", r#"{"name":"a","title":"x y&z","pages":3}"#),
        ("GET /v1/books/a?tags=1&tags=2", "", "GetBook", r#"{"name":"a","tags":["1","2"]}"#),
        ("GET /v1/books/a?inner.name=n&inner.size=5", "", "GetBook", r#"{"name":"a","inner":{"name":"n","size":"5"}}"#),
        (
            "GET /v1/books/a?printed=2024-01-01T00:00:00Z&rating=5&colour=RED&cover=AA&lent=true",
            "",
            "GetBook",
            r#"{"name":"a","printed":"2024-01-01T00:00:00Z","rating":5,"colour":"RED","cover":"AA==","lent":true}"#,
        ),
        ("GET /v1/books/a?colour=-2", "", "GetBook", r#"{"name":"a","colour":"BLUE"}"#),
        ("POST /v1/shelves/7/books", r#"{"title":"t"}"#, "CreateBook", r#"{"title":"t","inner":{"name":"shelves/7"}}"#),
        ("POST /v1/shelves/7/books", "", "CreateBook", r#"{"inner":{"name":"shelves/7"}}"#),
        ("PATCH /v1/books/a?pages=1", r#"{"size":2}"#, "UpdateInner", r#"{"name":"a","pages":1,"inner":{"size":"2"}}"#),
        ("POST /v1/shelves/1/2/3:archive", "{}", "Archive", r#"{"name":"shelves/1/2/3"}"#),
        ("GET /files/a/b/c.txt", "", "Files", r#"{"name":"a/b/c.txt"}"#),
        ("GET /files/", "", "Files", "{}"),
        ("LOCK /v1/books/a/lock", "", "Lock", r#"{"name":"a"}"#),
    ];
    for (request, body, method, wanted) in cases {
        assert_eq!(asked(&routes, request, body), Ok((method.into(), wanted.into())), "{request}");
    }
}

#[test]
fn requests_that_do_not_map_are_refused() {
    let routes = library();
    let cases = [
        ("GET /v1/other", "", "nothing"),
        ("GET /v1/shelves//books/2", "", "nothing"),
        ("DELETE /v1/books/a", "", "GET, PATCH"),
        ("GET /v1/books/a?nope=1", "", "field 'nope': message test.Book has no field 'nope'"),
        (
            "GET /v1/books/a?a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=1",
            "",
            "a way to a field has at most 32 names",
        ),
        ("GET /v1/books/a?name=b", "", "field 'name': it is in the path or the body already"),
        ("GET /v1/books/a?pages=x", "", "field 'pages': 'x' is not an int32"),
        ("GET /v1/books/a?pages=1&pages=2", "", "field 'pages': it is given twice"),
        ("GET /v1/books/a?inner=x", "", "field 'inner': test.Inner has no form in a path or a query"),
        ("GET /v1/books/a?notes=x", "", "field 'notes': a map has no form"),
        ("GET /v1/books/a?colour=GREEN", "", "field 'colour': 'GREEN' is not a value of test.Colour"),
        ("GET /v1/books/a?cover=*", "", "field 'cover': '*' is not base64"),
        ("GET /v1/books/a?printed=now", "", "field 'printed': 'now'"),
        ("GET /v1/books/a?title=%ff", "", "not UTF-8"),
        ("GET /v1/books/a", "{}", "takes no body"),
        ("POST /v1/shelves/7/books?title=t", "{}", "the whole message is in the body"),
        ("POST /v1/shelves/7/books", r#"{"inner":{"nope":1}}"#, "field 'inner': unrecognized field name 'nope'"),
        ("PATCH /v1/books/a", r#"{"size":"x"}"#, "field 'inner.size'"),
        ("PATCH /v1/books/a", r#"{},"title":"smuggled""#, "trailing characters"),
        ("PATCH /v1/books/a?inner.size=1", "{}", "field 'inner.size': it is in the path or the body already"),
    ];
    for (request, body, wanted) in cases {
        let refused = asked(&routes, request, body).unwrap_err();
        assert!(refused.contains(wanted), "{request}: {refused}\nwanted: {wanted}");
    }
}

#[test]
fn answers_are_the_message_or_the_field_that_the_rule_names() {
    let routes = library();
    let reply = crate::support::encoded("Book", r#"{"title":"t","inner":{"name":"n"}}"#);
    let reply = prost_reflect::DynamicMessage::decode(message("Book"), reply.as_slice()).unwrap();
    let cases = [
        ("GET", "v1/books/a", r#"{"title":"t","inner":{"name":"n"}}"#),
        ("GET", "v1/books/special", r#""t""#),
        ("POST", "v1/shelves/1/books", r#"{"name":"n","parts":[],"size":"0"}"#),
        ("GET", "files/x", "[]"),
    ];
    for (verb, path, wanted) in cases {
        let Found::Route { rule, .. } = routes.find(verb, path) else { panic!("{path}") };
        let mut out = Vec::new();
        rule.write_answer(&mut out, &reply, Names::Json).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), wanted, "{path}");
    }
}

#[test]
fn templates_that_are_none_say_why() {
    let cases = [
        ("v1", "'/' is expected before 'v1'"),
        ("", "'/' is missing"),
        ("/", "'' cannot be one of its segments"),
        ("/a//b", "'' cannot"),
        ("/{a", "'}' is missing"),
        ("/{a=b/{c}}", "a variable within a variable"),
        ("/**/a", "'**' must be its last segment"),
        ("/{a}/{a}", "binds 'a' twice"),
        ("/{}", "nothing"),
        ("/a:", "'' cannot"),
        ("/a:b/c", "'b/c' cannot"),
        ("/a}", "not expected"),
    ];
    for (text, wanted) in cases {
        let why = Template::parse(text).unwrap_err();
        assert!(why.contains(wanted), "{text}: {why}");
    }
}

#[test]
fn rules_that_are_no_use_are_told() {
    let rule = |name: &str, rule: &str| {
        format!("rpc {name}(Item) returns (Item) {{ option (google.api.http) = {{ {rule} }}; }}")
    };
    let rules = [
        rule("A", "get: \"/a/{nope}\""),
        rule("B", "get: \"/b/{many}\""),
        rule("C", "post: \"/c\" body: \"nope\""),
        rule("D", "get: \"/d\" response_body: \"nope\""),
        rule("E", "body: \"*\""),
        rule("F", "get: \"/same/{name}\""),
        rule("G", "get: \"/same/*\""),
    ];
    let text = format!(
        "syntax = \"proto3\"; package shop; import \"google/api/annotations.proto\";\n\
         message Item {{ string name = 1; repeated string many = 2; }}\nservice Shop {{ {} }}",
        rules.join("\n")
    );
    let path = std::env::temp_dir().join(format!("salver-rules-{}.proto", std::process::id()));
    fs::write(&path, text).unwrap();
    let set = compile(&path, &[]).unwrap();
    fs::remove_file(&path).unwrap();
    let pool = prost_reflect::DescriptorPool::decode(set.as_slice()).unwrap();
    let methods = methods(&pool.get_service_by_name("shop.Shop").unwrap());
    let (routes, problems) = Routes::new(methods.iter().map(|method| (method, ())));
    let wanted = [
        "google.api.http of shop.Shop.A: message shop.Item has no field 'nope'; it has 'name', 'many'",
        "google.api.http of shop.Shop.B: a path cannot bind field 'many', which is repeated",
        "google.api.http of shop.Shop.C: message shop.Item has no field 'nope'; it has 'name', 'many'",
        "google.api.http of shop.Shop.D: message shop.Item has no field 'nope'; it has 'name', 'many'",
        "google.api.http of shop.Shop.E: it names no path; write get: \"/v1/...\", post: or another",
        "GET /same/* leads to shop.Shop.F, and cannot lead to shop.Shop.G too",
    ];
    assert_eq!(problems, wanted);
    assert!(matches!(routes.find("GET", "same/x"), Found::Route { .. }));
}

#[test]
fn statuses_are_written_with_their_details() {
    let details = crate::support::kinds().get_message_by_name("google.protobuf.Any").is_some();
    assert!(details);
    // google.rpc.Status: a BadRequest, a Duration, an Inner, and one of a type that nobody knows.
    let any = |name: &str, value: &[u8]| {
        let url = format!("type.googleapis.com/{name}");
        let mut out = vec![0x0a, url.len() as u8];
        out.extend_from_slice(url.as_bytes());
        out.extend_from_slice(&[0x12, value.len() as u8]);
        out.extend_from_slice(value);
        [&[0x1a, out.len() as u8][..], &out].concat()
    };
    let bin = [
        any("google.rpc.BadRequest", b"\x0a\x06\x0a\x01f\x12\x01d"),
        any("google.protobuf.Duration", b"\x08\x02"),
        any("test.Inner", b"\x0a\x01n"),
        any("test.Inner", b""),
        any("far.Away", b"\x01\x02"),
    ]
    .concat();
    let mut out = Vec::new();
    write_status(&mut out, 3, "a \"bad\" field", &bin, Some(&kinds()));
    let wanted = concat!(
        r#"{"code":3,"message":"a \"bad\" field","details":["#,
        r#"{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"f","description":"d"}]},"#,
        r#"{"@type":"type.googleapis.com/google.protobuf.Duration","value":"2s"},"#,
        r#"{"@type":"type.googleapis.com/test.Inner","name":"n"},"#,
        r#"{"@type":"type.googleapis.com/test.Inner"},"#,
        r#"{"@type":"type.googleapis.com/far.Away","value":"AQI="}]}"#
    );
    assert_eq!(String::from_utf8(out).unwrap(), wanted);
    let mut out = Vec::new();
    write_status(&mut out, 5, "", b"\xff not a status", None);
    assert_eq!(out, br#"{"code":5,"message":"","details":[]}"#);
}
