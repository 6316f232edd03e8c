//! What reflection tells of the built-in services, and of a user's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use prost::Message;
use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::DescriptorPool;
use salver_wire::proto;
use salver_wire::reflection::messages::{Asked, Extension, Request, Response, Told};
use salver_wire::reflection::{answer, built_in, Files, Index, SERVICES};

fn index() -> Index {
    let files = Files::read(built_in().unwrap().into()).unwrap();
    Index::new(SERVICES.map(String::from).into(), vec![Arc::new(files)])
}

fn ask(index: &Index, asked: Asked) -> Told {
    let request = Request { host: "h".into(), asked: Some(asked) };
    let response = Response::decode(&*answer(index, request.encode_to_vec().into()).unwrap()).unwrap();
    assert_eq!((response.valid_host.as_str(), response.original_request), ("h", Some(request)));
    response.told.unwrap()
}

fn names(told: Told) -> Vec<String> {
    let Told::Files(files) = told else { panic!("no files but {told:?}") };
    let decode = |file: Bytes| FileDescriptorProto::decode(file).unwrap().name().to_string();
    files.file_descriptor_proto.into_iter().map(decode).collect()
}

fn code(told: Told) -> (i32, String) {
    match told {
        Told::Error(refusal) => (refusal.error_code, refusal.error_message),
        told => panic!("no error but {told:?}"),
    }
}

#[test]
fn every_built_in_service_is_described_down_to_its_last_import() {
    let index = index();
    assert_eq!(index.services().collect::<Vec<_>>(), SERVICES);
    for service in SERVICES {
        let Told::Files(files) = ask(&index, Asked::FileContainingSymbol(service.into())) else { panic!("{service}") };
        let mut pool = DescriptorPool::new();
        // Whoever is asked for comes first, and its imports after it.
        let files = files.file_descriptor_proto.into_iter().map(|file| FileDescriptorProto::decode(file).unwrap());
        pool.add_file_descriptor_protos(files).unwrap();
        assert!(pool.get_service_by_name(service).is_some(), "{service}");
    }
}

#[test]
fn symbols_of_every_kind_are_found() {
    let cases = [
        ("inference.GRPCInferenceService.ModelInfer", "grpc_service.proto"),
        ("inference.ModelInferRequest.InferInputTensor", "grpc_service.proto"),
        ("inference.ModelInferRequest.model_name", "grpc_service.proto"),
        ("inference.InferParameter.parameter_choice", "grpc_service.proto"),
        (".grpc.health.v1.HealthCheckResponse.SERVING", "grpc/health/v1/health.proto"),
        ("grpc.health.v1.HealthCheckResponse.ServingStatus", "grpc/health/v1/health.proto"),
        ("tensorflow.DT_FLOAT", "tensorflow/core/framework/types.proto"),
        ("google.protobuf.Int64Value", "google/protobuf/wrappers.proto"),
    ];
    let index = index();
    for (symbol, file) in cases {
        assert_eq!(names(ask(&index, Asked::FileContainingSymbol(symbol.into())))[0], file, "{symbol}");
        assert_eq!(names(ask(&index, Asked::FileByFilename(file.into())))[0], file);
    }
}

#[test]
fn what_is_not_there_is_named() {
    let index = index();
    let cases = [
        (Asked::FileByFilename("no.proto".into()), "file 'no.proto'"),
        (Asked::FileContainingSymbol("no.Symbol".into()), "symbol 'no.Symbol'"),
        (Asked::FileContainingSymbol("".into()), "symbol ''"),
        (
            Asked::FileContainingExtension(Extension { containing_type: "a.B".into(), extension_number: 7 }),
            "extension 7 of 'a.B'",
        ),
        (Asked::AllExtensionNumbersOfType("a.B".into()), "message type 'a.B'"),
    ];
    for (asked, wanted) in cases {
        let (code, text) = code(ask(&index, asked));
        assert_eq!(code, 5);
        assert!(text.starts_with(wanted), "{text}");
    }
    let empty = Response::decode(&*answer(&index, Bytes::new()).unwrap()).unwrap();
    assert_eq!(code(empty.told.unwrap()).0, 3);
    assert!(answer(&index, Bytes::from_static(b"\xff")).unwrap_err().to_string().contains("ServerReflectionRequest"));
}

const EXTENDED: &str = r#"
    syntax = "proto2";
    package farm;
    import public "google/api/annotations.proto";
    message Cow { extensions 100 to 199; }
    extend Cow { optional int32 legs = 101; }
    message Barn { extend Cow { optional string name = 120; } }
    service Milk { rpc Give(Cow) returns (Barn) { option (google.api.http) = { get: "/milk" }; } }
"#;

/// Compiled once, because all tests share the folder.
static FARM: LazyLock<Bytes> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("salver-reflection-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("farm.proto");
    std::fs::write(&file, EXTENDED).unwrap();
    let set = proto::compile(&file, &[]).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    set.into()
});

fn farm() -> Index {
    let services = BTreeSet::from(["farm.Milk".to_string(), "nameless.Service".to_string()]);
    Index::new(services, vec![Arc::new(Files::read(FARM.clone()).unwrap())])
}

#[test]
fn extensions_are_found_by_number() {
    let farm = farm();
    let extension = |number| {
        Asked::FileContainingExtension(Extension { containing_type: "farm.Cow".into(), extension_number: number })
    };
    for number in [101, 120] {
        assert_eq!(names(ask(&farm, extension(number)))[0], "farm.proto");
    }
    assert_eq!(code(ask(&farm, extension(102))).0, 5);
    let numbers = |name: &str| match ask(&farm, Asked::AllExtensionNumbersOfType(name.into())) {
        Told::Extensions(told) => (told.base_type_name, told.extension_number),
        told => panic!("{told:?}"),
    };
    assert_eq!(numbers("farm.Cow"), ("farm.Cow".to_string(), vec![101, 120]));
    assert_eq!(numbers("farm.Barn").1, [0; 0]);
}

#[test]
fn options_of_extensions_are_told_as_they_were_written() {
    let Told::Files(files) = ask(&farm(), Asked::FileContainingSymbol("farm.Milk.Give".into())) else { panic!() };
    let encoded = &files.file_descriptor_proto[0];
    assert!(encoded.windows(5).any(|window| window == b"/milk"), "the option is lost");
}

#[test]
fn services_of_which_only_the_name_is_known_are_listed() {
    let Told::Services(told) = ask(&farm(), Asked::ListServices("*".into())) else { panic!() };
    let names: Vec<_> = told.service.into_iter().map(|service| service.name).collect();
    assert_eq!(names, ["farm.Milk", "nameless.Service"]);
}

#[test]
fn sets_that_are_none_are_refused() {
    assert!(Files::read(Bytes::from_static(b"\x0a\x05abc")).is_err());
    assert!(Files::read(Bytes::from_static(b"\x0a\x03abc")).is_err());
}
