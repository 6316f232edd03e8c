//! Versions by number and by label.

use salver_wire::tensorflow::{Form, Predict};
use salver_wire::{Exchange, Target};

use crate::messages::*;

fn parsed(spec: ModelSpec) -> Predict {
    let request = PredictRequest { model_spec: Some(spec), ..Default::default() };
    Predict::parse(bytes(&request), Form::Typed).unwrap()
}

#[test]
fn versions_are_numbers_or_labels() {
    let base = || ModelSpec { name: "m".into(), ..Default::default() };
    let target = |version, label| Target { servable: "m", version, label, method: None, dotted: false };
    let cases = [
        (base(), target(None, None)),
        (ModelSpec { version: Some(Int64Value { value: 3 }), ..base() }, target(Some(3), None)),
        (ModelSpec { version: Some(Int64Value { value: 0 }), ..base() }, target(Some(0), None)),
        (ModelSpec { version_label: Some("stable".into()), ..base() }, target(None, Some("stable"))),
    ];
    for (spec, wanted) in cases {
        assert_eq!(parsed(spec).target(), Ok(wanted));
    }
}

#[test]
fn of_version_and_label_the_last_counts() {
    let spec = |tail: &[u8]| [&[0x0a, 3 + tail.len() as u8, 0x0a, 1, b'm'], tail].concat();
    let (version, label) = ([0x12, 2, 8, 9], [0x22, 1, b'x']);
    let first = Predict::parse(spec(&[&version[..], &label].concat()).into(), Form::Typed).unwrap();
    assert_eq!((first.target().unwrap().version, first.target().unwrap().label), (None, Some("x")));
    let second = Predict::parse(spec(&[&label[..], &version].concat()).into(), Form::Typed).unwrap();
    assert_eq!((second.target().unwrap().version, second.target().unwrap().label), (Some(9), None));
}

#[test]
fn a_label_of_digits_may_stand_for_a_number() {
    let cases = [("1", Some(1)), ("007", Some(7)), ("stable", None), ("1a", None), ("+1", None), ("", None)];
    for (label, wanted) in cases {
        let target = Target { servable: "m", version: None, label: Some(label), method: None, dotted: false };
        assert_eq!(target.labelled_number(), wanted, "{label}");
    }
    let newest = Target { servable: "m", version: None, label: None, method: None, dotted: false };
    assert_eq!(newest.labelled_number(), None);
}
