//! What `Classify` and `Regress` ask of a signature, and what they make of its outputs.

use salver_core::{Contract, DType, Result, Tensor};

use super::dtypes;
use crate::leading::{bad_request, shown};

const INPUT: &str = "inputs";
const CLASSES: &str = "classes";
const SCORES: &str = "scores";
const VALUES: &str = "outputs";

/// What is to be made of examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Classify,
    Regress,
}

impl Task {
    /// The task with this method name, which says so in signatures and in tasks of `MultiInference`.
    pub(super) fn named(method_name: &str) -> Option<Task> {
        [Task::Classify, Task::Regress].into_iter().find(|task| task.method_name() == method_name)
    }

    pub(super) const fn method_name(self) -> &'static str {
        match self {
            Task::Classify => "tensorflow/serving/classify",
            Task::Regress => "tensorflow/serving/regress",
        }
    }

    const fn noun(self) -> &'static str {
        match self {
            Task::Classify => "classification",
            Task::Regress => "regression",
        }
    }

    /// Refuses a method whose inputs and outputs are not those of this task.
    pub(super) fn check(self, signature: &str, contract: &Contract) -> Result<()> {
        let (noun, outputs) = (self.noun(), contract.outputs.len());
        let wrong = match self {
            _ if contract.inputs.len() != 1 => Some("Expected one input Tensor.".to_string()),
            Task::Regress if outputs != 1 => Some("Expected one output Tensor.".into()),
            Task::Classify if !(1..=2).contains(&outputs) => {
                Some(format!("Expected one or two output Tensors, found {outputs}"))
            }
            _ if contract.input(INPUT).is_none() => {
                Some(format!("No {noun} inputs found in SignatureDef: {signature}; its input must be \"{INPUT}\""))
            }
            Task::Regress if contract.output(VALUES).is_none() => {
                Some(format!("No {noun} outputs found in SignatureDef: {signature}; its output must be \"{VALUES}\""))
            }
            Task::Classify if contract.output(CLASSES).or(contract.output(SCORES)).is_none() => Some(format!(
                "Expected classification signature outputs to contain at least one of \"{CLASSES}\" or \"{SCORES}\". \
                 Signature was: {signature}"
            )),
            _ => None,
        };
        wrong.map_or(Ok(()), |detail| Err(bad_request(detail)))
    }

    /// Whether a method looks as one of this task does: examples in, labels or numbers out.
    pub(super) fn fits(self, contract: &Contract) -> bool {
        let text = |dtype: Option<DType>| dtype.is_some_and(DType::is_variable);
        let known = |name: &str| [CLASSES, SCORES, VALUES].contains(&name);
        self.check("", contract).is_ok()
            && contract.inputs.iter().all(|input| text(input.dtype))
            && contract
                .outputs
                .iter()
                .all(|output| known(&output.name) && text(output.dtype) == (output.name == CLASSES))
    }

    /// What the outputs say of so many examples.
    pub(super) fn results(self, outputs: &[(&str, Tensor)], examples: usize) -> Result<Results> {
        let named = |wanted: &str| outputs.iter().find(|(name, _)| *name == wanted).map(|(_, tensor)| tensor.clone());
        match self {
            Task::Classify => classes(named(CLASSES), named(SCORES), examples),
            Task::Regress => values(named(VALUES), examples),
        }
    }
}

/// What was made of examples, one entry for each; checked, so that it can be written.
#[derive(Debug)]
pub(super) enum Results {
    Classes(Classes),
    Values(Vec<f32>),
}

/// For every example so many labels or scores, or both.
#[derive(Debug)]
pub(super) struct Classes {
    labels: Option<Tensor>,
    scores: Option<Tensor>,
    examples: usize,
    width: usize,
}

impl Classes {
    /// For every example its labels with their scores; the label is empty where there are none, the score 0.
    pub(super) fn rows(&self) -> impl Iterator<Item = impl Iterator<Item = (&str, f32)>> {
        (0..self.examples).map(move |row| {
            (row * self.width..(row + 1) * self.width).map(move |index| (self.label(index), self.score(index)))
        })
    }

    fn label(&self, index: usize) -> &str {
        let value = self.labels.as_ref().and_then(|labels| labels.values().get(index));
        value.and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default()
    }

    fn score(&self, index: usize) -> f32 {
        let raw = self.scores.as_ref().and_then(|scores| scores.bytes().get(index * 4..)?.first_chunk());
        raw.map_or(0.0, |raw| f32::from_le_bytes(*raw))
    }
}

fn classes(labels: Option<Tensor>, scores: Option<Tensor>, examples: usize) -> Result<Results> {
    let label_width = labels.as_ref().map(|labels| width(labels, CLASSES, "DT_STRING", examples)).transpose()?;
    let score_width = scores.as_ref().map(|scores| width(scores, SCORES, "DT_FLOAT", examples)).transpose()?;
    if let (Some(labels), Some(scores)) = (label_width, score_width) {
        if labels != scores {
            let told = "Tensors class and score should match in dim_size(1)";
            return Err(bad_request(format!("{told}. Got {labels} vs. {scores}")));
        }
    }
    let texts = labels.iter().flat_map(|labels| labels.values());
    if texts.into_iter().any(|label| std::str::from_utf8(label).is_err()) {
        return Err(bad_request("Expected classes Tensor of UTF-8 text, but a label is not".into()));
    }
    let width = label_width.or(score_width).unwrap_or(0);
    Ok(Results::Classes(Classes { labels, scores, examples, width }))
}

/// How many classes an output has for every example.
fn width(output: &Tensor, name: &str, wanted: &str, examples: usize) -> Result<usize> {
    let &[rows, width] = output.shape().dims() else {
        let told = "Expected Tensor shape: [batch_size num_classes] but got";
        return Err(bad_request(format!("{told} {}", shape(output))));
    };
    let found = dtypes::constant(output.dtype());
    if found != wanted {
        return Err(bad_request(format!("Expected {name} Tensor of {wanted}. Got: {found}")));
    }
    match rows == examples {
        true => Ok(width),
        false => Err(bad_request(format!("Expected {name} output batch size of {examples}. Got: {rows}"))),
    }
}

fn values(output: Option<Tensor>, examples: usize) -> Result<Results> {
    let output = output.ok_or_else(|| bad_request(format!("Could not find output tensor '{VALUES}'")))?;
    let (&[rows] | &[rows, 1]) = output.shape().dims() else {
        let told = "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got";
        return Err(bad_request(format!("{told} {}", shape(&output))));
    };
    if rows != examples {
        let told = "Input batch size did not match output batch size";
        return Err(bad_request(format!("{told}: {examples} vs. {rows}")));
    }
    if output.dtype() != DType::F32 {
        let found = dtypes::constant(output.dtype());
        return Err(bad_request(format!("Expected output Tensor of DT_FLOAT.  Got: {found}")));
    }
    let floats = output.bytes().chunks_exact(4).filter_map(<[u8]>::first_chunk);
    Ok(Results::Values(floats.map(|raw| f32::from_le_bytes(*raw)).collect()))
}

fn shape(tensor: &Tensor) -> String {
    shown(tensor.shape().dims())
}
