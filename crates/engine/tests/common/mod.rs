//! A servable whose stages are known functions of each row, so that every answer can be checked.

#![allow(dead_code)] // each test file uses its own part of this
#![allow(clippy::unwrap_used)] // a test that cannot go on fails

use salver_core::*;

/// xorshift64*: small, seeded, the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(mix(seed) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        ((self.next() >> 33) as usize) % bound
    }

    pub fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

pub fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_add(0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

pub fn port(name: &str) -> Port {
    Port { name: name.into(), dtype: Some(DType::U64), dims: None, optional: false, json: false }
}

pub fn ports(count: usize) -> Vec<Port> {
    (0..count).map(|index| port(&format!("v{index}"))).collect()
}

pub fn stage(name: &str, inputs: usize, outputs: usize, policy: Policy) -> StageSpec {
    let (inputs, outputs) = (ports(inputs), ports(outputs));
    StageSpec { name: name.into(), inputs, outputs, batching: Batching::Batched, policy, context: false }
}

pub fn method(name: &str, inputs: usize, steps: &[(usize, &[Source])], outputs: &[Source]) -> Method {
    let contract = Contract { inputs: ports(inputs), outputs: ports(outputs.len()), batched: true };
    let step = |&(stage, inputs): &(usize, &[Source])| Step { stage, inputs: inputs.to_vec() };
    let plan = Plan { steps: steps.iter().map(step).collect(), outputs: outputs.to_vec() };
    Method { name: name.into(), contract, plan, sequence: false, origin: None }
}

pub fn servable(stages: Vec<StageSpec>, methods: Vec<Method>) -> Servable {
    Servable { name: "model".into(), version: 1, runtime: "test".into(), methods, stages, services: vec![] }
}

/// One stage with this policy, and one method that is just it.
pub fn simple(policy: Policy) -> Servable {
    let methods = vec![method("m", 1, &[(0, &[Source::Input(0)])], &[Source::Step(0, 0)])];
    servable(vec![stage("s", 1, 1, policy)], methods)
}

/// Stages and methods of every kind that there is.
pub fn varied() -> Servable {
    use Source::{Input, Step};
    let policy = Policy::default;
    let mut single = stage("single", 1, 1, policy());
    single.batching = Batching::Unbatched("for the test".into());
    let stages = vec![
        stage("plain", 1, 1, Policy { max_batch_size: 4, split_calls: false, ..policy() }),
        stage("waits", 2, 2, Policy { max_batch_size: 8, max_wait_ms: 0.001, ..policy() }),
        single,
        stage("shares", 1, 1, Policy { max_batch_size: 6, row_by_row: true, retry_lost: true, ..policy() }),
        stage("whole", 1, 2, Policy { isolate_rows: false, ..policy() }),
    ];
    let methods = vec![
        method("one", 1, &[(0, &[Input(0)])], &[Step(0, 0)]),
        method("pair", 2, &[(1, &[Input(1), Input(0)])], &[Step(0, 1), Step(0, 0)]),
        method(
            "chain",
            1,
            &[(3, &[Input(0)]), (1, &[Input(0), Step(0, 0)]), (0, &[Step(1, 1)])],
            &[Step(2, 0), Input(0), Step(1, 0)],
        ),
        method("echo", 2, &[], &[Input(1), Input(0)]),
        method("lonely", 1, &[(2, &[Input(0)]), (4, &[Step(0, 0)])], &[Step(1, 0), Step(1, 1)]),
        method("shared", 1, &[(3, &[Input(0)])], &[Step(0, 0)]),
    ];
    servable(stages, methods)
}

fn elements(tensor: &Tensor) -> impl Iterator<Item = u64> + '_ {
    tensor.bytes().chunks_exact(8).map(|chunk| u64::from_le_bytes(chunk.try_into().unwrap()))
}

pub fn tensor(dims: &[usize], values: impl Iterator<Item = u64>) -> Tensor {
    let bytes: Vec<u8> = values.flat_map(u64::to_le_bytes).collect();
    Tensor::fixed(DType::U64, Shape::new(dims.iter().copied()), bytes.into()).unwrap()
}

/// What stage number `stage` makes of its inputs, element by element.
pub fn run(stage: usize, outputs: usize, columns: &[Tensor]) -> Vec<Tensor> {
    let dims = columns[0].shape().dims();
    let output = |output: usize| {
        let mut values: Vec<u64> = elements(&columns[0]).collect();
        for column in &columns[1..] {
            values.iter_mut().zip(elements(column)).for_each(|(value, other)| *value = value.rotate_left(7) ^ other);
        }
        tensor(dims, values.into_iter().map(|value| mix(value.wrapping_add((stage * 10 + output) as u64))))
    };
    (0..outputs).map(output).collect()
}

/// What a method answers for these inputs.
pub fn expected(servable: &Servable, method: usize, inputs: &[Tensor]) -> Vec<Tensor> {
    let plan = &servable.methods[method].plan;
    let mut steps: Vec<Vec<Tensor>> = Vec::new();
    let value = |source: &Source, steps: &[Vec<Tensor>]| match *source {
        Source::Input(input) => inputs[input].clone(),
        Source::Step(step, output) => steps[step][output].clone(),
    };
    for step in &plan.steps {
        let columns: Vec<Tensor> = step.inputs.iter().map(|source| value(source, &steps)).collect();
        steps.push(run(step.stage, servable.stages[step.stage].outputs.len(), &columns));
    }
    plan.outputs.iter().map(|source| value(source, &steps)).collect()
}

/// Whether this row of these inputs makes its batch fail.
pub fn poisonous(columns: &[Tensor], row: usize) -> bool {
    elements(&columns[0].slice(row, 1)).next().is_some_and(|value| mix(value) % 23 == 0)
}

/// The rows of a part, all different from those of any other.
pub fn part(random: &mut Random, columns: usize, rows: usize, width: usize) -> Part {
    let column = |_| tensor(&[rows, width], (0..rows * width).map(|_| random.next()).collect::<Vec<_>>().into_iter());
    Part::new(rows, (0..columns).map(column).collect()).unwrap()
}
