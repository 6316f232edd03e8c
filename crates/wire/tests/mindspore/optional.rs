//! Inputs that instances may leave out.

use salver_core::{DType, Part, Port};
use salver_wire::mindspore::Predict;
use salver_wire::Exchange;

use crate::messages::*;

fn optional(name: &str) -> Port {
    Port { optional: true, ..port(name, DType::F32, Some(&[])) }
}

fn parts(inputs: Vec<Port>, instances: Vec<Instance>) -> Vec<Part> {
    let servable = servable(inputs, vec![]);
    Predict::parse(request(instances)).unwrap().parts(&servable, &servable.methods[0]).unwrap()
}

#[test]
fn instances_with_and_without_an_input_run_apart() {
    let one = |value| floats(&[], &[value]);
    let instances =
        vec![instance([("x", one(1.))]), instance([("x", one(2.)), ("y", one(5.))]), instance([("x", one(3.))])];
    let parts = parts(vec![port("x", DType::F32, Some(&[])), optional("y")], instances);
    assert_eq!(parts.iter().map(Part::rows).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(parts[0].columns()[1], Port::absent(2));
    assert_eq!(parts[1].columns()[1].bytes(), 5f32.to_le_bytes());
}

#[test]
fn an_instance_may_be_empty_if_all_its_inputs_are_optional() {
    let parts = parts(vec![optional("x"), optional("y")], vec![instance([])]);
    assert_eq!(parts[0].columns(), [Port::absent(1), Port::absent(1)]);
}

#[test]
fn the_others_are_missed_as_ever() {
    let typed = servable(vec![port("x", DType::F32, Some(&[])), optional("y")], vec![]);
    let reply = read(&call(&typed, request(vec![instance([("y", floats(&[], &[1.]))])]), |_| Ok(vec![])));
    let text = "Cannot find input x in instance input , servable add, method add_common";
    assert_eq!((reply.instances.len(), reply.errors()), (0, vec![(2, text.into())]));
}
