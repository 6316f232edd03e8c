//! Requests and replies as MindSpore Serving's own protobuf code writes and reads them.

use bytes::Bytes;
use prost::Message;
use salver_core::{Error, Tensor};
use salver_wire::mindspore::Predict;
use salver_wire::{Exchange, Target};

use crate::messages::*;

/// Two instances of two float32 2x2, all ones and all twos, from a client of 1.5.
const TWO_INSTANCES: &[u8] = b"\
    \x0a\x11\x0a\x03add\x12\x0aadd_common\
    \x12D\x0a \x0a\x02x1\x12\x1a\x0a\x04\x0a\x02\x02\x02\x10\x0b\x1a\x10\x00\x00\x80?\x00\x00\x80?\x00\x00\x80?\x00\x00\x80?\
    \x0a \x0a\x02x2\x12\x1a\x0a\x04\x0a\x02\x02\x02\x10\x0b\x1a\x10\x00\x00\x80?\x00\x00\x80?\x00\x00\x80?\x00\x00\x80?\
    \x12D\x0a \x0a\x02x1\x12\x1a\x0a\x04\x0a\x02\x02\x02\x10\x0b\x1a\x10\x00\x00\x00@\x00\x00\x00@\x00\x00\x00@\x00\x00\x00@\
    \x0a \x0a\x02x2\x12\x1a\x0a\x04\x0a\x02\x02\x02\x10\x0b\x1a\x10\x00\x00\x00@\x00\x00\x00@\x00\x00\x00@\x00\x00\x00@";

const TWO_ANSWERS: &[u8] = b"\
    \x0a\x11\x0a\x03add\x12\x0aadd_common\
    \x1a!\x0a\x1f\x0a\x01y\x12\x1a\x0a\x04\x0a\x02\x02\x02\x10\x0b\x1a\x10\x00\x00\x00@\x00\x00\x00@\x00\x00\x00@\x00\x00\x00@\
    \x1a!\x0a\x1f\x0a\x01y\x12\x1a\x0a\x04\x0a\x02\x02\x02\x10\x0b\x1a\x10\x00\x00\x80@\x00\x00\x80@\x00\x00\x80@\x00\x00\x80@";

/// One instance for version 3, in field 3, from a client of 1.2.
const OLD_CLIENT: &[u8] = b"\
    \x0a\x13\x0a\x03add\x12\x0aadd_common\x18\x03\
    \x1aD\x0a \x0a\x02x1\x12\x1a\x0a\x04\x0a\x02\x02\x02\x10\x0b\x1a\x10\x00\x00\x80?\x00\x00\x80?\x00\x00\x80?\x00\x00\x80?\
    \x0a \x0a\x02x2\x12\x1a\x0a\x04\x0a\x02\x02\x02\x10\x0b\x1a\x10\x00\x00\x80?\x00\x00\x80?\x00\x00\x80?\x00\x00\x80?";

const REFUSED: &[u8] = b"\
    \x0a\x12\x0a\x03add\x12\x0badd_common2\
    \x22G\x08\x02\x12CRequest servable(add) method(add_common2) , method is not available";

fn parse(body: &'static [u8]) -> Predict {
    Predict::parse(Bytes::from_static(body)).unwrap()
}

#[test]
fn a_recorded_request_gets_the_recorded_reply() {
    let reply = call(&add(), Bytes::from_static(TWO_INSTANCES), sum);
    assert_eq!(joined(&reply), TWO_ANSWERS);
}

#[test]
fn a_recorded_refusal() {
    let spec = ServableSpec { method_name: "add_common2".into(), ..spec(0) };
    let request = PredictRequest { servable_spec: Some(spec), instances: vec![], old_instances: vec![] };
    let predict = Predict::parse(request.encode_to_vec().into()).unwrap();
    let unknown = Error::UnknownMethod { servable: "add".into(), version: None, method: "add_common2".into() };
    assert_eq!(joined(&predict.refuse(&unknown)), REFUSED);
}

#[test]
fn a_row_leaves_room_for_the_rows_dimension() {
    let echoed = |rank| {
        let row = instance([("x", floats(&vec![1; rank], &[1.0]))]);
        call(&echo(), request(vec![row]), |part| Ok(part.into_columns()))
    };
    assert_eq!(read(&echoed(63)).instances.len(), 1);
    let refused = echoed(64);
    assert!(refused.message.contains("a shape has more than 63 dimensions"), "{}", refused.message);
}

#[test]
fn the_target_is_as_the_spec_says() {
    let target = |version| Target { servable: "add", version, method: Some("add_common"), label: None, dotted: false };
    assert_eq!(parse(TWO_INSTANCES).target(), Ok(target(None)));
    assert_eq!(parse(OLD_CLIENT).target(), Ok(target(Some(3))));
    let unnamed = Target { servable: "", version: None, method: Some(""), label: None, dotted: false };
    assert_eq!(parse(b"").target(), Ok(unnamed));
}

#[test]
fn clients_of_1_2_send_their_instances_in_field_3() {
    let reply = read(&call(&add(), Bytes::from_static(OLD_CLIENT), sum));
    assert_eq!(reply.servable_spec, Some(spec(3)));
    assert_eq!(reply.instances, [instance([("y", floats(&[2, 2], &[2.; 4]))])]);

    let both = [OLD_CLIENT, TWO_INSTANCES].concat();
    assert_eq!(read(&call(&add(), both.into(), sum)).instances.len(), 3);
}

#[test]
fn one_instance_goes_through_without_a_copy() {
    let body = Bytes::from_static(OLD_CLIENT);
    let mut predict = Predict::parse(body.clone()).unwrap();
    let parts = predict.parts(&add(), &add().methods[0]).unwrap();
    let inside = |column: &Tensor| body.as_ptr_range().contains(&column.bytes().as_ptr());
    assert!(parts[0].columns().iter().all(inside));
}

#[test]
fn large_outputs_are_shared_not_copied() {
    let large = value(3, &[1 << 16], &[7; 1 << 16]);
    let body = request(vec![instance([("x", large.clone())])]);
    let reply = call(&echo(), body.clone(), |part| Ok(part.into_columns()));
    assert!(body.as_ptr_range().contains(&reply.body[1].as_ptr()));
    assert_eq!(read(&reply).instances, [instance([("x", large)])]);
}

#[test]
fn only_type_and_byte_size_must_be_those_of_the_model() {
    let flat = pair(floats(&[4], &[1.; 4]), floats(&[1, 4, 1], &[2.; 4]));
    let reply = read(&call(&add(), request(vec![flat]), sum));
    assert_eq!(reply.instances, [instance([("y", floats(&[2, 2], &[3.; 4]))])]);
}

#[test]
fn undeclared_items_are_ignored_and_the_last_of_a_repeated_one_counts() {
    let item = |name: &str, value: Value| instance([(name, value)]).encode_to_vec();
    let instance = [
        item("x1", value(6, &[9], b"")),
        item("extra", value(0, &[], b"")),
        item("x2", floats(&[2, 2], &[1.; 4])),
        item("x1", floats(&[2, 2], &[4.; 4])),
    ];
    let instance = instance.concat();
    let head = PredictRequest { servable_spec: Some(spec(0)), instances: vec![], old_instances: vec![] };
    let mut body = head.encode_to_vec();
    body.extend([0x12, instance.len() as u8]);
    body.extend(instance);
    let reply = read(&call(&add(), body.into(), sum));
    assert_eq!(reply.instances[0].items["y"], floats(&[2, 2], &[5.; 4]));
}

#[test]
fn rows_of_one_signature_share_a_part_and_answers_keep_their_order() {
    let word = |word: &str| instance([("x", text(13, &[1], &[word.as_bytes()]))]);
    let number = |value: f32| instance([("x", floats(&[], &[value]))]);
    let sent = vec![word("a"), number(1.), word("b"), number(2.)];
    let mut predict = Predict::parse(request(sent.clone())).unwrap();
    let parts = predict.parts(&echo(), &echo().methods[0]).unwrap();
    assert_eq!(parts.iter().map(|part| part.rows()).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(read(&call(&echo(), request(sent.clone()), |part| Ok(part.into_columns()))).instances, sent);
}

#[test]
fn one_wrong_instance_among_good_ones_fails_alone() {
    let good = || pair(floats(&[2, 2], &[1.; 4]), floats(&[2, 2], &[1.; 4]));
    let wrong = pair(floats(&[2, 2], &[1.; 4]), value(6, &[2, 2], &[0; 16]));
    let reply = read(&call(&add(), request(vec![good(), wrong, good()]), sum));
    let answer = instance([("y", floats(&[2, 2], &[2.; 4]))]);
    assert_eq!(reply.instances, [answer.clone(), Instance::default(), answer]);
    let text = "Given model input 1 data type kMSI_Int32 not match the data type kMSI_Float32 defined in model";
    assert_eq!(reply.errors(), [(0, String::new()), (2, text.into()), (0, String::new())]);
}

#[test]
fn instances_that_all_fail_alike_share_one_error() {
    let wrong = |count: usize| {
        let data = vec![1.; count];
        pair(floats(&[count as i64], &data), floats(&[2, 2], &[1.; 4]))
    };
    let text = |size: usize| (2, format!("Given model input 0 size {size} not match the size 16 defined in model"));

    let alike = read(&call(&add(), request(vec![wrong(3), wrong(3)]), sum));
    assert_eq!((alike.instances.len(), alike.errors()), (0, vec![text(12)]));
    let alone = read(&call(&add(), request(vec![wrong(3)]), sum));
    assert_eq!((alone.instances.len(), alone.errors()), (0, vec![text(12)]));
    let apart = read(&call(&add(), request(vec![wrong(3), wrong(5)]), sum));
    assert_eq!((apart.instances.len(), apart.errors()), (2, vec![text(12), text(20)]));
}
