//! Bytes from anybody are answered or refused, never more.

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;
use salver_core::{DType, Dim, Error, Part};
use salver_wire::mindspore::Predict;

use crate::messages::*;

fn failing(_: Part) -> Result<Vec<salver_core::Tensor>, Error> {
    Err(Error::Lost { stage: "add".into() })
}

fn call_all(body: Vec<u8>) {
    let free = servable(vec![port("x", DType::Str, Some(&[Dim::Free(String::new())]))], vec![]);
    for servable in [add(), echo(), free] {
        let reply = call(&servable, body.clone().into(), failing);
        if reply.code == 0 {
            assert!(!read(&reply).error_msg.is_empty());
        }
    }
}

fn any_sent() -> impl Strategy<Value = Value> {
    let dims = prop::collection::vec(prop_oneof![0i64..4, any::<i64>()], 0..4);
    let values = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..3);
    (dims, -1i32..17, prop::collection::vec(any::<u8>(), 0..40), values, prop::option::weighted(0.1, Just(vec![])))
        .prop_map(|(dims, dtype, data, bytes_val, shm_data)| Value {
            shape: Some(TensorShape { dims }),
            dtype,
            data,
            bytes_val,
            shm_data,
        })
}

fn any_instance() -> impl Strategy<Value = Instance> {
    let items = prop::collection::btree_map(prop::sample::select(vec!["x", "x1", "x2"]), any_sent(), 0..4);
    items.prop_map(|items| Instance { items: items.into_iter().map(|(name, sent)| (name.to_string(), sent)).collect() })
}

fn any_request() -> impl Strategy<Value = Vec<u8>> {
    let instances = || prop::collection::vec(any_instance(), 0..3);
    (instances(), instances(), any::<u64>()).prop_map(|(instances, old_instances, version)| {
        PredictRequest { servable_spec: Some(spec(version)), instances, old_instances }.encode_to_vec()
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(body in prop::collection::vec(any::<u8>(), 0..200)) {
        call_all(body);
    }

    #[test]
    fn requests_of_arbitrary_tensors_do_no_harm(body in any_request()) {
        call_all(body);
    }

    #[test]
    fn damaged_requests_do_no_harm(body in any_request(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = body;
        let at = at.index(body.len());
        body[at] = byte;
        call_all(body.clone());
        body.truncate(at);
        call_all(body);
    }
}

#[test]
fn malformed_messages_say_what_is_wrong_with_them() {
    let cases: &[(&[u8], &str)] = &[
        (b"\x12\x05\x01", "a field is longer than the 1 bytes that are left"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "a field is longer than the 0 bytes that are left"),
        (b"\x0f", "a field has the unknown wire type 7"),
        (b"\x00", "a field has the number 0"),
        (b"\x08\x01", "a field of bytes is sent as a number"),
        (b"\x0a\x02\x18", "a field is longer than the 1 bytes that are left"),
        (b"\x0a\x03\x1a\x01\x00", "a number is sent as bytes"),
        (b"\x0a\x03\x0a\x01\xff", "a name is not UTF-8 text"),
        (b"\x0a\x0b\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "a number has more than 64 bits"),
    ];
    for (body, wanted) in cases {
        let Err(Error::Malformed { what, detail }) = Predict::parse(Bytes::from_static(body)) else {
            panic!("{body:?} was accepted")
        };
        assert_eq!(what, "PredictRequest");
        assert!(detail.contains(wanted), "{body:?}: {detail}");
    }
}

#[test]
fn groups_and_unknown_fields_are_skipped() {
    let reply = call(&add(), Bytes::from_static(b"\x4b\x08\x01\x4c\x39\x01\x02\x03\x04\x05\x06\x07\x08\x58\x01"), sum);
    let text = "Instances count of request cannot be 0, servable: add, method: add_common";
    assert_eq!(read(&reply).errors(), [(2, text.into())]);
}

#[test]
fn a_message_of_empty_instances_is_refused_at_the_first() {
    let reply = call(&add(), [0x12, 0].repeat(1 << 20).into(), sum);
    let text = "Cannot find input x1 in instance input , servable add, method add_common";
    assert_eq!(read(&reply).errors(), [(2, text.into())]);
}

#[test]
fn a_shape_of_very_many_dimensions_is_refused() {
    let packed = TensorShape { dims: vec![1; 65] };
    let tensor = Value { shape: Some(packed), ..Value::default() };
    let items = ["x1", "x2"].map(|name| (name.to_string(), tensor.clone())).into();
    let request =
        PredictRequest { servable_spec: Some(spec(0)), instances: vec![Instance { items }], old_instances: vec![] };
    let reply = call(&add(), request.encode_to_vec().into(), sum);
    assert_eq!(
        (reply.code, reply.message.as_str()),
        (3, "malformed PredictRequest: a shape has more than 63 dimensions")
    );
}
