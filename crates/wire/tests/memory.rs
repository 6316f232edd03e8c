//! What strangers send takes memory in proportion to its bytes, before anything else bounds it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // a test that cannot go on fails

use bytes::Bytes;
use salver_core::{Contract, DType, Error, Method, Plan, Port, Servable};
use salver_wire::kserve::{grpc, http};
use salver_wire::mindspore::rest;
use salver_wire::Exchange;

/// Much of what is small by itself, so that whoever keeps each piece needs many times this.
const LENGTH: usize = 8 << 20;

/// The most memory that a body may take for each of its bytes: numbers are read into the widest type that they may have.
const MOST: usize = 5;

/// A figure of this process, in bytes.
fn status(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').trim_end_matches("kB").trim().parse::<usize>().unwrap() << 10
}

/// How many bytes more there were at once while this ran than before.
fn taken(work: impl FnOnce()) -> usize {
    // Forgets the peak so far; where that is not allowed, it only counts what exceeds it.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = status("VmRSS").max(status("VmHWM"));
    work();
    status("VmHWM").saturating_sub(before)
}

fn port(name: &str, dtype: DType) -> Port {
    Port { name: name.into(), dtype: Some(dtype), dims: None, optional: false, json: false }
}

fn servable(dtype: DType) -> Servable {
    let contract = Contract { inputs: vec![port("x", dtype)], outputs: vec![], batched: true };
    let plan = Plan { steps: vec![], outputs: vec![] };
    let method = Method { name: "m".into(), contract, plan, sequence: false, origin: None };
    let (name, runtime) = ("s".into(), "test".into());
    Servable { name, version: 1, runtime, methods: vec![method], stages: vec![], services: vec![] }
}

/// A piece of text again and again, between others.
fn repeated(before: &str, piece: &str, after: &str) -> Bytes {
    (before.to_owned() + &piece.repeat(LENGTH / piece.len()) + after).into()
}

fn parts(mut exchange: impl Exchange, dtype: DType) -> Option<Error> {
    let servable = servable(dtype);
    exchange.parts(&servable, &servable.methods[0]).err()
}

fn infer(body: Bytes) -> Option<Error> {
    http::Infer::parse("s", None, None, body).err()
}

fn generate(body: Bytes) -> Option<Error> {
    parts(http::Generate::new("s", None, body), DType::F32)
}

fn predict(body: Bytes) -> Option<Error> {
    let address = rest::Address { servable: "s".into(), method: "m".into(), version: 0 };
    parts(rest::Call::new(address, body), DType::I32)
}

/// The refusal of an unknown servable, for which the body is looked at all the same.
fn predict_nothing(body: Bytes) -> Option<Error> {
    let address = rest::Address { servable: "none".into(), method: "m".into(), version: 0 };
    let unknown = Error::UnknownServable { servable: "none".into() };
    rest::Call::new(address, body).refuse(&unknown);
    None
}

fn over_grpc(body: Bytes) -> Option<Error> {
    parts(grpc::Infer::parse(body).unwrap(), DType::Bytes)
}

/// Empty values for an input of one: `x`, `BYTES`, `[1]`.
fn empty_values() -> Bytes {
    let contents = repeated("", "\x42\0", "");
    let mut input = b"\x0a\x01x\x12\x05BYTES\x18\x01\x2a".to_vec();
    varint(&mut input, contents.len());
    input.extend_from_slice(&contents);
    let mut message = b"\x0a\x01s\x2a".to_vec();
    varint(&mut message, input.len());
    message.extend_from_slice(&input);
    message.into()
}

fn varint(out: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn named(before: &str, after: &str) -> Bytes {
    let members: String = (0..LENGTH / 12).map(|index| format!("\"{index:07}\":1,")).collect();
    format!("{before}{members}{after}").into()
}

#[test]
fn small_pieces_take_no_more_than_large_ones() {
    type Case = (&'static str, fn(Bytes) -> Option<Error>, Bytes);
    let cases: [Case; 15] = [
        ("parameters within parameters", infer, repeated(r#"{"parameters":{"a":["#, "[0],", r#"[]]},"inputs":[]}"#)),
        ("parameters", infer, named(r#"{"parameters":{"#, r#""b":1},"inputs":[]}"#)),
        ("arrays of no input", generate, repeated(r#"{"a":["#, "[0],", "[]]}")),
        ("parameters of a row", generate, named(r#"{"parameters":{"#, r#""b":1}}"#)),
        ("members", generate, repeated("{", r#""":0,"#, r#""":0}"#)),
        ("arrays of other depth", predict, repeated(r#"{"instances":{"x":[1,"#, "[0],", "[0]]}}")),
        ("arrays of other length", predict, repeated(r#"{"instances":{"x":[[1,2],"#, "[0],", "[0]]}}")),
        ("arrays within an array", predict_nothing, repeated(r#"{"instances":{"x":[1,"#, "[0],", "[0]]}}")),
        ("an object within arrays", predict, repeated(r#"{"instances":{"x":[{"a":["#, "[0],", "[0]]}]}}")),
        (
            "arrays in arrays",
            predict,
            (r#"{"instances":{"x":"#.to_owned() + &"[".repeat(LENGTH) + &"]".repeat(LENGTH) + "}}").into(),
        ),
        ("a shape", predict, repeated(r#"{"instances":{"x":{"b64":"","shape":["#, "0,", "0]}}}")),
        ("empty instances", predict, repeated(r#"{"instances":["#, "{},", "{}]}")),
        ("instances", predict_nothing, repeated(r#"{"instances":["#, r#"{"a":1},"#, r#"{"a":1}]}"#)),
        ("members of an instance", predict, repeated(r#"{"instances":{"#, r#""a":0,"#, r#""x":1}}"#)),
        ("texts without text", over_grpc, empty_values()),
    ];
    let worst = cases.into_iter().filter_map(|(what, ask, body)| {
        let length = body.len();
        let taken = taken(|| drop(ask(body)));
        (taken >= MOST * length).then(|| format!("{what}: {} times its bytes", taken / length))
    });
    assert_eq!(worst.collect::<Vec<_>>(), [""; 0]);
}
