use std::fs;
use std::path::PathBuf;

use prost_reflect::DescriptorPool;
use salver_wire::proto::compile;

/// A folder of files that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Folder {
        let folder = Folder(std::env::temp_dir().join(format!("salver-proto-{}-{name}", std::process::id())));
        for (name, text) in files {
            let path = folder.0.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn refusal(name: &str, text: &str) -> String {
    let folder = Folder::new(name, &[("a.proto", text)]);
    let error = compile(&folder.path("a.proto"), &[]).unwrap_err().to_string();
    error.replace(&folder.0.display().to_string(), "F")
}

#[test]
fn a_file_is_compiled_with_what_it_imports() {
    let main = r#"
        syntax = "proto3";
        package shop;
        import "google/api/annotations.proto";
        import "google/protobuf/timestamp.proto";
        import "google/rpc/status.proto";
        import "common/item.proto";
        message Order { repeated common.Item items = 1; google.protobuf.Timestamp at = 2; google.rpc.Status status = 3; }
        service Shop { rpc Buy(Order) returns (common.Item) { option (google.api.http) = { post: "/v1/orders" body: "*" }; } }
    "#;
    let item = r#"syntax = "proto3"; package common; message Item { string name = 1; }"#;
    let folder = Folder::new("imports", &[("protos/shop.proto", main), ("shared/common/item.proto", item)]);
    let set = compile(&folder.path("protos/shop.proto"), &[folder.path("shared")]).unwrap();
    let pool = DescriptorPool::decode(set.as_slice()).unwrap();
    let method = pool.get_service_by_name("shop.Shop").unwrap().methods().next().unwrap();
    assert_eq!(method.output().full_name(), "common.Item");
    let http = pool.get_extension_by_name("google.api.http").unwrap();
    assert!(method.options().has_extension(&http), "options of extensions are kept");
}

#[test]
fn imports_are_also_found_beside_the_file() {
    let main = r#"syntax = "proto3"; import "b.proto"; message A { B b = 1; }"#;
    let folder = Folder::new("beside", &[("a.proto", main), ("b.proto", r#"syntax = "proto3"; message B {}"#)]);
    assert!(compile(&folder.path("a.proto"), &[folder.path("elsewhere")]).is_ok());
    assert!(compile(&folder.path("a.proto"), std::slice::from_ref(&folder.0)).is_ok());
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let cases = [
        ("syntax = \"proto3\";\nmessage {", "F/a.proto:2:9: expected an identifier, but found '{'"),
        ("syntax = \"proto3\";\nmessage A {\n  Missing m = 1;\n}", "F/a.proto:3:3: name 'Missing' is not defined"),
        ("syntax = \"proto3\";\nmessage A { int32 a = 1; int32 b = 1; }", "F/a.proto:2:"),
        ("edition = \"2023\";", "editions are not supported, write: syntax = \"proto3\";"),
        (
            "syntax = \"proto3\";\nimport \"lost.proto\";",
            "F/a.proto:2:1: import 'lost.proto' not found; looked in 'F', and among the built-in google/protobuf/* and \
             google/api/annotations.proto",
        ),
        ("syntax = \"proto3\";\nimport \"a.proto\";", "F/a.proto:2:1: import cycle detected: a.proto -> a.proto"),
        ("// \"/*\nsyntax = \"proto3\"; /* \u{e4} */\n  /* x\nmessage A {}", "F/a.proto:3:3: expected comment terminator"),
        ("syntax = \"proto3\";\nmessage A {", "F/a.proto:2:12: expected"),
    ];
    for (index, (text, wanted)) in cases.into_iter().enumerate() {
        let error = refusal(&format!("wrong-{index}"), text);
        assert!(error.contains(wanted), "{error}\nwanted: {wanted}");
        assert!(error.starts_with("F/a.proto"), "{error}");
    }
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let folder = Folder::new("none", &[("latin.proto", "")]);
    let error = compile(&folder.path("a.proto"), &[]).unwrap_err().to_string();
    assert!(error.contains("a.proto"), "{error}");
    fs::write(folder.path("latin.proto"), b"// caf\xe9").unwrap();
    let error = compile(&folder.path("latin.proto"), &[]).unwrap_err().to_string();
    assert!(error.contains("latin.proto:1:7: ") && error.contains("utf-8"), "{error}");
}

#[test]
fn a_cycle_is_told_where_it_begins() {
    let imports = |name: &str| format!("syntax = \"proto3\";\n\n import '{name}';\n");
    let files = [("a.proto", imports("b.proto")), ("b.proto", imports("c.proto")), ("c.proto", imports("b.proto"))];
    let folder = Folder::new("cycle", &files.each_ref().map(|(name, text)| (*name, text.as_str())));
    let error = compile(&folder.path("a.proto"), &[]).unwrap_err().to_string();
    let wanted = "/b.proto:3:2: import cycle detected: a.proto -> b.proto -> c.proto -> b.proto";
    assert!(error.ends_with(wanted), "{error}");
}

#[test]
fn a_mark_of_the_byte_order_is_passed_over() {
    let main = "\u{feff}syntax = \"proto3\"; import \"b.proto\"; message A { B b = 1; }";
    let other = "\u{feff}syntax = \"proto3\"; message B {}";
    let folder = Folder::new("mark", &[("a.proto", main), ("b.proto", other)]);
    compile(&folder.path("a.proto"), &[]).unwrap();
    assert!(refusal("mark-wrong", "\u{feff}message {").starts_with("F/a.proto:1:9: "));
}
