//! The JSON of an infer request as `serde` reads it. What must be there is checked later, for the sake of its text.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::scalars::Scalars;
use crate::kserve::input::{MAX_RANK, MAX_TENSORS};

#[derive(Deserialize)]
pub(super) struct Document<'a> {
    pub(super) id: Option<String>,
    pub(super) parameters: Option<Scalars>,
    #[serde(borrow)]
    pub(super) inputs: Option<Few<InputDocument<'a>, MAX_TENSORS>>,
    pub(super) outputs: Option<Few<OutputDocument, MAX_TENSORS>>,
}

#[derive(Deserialize)]
pub(super) struct InputDocument<'a> {
    pub(super) name: Option<String>,
    pub(super) datatype: Option<String>,
    pub(super) shape: Option<Few<i64, MAX_RANK>>,
    pub(super) parameters: Option<InputParameters>,
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
pub(super) struct InputParameters {
    pub(super) binary_data_size: Option<u64>,
    pub(super) shared_memory_region: Option<IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct OutputDocument {
    pub(super) name: Option<String>,
    pub(super) parameters: Option<OutputParameters>,
}

#[derive(Default, Deserialize)]
pub(super) struct OutputParameters {
    pub(super) binary_data: Option<bool>,
    pub(super) classification: Option<IgnoredAny>,
    pub(super) shared_memory_region: Option<IgnoredAny>,
}

/// At most `MAX` values, so that a short document cannot ask for much memory.
pub(super) struct Few<T, const MAX: usize>(pub(super) Vec<T>);

impl<T, const MAX: usize> Default for Few<T, MAX> {
    fn default() -> Self {
        Few(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Few<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FewVisitor(PhantomData))
    }
}

struct FewVisitor<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for FewVisitor<T, MAX> {
    type Value = Few<T, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of at most {MAX} values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        let mut few = Vec::new();
        while let Some(value) = values.next_element()? {
            if few.len() == MAX {
                return Err(A::Error::invalid_length(MAX + 1, &self));
            }
            few.push(value);
        }
        Ok(Few(few))
    }
}
