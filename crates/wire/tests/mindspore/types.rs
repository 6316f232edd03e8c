//! Every element type there and back, and the shapes that scalars and text have.

use proptest::prelude::*;
use salver_core::{DType, Dim, Error, Part, Shape, Tensor};

use crate::messages::*;

/// Number in the protocol, type, size of an element.
const NUMERIC: [(i32, DType, usize); 12] = [
    (1, DType::Bool, 1),
    (2, DType::I8, 1),
    (3, DType::U8, 1),
    (4, DType::I16, 2),
    (5, DType::U16, 2),
    (6, DType::I32, 4),
    (7, DType::U32, 4),
    (8, DType::I64, 8),
    (9, DType::U64, 8),
    (10, DType::F16, 2),
    (11, DType::F32, 4),
    (12, DType::F64, 8),
];

fn same(part: Part) -> Result<Vec<Tensor>, Error> {
    Ok(part.into_columns())
}

fn any_value() -> impl Strategy<Value = Value> {
    let numeric =
        (prop::sample::select(&NUMERIC[..]), prop::collection::vec(1i64..4, 0..4), any::<bool>(), any::<u8>());
    let numeric = numeric.prop_map(|((number, _, size), mut dims, empty, seed)| {
        if empty {
            dims.push(0);
        }
        let length = dims.iter().product::<i64>() as usize * size;
        value(number, &dims, &vec![seed; length])
    });
    let dims = prop::sample::select(vec![vec![], vec![1]]);
    let words = ("\\PC*", prop::sample::select(vec![13, 14]), dims);
    let words = words.prop_map(|(word, dtype, dims)| text(dtype, &dims, &[word.as_bytes()]));
    prop_oneof![numeric, words]
}

proptest! {
    #[test]
    fn values_of_all_types_come_back_as_they_were_sent(values in prop::collection::vec(any_value(), 1..8)) {
        let sent: Vec<Instance> = values.into_iter().map(|value| instance([("x", value)])).collect();
        let reply = read(&call(&echo(), request(sent.clone()), same));
        prop_assert_eq!(reply.instances, sent);
        prop_assert!(reply.error_msg.is_empty());
    }
}

#[test]
fn every_type_is_what_the_protocol_numbers_it() {
    for (number, dtype, size) in NUMERIC {
        let typed = servable(vec![port("x", dtype, Some(&[Dim::Fixed(2)]))], vec![port("x", dtype, None)]);
        let sent = instance([("x", value(number, &[2], &vec![1; 2 * size]))]);
        let seen = |part: Part| {
            assert_eq!(part.columns()[0].dtype(), dtype);
            same(part)
        };
        assert_eq!(read(&call(&typed, request(vec![sent.clone()]), seen)).instances, [sent]);
    }
}

#[test]
fn scalars_and_text_fit_ports_of_one_element() {
    let word = || text(13, &[1], &[b"hej"]);
    let bare = || text(13, &[], &[b"hej"]);
    let free = Dim::Free("n".into());
    let cases: &[(Value, DType, &[Dim], &[usize])] = &[
        (floats(&[1], &[5.]), DType::F32, &[], &[1]),
        (floats(&[], &[5.]), DType::F32, &[Dim::Fixed(1), Dim::Fixed(1)], &[1, 1, 1]),
        (floats(&[3], &[5.; 3]), DType::F32, std::slice::from_ref(&free), &[1, 3]),
        (word(), DType::Str, &[], &[1]),
        (bare(), DType::Str, &[free.clone(), Dim::Fixed(1)], &[1, 1, 1]),
    ];
    for (sent, dtype, dims, wanted) in cases {
        let typed = servable(vec![port("x", *dtype, Some(dims))], vec![port("x", *dtype, None)]);
        let seen = |part: Part| {
            assert_eq!(part.columns()[0].shape().dims(), *wanted);
            same(part)
        };
        let reply = read(&call(&typed, request(vec![instance([("x", sent.clone())])]), seen));
        assert_eq!(reply.errors(), []);
    }
}

#[test]
fn text_outputs_have_one_value_an_element() {
    let two = servable(vec![port("x", None, None)], vec![port("label", None, None), port("names", None, None)]);
    let words = |dims: &[usize], words: &[&'static str]| {
        let values = words.iter().map(|word| bytes::Bytes::from_static(word.as_bytes())).collect();
        Tensor::variable(DType::Str, Shape::new(dims.iter().copied()), values).unwrap()
    };
    let labels = |_: Part| Ok(vec![words(&[1], &["ox"]), words(&[1, 2], &["a", "b"])]);
    let reply = read(&call(&two, request(vec![instance([("x", floats(&[], &[0.]))])]), labels));
    let wanted = instance([("label", text(13, &[], &[b"ox"])), ("names", text(13, &[2], &[b"a", b"b"]))]);
    assert_eq!(reply.instances, [wanted]);
}

#[test]
fn bfloat16_has_no_type_in_the_protocol() {
    let row = |_: Part| Ok(vec![Tensor::fixed(DType::BF16, Shape::new([1, 1]), vec![0, 0].into()).unwrap()]);
    let reply = read(&call(&echo(), request(vec![instance([("x", floats(&[], &[0.]))])]), row));
    let text = "output 'x' is bfloat16, which MindSpore Serving has no type for; \
                call this method by another protocol, or let it give float32";
    assert_eq!(reply.errors(), [(1, text.into())]);
}
