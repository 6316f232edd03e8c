//! Methods' plans, made ready for use.

use salver_core::{Method, Servable, Signature, Source, Tensor};

use crate::flow::Fragment;

/// One step of a method: its stage, and the numbers of the values that are the stage's inputs.
#[derive(Debug)]
pub(crate) struct Step {
    pub stage: usize,
    pub inputs: Vec<usize>,
}

/// A method's plan. Values are numbered: the inputs first, then each step's outputs.
#[derive(Debug)]
pub(crate) struct Route {
    pub inputs: usize,
    pub steps: Vec<Step>,
    outputs: Vec<usize>,
    /// How many values there are before the last step's outputs.
    known: usize,
}

impl Route {
    /// The plan must hold together (see [`Servable::check`]).
    pub fn of(servable: &Servable, method: &Method) -> Route {
        let inputs = method.contract.inputs.len();
        let mut starts = vec![inputs];
        let mut known = inputs;
        for step in &method.plan.steps {
            known = starts[starts.len() - 1];
            starts.push(known + servable.stages[step.stage].outputs.len());
        }
        let number = |source: &Source| match *source {
            Source::Input(input) => input,
            Source::Step(step, output) => starts[step] + output,
        };
        let step = |step: &salver_core::Step| {
            let inputs = step.inputs.iter().map(number).collect();
            Step { stage: step.stage, inputs }
        };
        let steps = method.plan.steps.iter().map(step).collect();
        Route { inputs, steps, outputs: method.plan.outputs.iter().map(number).collect(), known }
    }

    /// What a fragment must share with others to run with them in its next step.
    pub fn signature(&self, fragment: &Fragment) -> Signature {
        Signature::of(self.steps[fragment.step].inputs.iter().map(|&input| &fragment.values[input]))
    }

    /// The method's outputs; `columns` are those of the last step.
    pub fn outputs(&self, fragment: &Fragment, columns: Vec<Tensor>) -> Vec<Tensor> {
        let exactly_the_last = self.outputs.iter().copied().eq(self.known..self.known + columns.len());
        if exactly_the_last {
            return columns;
        }
        let value = |&number: &usize| match number.checked_sub(self.known) {
            None => fragment.value(number),
            Some(column) => columns[column].clone(),
        };
        self.outputs.iter().map(value).collect()
    }
}
