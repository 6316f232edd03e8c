//! The text and place of every error.

use prost::Message;
use salver_core::{DType, Dim, Error, Fault, Resource};
use salver_wire::mindspore::{refuse, Predict};
use salver_wire::Exchange;

use crate::messages::*;

fn asked(version: u64) -> Predict {
    let request = PredictRequest { servable_spec: Some(spec(version)), instances: vec![], old_instances: vec![] };
    Predict::parse(request.encode_to_vec().into()).unwrap()
}

fn refused(version: u64, error: Error) -> Vec<(i64, String)> {
    let reply = read(&asked(version).refuse(&error));
    assert_eq!((&reply.servable_spec, reply.instances.len()), (&Some(spec(version)), 0));
    reply.errors()
}

fn author(fault: Fault, what: &str) -> Error {
    Error::Author { fault, what: what.into(), method: "add_common".into(), index: 2, message: "it broke".into() }
}

#[test]
fn errors_have_the_codes_and_texts_of_the_original() {
    let add = || "add".to_string();
    let method = || "add_common".to_string();
    let x1 = || "x1".to_string();
    let cases = [
        (Error::UnknownServable { servable: add() }, 2, "Request servable(add) method(add_common) , servable is not available"),
        (
            Error::NotReady { servable: add(), version: None, reason: None },
            2,
            "Request servable(add) method(add_common) , servable is not available",
        ),
        (
            Error::NotReady { servable: add(), version: None, reason: Some("version 2: no weights".into()) },
            2,
            "Request servable(add) method(add_common) , servable is not available: version 2: no weights",
        ),
        (
            Error::UnknownMethod { servable: add(), version: None, method: method() },
            2,
            "Request servable(add) method(add_common) , method is not available",
        ),
        (
            Error::NoRows { servable: add(), method: method() },
            2,
            "Instances count of request cannot be 0, servable: add, method: add_common",
        ),
        (
            Error::MissingInput { servable: add(), method: method(), input: x1() },
            2,
            "Cannot find input x1 in instance input , servable add, method add_common",
        ),
        (
            Error::InputValue { servable: add(), input: x1(), detail: "why".into() },
            2,
            "Instances input x1 check failed, detail: why",
        ),
        (
            Error::InputCount { servable: add(), given: vec![x1()], declared: vec![x1(), x1()] },
            2,
            "Given model inputs size 1 less than model inputs size 2",
        ),
        (
            Error::InputType { servable: add(), input: x1(), index: 1, given: "kMSI_Bytes".into(), declared: DType::U8 },
            2,
            "Given model input 1 data type kMSI_Bytes not match the data type kMSI_Uint8 defined in model",
        ),
        (
            Error::InputType { servable: add(), input: x1(), index: 0, given: "float64".into(), declared: DType::F32 },
            2,
            "Given model input 0 data type kMSI_Float64 not match the data type kMSI_Float32 defined in model",
        ),
        (
            Error::InputSize { servable: add(), input: x1(), index: 0, given: 4, wanted: 16 },
            2,
            "Given model input 0 size 4 not match the size 16 defined in model",
        ),
        (
            Error::InputShape {
                servable: add(),
                input: x1(),
                given: vec![3, 1],
                declared: vec![Dim::Free("n".into()), Dim::Fixed(2)],
                batched: false,
            },
            2,
            "Given model input x1 shape [3, 1] not match the shape [n, 2] defined in model",
        ),
        (
            Error::InputElements { servable: add(), input: x1(), given: 1, wanted: 2 },
            2,
            "Given model input x1 elements 1 not match the elements 2 defined in model",
        ),
        (
            Error::Busy { resource: Resource::Calls, limit: 10000 },
            1,
            "Serving Error: enqueued requests count exceeds the limit 10000",
        ),
        (
            Error::Busy { resource: Resource::Bytes, limit: 9 },
            1,
            "Serving Error: the server is at its limit of 9 bytes in flight; try again later, or raise --max-bytes-in-flight",
        ),
        (
            Error::Busy { resource: Resource::Queue, limit: 9 },
            1,
            "Serving Error: the server is at its limit of 9 rows waiting for a model; try again later, or raise \
             max_waiting_batches in salver.toml",
        ),
        (
            Error::TooManyRows { servable: add(), rows: 9, limit: 8 },
            2,
            "a call of servable 'add' has 9 rows, but it takes 8 at most; send several",
        ),
        (Error::Failed { stage: "add".into(), message: "bad luck".into() }, 1, "Predict Failed: bad luck"),
        (Error::Failed { stage: "add".into(), message: String::new() }, 1, "Predict Failed"),
        (
            author(Fault::Raised, "Preprocess"),
            3,
            "Call Preprocess Failed, method: 'add_common', stage index(begin with 1): 2, error msg: it broke",
        ),
        (
            author(Fault::Output, "Function 'add.f'"),
            3,
            "Call Function 'add.f' Failed, method: 'add_common', stage index(begin with 1): 2, error msg: it broke",
        ),
        (author(Fault::Input, ""), 2, "it broke"),
        (
            Error::Lost { stage: "add".into() },
            4,
            "the worker that ran stage 'add' was lost; it is being restarted, try again",
        ),
        (Error::Draining, 4, "Servable stopped"),
        (Error::internal("oh"), 3, "Serving Error: runtime error occurred: oh"),
        (Error::Unsupported { what: String::new() }, 1, "Predict failed"),
    ];
    for (error, code, text) in cases {
        assert_eq!(refused(0, error), [(code, text.to_string())]);
    }
}

#[test]
fn requests_that_were_not_read_are_refused_alike() {
    let reply = read(&refuse(&Error::Draining));
    assert_eq!(reply.errors(), [(4, "Servable stopped".to_string())]);
}

#[test]
fn a_version_that_was_asked_for_is_named() {
    let text = "Request servable(add) method(add_common)  version(7) , servable is not available".to_string();
    assert_eq!(refused(7, Error::UnknownVersion { servable: "add".into(), version: "7".into() }), [(2, text)]);
}

#[test]
fn what_is_no_answer_at_all_is_a_grpc_status() {
    let large = Error::TooLarge { what: "message", size: 9, limit: 8, option: "--max-message-size" };
    let cases = [
        (large, 8, "Received message larger than max (9 vs. 8); --max-message-size sets the limit"),
        (Error::malformed("PredictRequest", "cut"), 3, "malformed PredictRequest: cut"),
        (Error::DeadlineExceeded, 4, "the call's deadline passed before it was answered"),
        (Error::Cancelled, 1, "the call was cancelled"),
    ];
    for (error, code, text) in cases {
        let good = || pair(floats(&[2, 2], &[1.; 4]), floats(&[2, 2], &[1.; 4]));
        let answered = call(&add(), request(vec![good()]), |_| Err(error.clone()));
        for reply in [asked(0).refuse(&error), answered] {
            assert_eq!((reply.code, reply.message.as_str(), reply.body.len()), (code, text, 0));
        }
    }
}

#[test]
fn tensors_that_are_wrong_in_themselves_fail_the_whole_request() {
    const TEXT: &str = "Instance tensor check failed: bytes or string type shape batch size can only be 1";
    let shaped = |shape: &str| {
        format!("Instance tensor check failed: bytes or string type input  shape can only be (1,) or empty, but given shape is {shape}")
    };
    let shared = Value { shm_data: Some(vec![]), ..value(11, &[2, 2], b"") };
    let cases = [
        (text(13, &[1], &[]), TEXT.to_string()),
        (text(14, &[2], &[b"a", b"b"]), TEXT.into()),
        (text(13, &[1, 1], &[b"a"]), shaped("[1, 1]")),
        (text(14, &[2], &[b"a"]), shaped("[2]")),
        (value(11, &[2, -1], b""), "Tensor check failed: input  shape [2, -1] invalid".into()),
        (value(11, &[0, 2], b""), "Tensor check failed: input  shape [0, 2] invalid".into()),
        (value(11, &[i64::MAX, 4], b""), "Tensor check failed: input  shape [9223372036854775807, 4] invalid".into()),
        (value(0, &[2], b""), "Tensor check failed: input data type proto::MS_UNKNOWN invalid".into()),
        (value(15, &[2], b""), "Tensor check failed: input data type 15 invalid".into()),
        (value(11, &[2, 2], &[0; 15]), "Tensor check failed: input data size 15 invalid".into()),
        (value(11, &[1 << 59], &[0; 4]), "Tensor check failed: input data size 4 invalid".into()),
        (shared, "shared memory of clients is not accepted; send the value in the field data".into()),
    ];
    for (wrong, detail) in cases {
        let good = || floats(&[2, 2], &[1.; 4]);
        let reply = read(&call(&add(), request(vec![pair(good(), good()), pair(wrong, good())]), sum));
        let text = format!("Instances input x1 check failed, detail: {detail}");
        assert_eq!((reply.instances.len(), reply.errors()), (0, vec![(2, text)]));
    }
}

#[test]
fn a_missing_input_fails_the_whole_request() {
    let good = || floats(&[2, 2], &[1.; 4]);
    let reply = read(&call(&add(), request(vec![pair(good(), good()), instance([("x1", good())])]), sum));
    let text = "Cannot find input x2 in instance input , servable add, method add_common";
    assert_eq!((reply.instances.len(), reply.errors()), (0, vec![(2, text.into())]));
}

#[test]
fn open_lengths_and_counts_of_text_are_checked_by_instance() {
    let free = [Dim::Free("n".into()), Dim::Fixed(2)];
    let (two, bytes) = ([Dim::Fixed(2)], text(14, &[], &[b"a"]));
    let cases: [(DType, &[Dim], Value, &str); 3] = [
        (
            DType::F32,
            &free,
            floats(&[3], &[1.; 3]),
            "Given model input x shape [3] not match the shape [n, 2] defined in model",
        ),
        (DType::Bytes, &two, bytes.clone(), "Given model input x elements 1 not match the elements 2 defined in model"),
        (
            DType::Str,
            &[],
            bytes,
            "Given model input 0 data type kMSI_Bytes not match the data type kMSI_String defined in model",
        ),
    ];
    for (dtype, dims, sent, wanted) in cases {
        let typed = servable(vec![port("x", dtype, Some(dims))], vec![]);
        let reply = read(&call(&typed, request(vec![instance([("x", sent)])]), sum));
        assert_eq!(reply.errors(), [(2, wanted.to_string())]);
    }
}

#[test]
fn long_texts_lose_their_middle() {
    let said = |length: usize| "ä".repeat(length - "Predict Failed: ".len());
    let text = |message: &str| refused(0, Error::Failed { stage: "s".into(), message: message.into() }).remove(0).1;
    assert_eq!(text(&said(384)), format!("Predict Failed: {}", said(384)));
    let cut = text(&format!("{}!", said(400)));
    let (head, tail) = cut.split_once("...").unwrap();
    assert_eq!((head.chars().count(), tail.chars().count()), (192, 192));
    assert!(head.starts_with("Predict Failed: ä") && tail.ends_with("ä!"));
}
