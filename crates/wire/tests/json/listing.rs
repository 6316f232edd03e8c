//! What is served, as a document.

use salver_core::{Batching, DType, Dim, Policy, StageSpec};
use salver_wire::json::{describe, listing, Version};

use crate::servables::*;

#[test]
fn servables_are_listed_by_name_and_version() {
    let mut digits =
        echo(vec![port("image", DType::F32, Some(&[Dim::Fixed(8), Dim::Free("w".into()), Dim::Free(String::new())]))]);
    digits.methods[0].contract.outputs = vec![port("label", None, None)];
    let tell = salver_core::Contract {
        inputs: vec![document("prompt"), optional("seed", DType::I64, Some(&[]))],
        outputs: vec![port("word", DType::Str, Some(&[]))],
        batched: true,
    };
    digits.methods.push(salver_core::Method {
        name: "tell".into(),
        contract: tell,
        sequence: true,
        ..digits.methods[0].clone()
    });
    digits.methods.push(salver_core::Method { name: "@call_m_0".into(), ..digits.methods[0].clone() });
    let stage = |name: &str, batching| {
        let policy = Policy { max_batch_size: 16, ..Policy::default() };
        StageSpec { name: name.into(), inputs: vec![], outputs: vec![], batching, policy, context: false }
    };
    digits.stages = vec![stage("net", Batching::Batched), stage("odd", Batching::Unbatched("rows differ".into()))];
    let versions = [
        Version { name: "digits", version: 1, state: "loading", reason: None, servable: None },
        Version { name: "add", version: 7, state: "failed", reason: Some("no file"), servable: None },
        Version { name: "digits", version: 2, state: "ready", reason: None, servable: Some(&digits) },
    ];
    let add = r#"{"name":"add","versions":[{"version":7,"state":"failed","reason":"no file"}]}"#;
    let digits = concat!(
        r#"{"name":"digits","versions":[{"version":2,"state":"ready","runtime":"none","default_method":"predict","#,
        r#""methods":[{"name":"predict","batched":true,"#,
        r#""inputs":[{"name":"image","dtype":"float32","shape":[8,"w","any"]}],"#,
        r#""outputs":[{"name":"label","dtype":null,"shape":null}]},"#,
        r#"{"name":"tell","batched":true,"sequence":true,"inputs":[{"name":"prompt","dtype":"json","shape":[]},"#,
        r#"{"name":"seed","dtype":"int64","shape":[],"optional":true}],"#,
        r#""outputs":[{"name":"word","dtype":"str","shape":[]}]}],"#,
        r#""stages":[{"name":"net","batched":true,"max_batch_size":16,"max_wait_ms":0.0},"#,
        r#"{"name":"odd","batched":false,"why_not":"rows differ","max_batch_size":16,"max_wait_ms":0.0}]},"#,
        r#"{"version":1,"state":"loading"}]}"#,
    );
    assert_eq!(read(&listing(&versions)), (200, format!(r#"{{"servables":[{add},{digits}]}}"#)));
    assert_eq!(read(&describe("add", &versions)), (200, add.into()));
    let unknown = "there is no servable 'sub'; GET /servables lists what is served";
    assert_eq!(read(&describe("sub", &versions)), (404, failure("NOT_FOUND", unknown)));
}
