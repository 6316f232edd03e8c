use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Contract, Port};

/// Where a value of a plan comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The method's input with this index.
    Input(usize),
    /// Output `1` of the plan's step `0`.
    Step(usize, usize),
}

/// One use of a stage by a method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Index into the servable's stages.
    pub stage: usize,
    pub inputs: Vec<Source>,
}

/// How a method's outputs come from its inputs: steps in order, each using only earlier values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub steps: Vec<Step>,
    pub outputs: Vec<Source>,
}

/// How a stage forms batches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// The most rows that run together; at least 1.
    pub max_batch_size: usize,
    /// How long a free executor waits for more rows, in milliseconds.
    pub max_wait_ms: f64,
    /// Rows are run one after the other anyway, so a batch is shared out over idle lanes.
    pub row_by_row: bool,
    /// Run the halves of a batch that failed, to find the rows at fault.
    pub isolate_rows: bool,
    /// Run a batch once more elsewhere when its worker died after starting it.
    pub retry_lost: bool,
    /// The numbers of rows that a model is run with, ascending; a batch is filled up to the next one. Empty: any.
    pub allowed_batch_sizes: Vec<usize>,
    /// How many batches' rows may wait; calls that come when there is no room are refused.
    pub max_waiting_batches: Option<usize>,
    /// The most rows of one call.
    pub max_call_rows: Option<usize>,
    /// A call of more rows than may run together runs in pieces of so many; otherwise its rows run by themselves.
    pub split_calls: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            max_batch_size: 32,
            max_wait_ms: 0.0,
            row_by_row: false,
            isolate_rows: true,
            retry_lost: false,
            allowed_batch_sizes: Vec::new(),
            max_waiting_batches: None,
            max_call_rows: None,
            split_calls: true,
        }
    }
}

/// Whether rows run together, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Batching {
    Batched,
    Unbatched(String),
}

/// One step's work, shared by all methods that use it: a model, or a chain of functions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageSpec {
    pub name: String,
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
    pub batching: Batching,
    #[serde(default)]
    pub policy: Policy,
    /// Whether its code wants to know about callers: metadata, parameters, deadline.
    #[serde(default)]
    pub context: bool,
}

/// Named, typed inputs -> stages -> named, typed outputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    pub name: String,
    pub contract: Contract,
    pub plan: Plan,
    /// Whether each row is answered by a sequence of items, as its last stage gives them.
    #[serde(default)]
    pub sequence: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// What a SavedModel says of a signature beside its contract; names of tensors are by input and by output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// Empty if it says none.
    pub method_name: String,
    pub inputs: BTreeMap<String, String>,
    pub outputs: BTreeMap<String, String>,
}

/// A service of a `.proto` file, some of whose methods are methods of this servable too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its full name, with its package.
    pub name: String,
    /// The encoded `FileDescriptorSet` that describes it, as base64.
    pub descriptors: String,
    pub methods: Vec<Rpc>,
}

/// A method of a service, one message of which is one row of a servable's method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rpc {
    pub rpc: String,
    pub method: String,
    /// The field of the request that each input comes from.
    pub inputs: BTreeMap<String, String>,
    /// The field of the reply that each output goes to.
    pub outputs: BTreeMap<String, String>,
}

/// One version of what is served under one name, as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Servable {
    pub name: String,
    pub version: u64,
    /// What runs it: `onnx`, `python`, ...
    pub runtime: String,
    pub methods: Vec<Method>,
    pub stages: Vec<StageSpec>,
    #[serde(default)]
    pub services: Vec<Service>,
}

impl Servable {
    /// Reads a servable from JSON and checks that its plans hold together, so that nobody needs to again.
    pub fn from_json(text: &str) -> Result<Servable, String> {
        let servable: Servable = serde_json::from_str(text).map_err(|error| error.to_string())?;
        servable.check()?;
        Ok(servable)
    }

    /// Whether the plans hold together: every index and source in them is one that exists.
    pub fn check(&self) -> Result<(), String> {
        if let Some(stage) = self.stages.iter().find(|stage| stage.policy.max_batch_size == 0) {
            return Err(format!("stage '{}': max_batch_size must be at least 1", stage.name));
        }
        for method in &self.methods {
            self.check_plan(method).map_err(|problem| format!("method '{}': {problem}", method.name))?;
        }
        if self.methods.is_empty() {
            return Err("a servable needs at least one method".into());
        }
        Ok(())
    }

    fn check_plan(&self, method: &Method) -> Result<(), String> {
        let inputs = method.contract.inputs.len();
        let mut widths: Vec<usize> = Vec::new();
        let known = |source: &Source, widths: &[usize]| match *source {
            Source::Input(index) => index < inputs,
            Source::Step(step, output) => widths.get(step).is_some_and(|&width| output < width),
        };
        for step in &method.plan.steps {
            let stage = self.stages.get(step.stage).ok_or("a step names a stage that does not exist")?;
            if step.inputs.is_empty() || step.inputs.len() != stage.inputs.len() {
                return Err(format!("stage '{}' takes {} inputs", stage.name, stage.inputs.len()));
            }
            if !step.inputs.iter().all(|source| known(source, &widths)) {
                return Err(format!("stage '{}' uses a value that no earlier step gives", stage.name));
            }
            widths.push(stage.outputs.len());
        }
        let last = method.plan.steps.last().and_then(|step| self.stages.get(step.stage));
        if method.sequence && last.is_none_or(|stage| stage.batching == Batching::Batched) {
            return Err("a sequence must come from a last stage that runs row by row".into());
        }
        let outputs = &method.plan.outputs;
        let complete = outputs.len() == method.contract.outputs.len();
        match complete && outputs.iter().all(|source| known(source, &widths)) {
            true => Ok(()),
            false => Err("its outputs do not match its contract".into()),
        }
    }

    pub fn method(&self, name: &str) -> Option<usize> {
        self.methods.iter().position(|method| method.name == name)
    }

    /// The method meant by a caller who names none: the only public one, else `serving_default`, else
    /// `predict`, else the first declared. Names beginning with `@` are never meant.
    pub fn default_method(&self) -> Option<usize> {
        let mut public = (0..self.methods.len()).filter(|&index| !self.methods[index].name.starts_with('@'));
        let first = public.next()?;
        if public.next().is_none() {
            return Some(first);
        }
        Some(self.method("serving_default").or_else(|| self.method("predict")).unwrap_or(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servable(methods: &[&str]) -> Servable {
        let contract = Contract { inputs: vec![], outputs: vec![], batched: true };
        let plan = Plan { steps: vec![], outputs: vec![] };
        let method = |name: &&str| Method {
            name: name.to_string(),
            contract: contract.clone(),
            plan: plan.clone(),
            sequence: false,
            origin: None,
        };
        let methods = methods.iter().map(method).collect();
        Servable { name: "s".into(), version: 1, runtime: "none".into(), methods, stages: vec![], services: vec![] }
    }

    #[test]
    fn the_default_method_follows_the_order_of_preference() {
        let cases: &[(&[&str], Option<usize>)] = &[
            (&["@call_m_0"], None),
            (&["only", "@call_m_0"], Some(0)),
            (&["a", "predict", "serving_default"], Some(2)),
            (&["a", "predict"], Some(1)),
            (&["a", "b"], Some(0)),
        ];
        for (methods, wanted) in cases {
            assert_eq!(servable(methods).default_method(), *wanted, "{methods:?}");
        }
    }

    #[test]
    fn plans_that_do_not_hold_together_are_refused() {
        let mut broken = servable(&["m"]);
        broken.methods[0].plan.outputs = vec![Source::Step(0, 0)];
        assert!(broken.check().unwrap_err().contains("outputs"));
        broken.methods[0].plan.steps = vec![Step { stage: 0, inputs: vec![] }];
        assert!(broken.check().unwrap_err().contains("does not exist"));
        assert!(Servable::from_json("{").is_err());
    }

    #[test]
    fn what_a_saved_model_says_is_kept_and_left_out_where_there_is_none() {
        let text = r#"{"name": "s", "version": 1, "runtime": "openvino", "stages": [], "methods": [{
            "name": "m", "contract": {"inputs": [], "outputs": [], "batched": true},
            "plan": {"steps": [], "outputs": []}, "sequence": false,
            "origin": {"method_name": "tensorflow/serving/regress", "inputs": {"x": "serve_x:0"}, "outputs": {}}}]}"#;
        let read = Servable::from_json(text).unwrap();
        let origin = Origin {
            method_name: "tensorflow/serving/regress".into(),
            inputs: [("x".to_string(), "serve_x:0".to_string())].into(),
            outputs: BTreeMap::new(),
        };
        assert_eq!(read.methods[0].origin, Some(origin));
        assert!(!serde_json::to_string(&servable(&["m"])).unwrap().contains("origin"));
    }
}
