use salver_core::*;
use salver_engine::*;
use salver_exec::link::*;

use crate::bench::*;

#[test]
fn tensors_of_all_sizes_come_back() {
    for place in PLACES {
        let (mut bench, worker) = Bench::with_worker(servable(Policy::default(), false), place, echo);
        for width in [1, 1000, 40_000, 70_000, 400_000, 3_000_000] {
            for _ in 0..5 {
                bench.call(&[3, 5, 7], width, false);
            }
            (0..5).for_each(|_| assert_eq!(bench.answer(), Ok(vec![3, 5, 7]), "{width}"));
        }
        bench.close(worker);
    }
}

#[test]
fn text_comes_back() {
    let mut text = servable(Policy::default(), false);
    text.methods[0].contract.inputs[0].dtype = Some(DType::Str);
    let (mut bench, worker) = Bench::with_worker(text, Place::Housed, echo);
    let long = "x".repeat(100_000);
    let values = ["", "a", "ü", &long].map(|value| bytes::Bytes::from(value.to_owned())).to_vec();
    let column = Tensor::variable(DType::Str, Shape::new([4]), values).unwrap();
    bench.submit(column.clone(), false);
    assert_eq!(bench.delivery().items[0].outcome.as_ref().unwrap()[0], column);
    bench.close(worker);
}

#[test]
fn rows_fail_one_by_one_and_batches_as_a_whole() {
    let work = |worker: &mut Worker| {
        while let Some(opened) = worker.take(true).unwrap() {
            let failure = || Failure::plain(Fault::Raised, "no".into());
            let pieces = match opened.columns[0].bytes()[0] {
                1 => vec![(opened.rows, Err(failure()))],
                _ => (0..opened.rows).map(|_| (1, Err(failure()))).collect(),
            };
            worker.answer(opened.id, true, &Outcome { pieces });
            worker.flush().unwrap();
        }
    };
    let policy = Policy { isolate_rows: false, ..Policy::default() };
    let (mut bench, worker) = Bench::with_worker(servable(policy, false), Place::Housed, work);
    for first in [1, 2] {
        bench.call(&[first, first], 4, false);
        assert!(matches!(bench.answer(), Err(Error::Author { message, .. }) if message == "no"));
    }
    bench.close(worker);
}

#[test]
fn a_full_arena_is_no_trouble() {
    let work = |worker: &mut Worker| {
        let mut kept = Vec::new();
        while let Some(opened) = worker.take(true).unwrap() {
            respond(worker, &opened, true);
            // As code does that keeps what it was given.
            kept.extend(opened.columns);
        }
        let whole = |column: &Tensor| column.bytes().iter().all(|&byte| byte == column.bytes()[0]);
        assert!(kept.iter().all(whole));
    };
    let (mut bench, worker) = Bench::with_worker(servable(Policy::default(), false), Place::Housed, work);
    let mut answers = Vec::new();
    for row in 0..20 {
        bench.call(&[row], 90_000, false);
        answers.push(bench.delivery());
    }
    for (row, answer) in answers.iter().enumerate() {
        let columns = answer.items[0].outcome.as_ref().unwrap();
        assert!(columns[0].bytes().iter().all(|&byte| usize::from(byte) == row));
    }
    bench.close(worker);
}

#[test]
fn a_worker_calls_models_of_its_servable_and_nothing_else() {
    let work = |worker: &mut Worker| {
        while let Some(opened) = worker.take(true).unwrap() {
            let column = || vec![Column::of(&[&opened.columns[0]]).unwrap()];
            let refused = worker.call(opened.id, 0, opened.rows, &column());
            let (_, outcome) = worker.reply(refused, opened.rows).unwrap().pop().unwrap();
            assert!(outcome.unwrap_err().message.contains("models only"));
            let call = worker.call(opened.id, 1, opened.rows, &column());
            let (rows, outcome) = worker.reply(call, opened.rows).unwrap().pop().unwrap();
            let outputs = outcome.unwrap();
            let columns = vec![Column::of(&[&outputs[0]]).unwrap()];
            worker.answer(opened.id, true, &Outcome { pieces: vec![(rows, Ok(columns))] });
            worker.flush().unwrap();
        }
    };
    let (mut bench, worker) = Bench::with_worker(servable(Policy::default(), false), Place::Housed, work);
    let model = bench.version.add_lane(vec![1], 1);
    bench.call(&[4, 6], 3, false);
    let batch = bench.version.take_blocking(model).unwrap();
    let (id, columns) = (batch.id, batch.into_columns().unwrap());
    assert_eq!(columns[0].bytes(), [4, 4, 4, 6, 6, 6]);
    bench.version.finish(id, BatchOutcome::Whole(Ok(columns)));
    assert_eq!(bench.answer(), Ok(vec![4, 6]));
    bench.close(worker);
}
