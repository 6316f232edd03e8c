//! Why an array is no tensor, found in one pass that keeps nothing of it: as values, strangers' arrays would take far
//! more memory than their text.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The deepest nesting of arrays that JSON is read to.
const DEEPEST: usize = 127;

/// The first value within arrays that is none itself.
pub(super) struct Leaf<'a> {
    pub json: &'a str,
    /// How many arrays it stands in.
    pub depth: usize,
    /// Whether there is nothing else in them.
    pub alone: bool,
}

impl Leaf<'_> {
    /// The first leaf of an array; `None` if the first of its innermost arrays is empty.
    pub fn first(array: &str) -> Result<Option<Leaf<'_>>, String> {
        let inner = array.trim_start_matches(|next: char| next == '[' || next.is_ascii_whitespace());
        let depth = array[..array.len() - inner.len()].matches('[').count();
        if depth > DEEPEST {
            return Err("recursion limit exceeded".into());
        }
        if inner.starts_with(']') {
            return Ok(None);
        }
        let mut values = serde_json::Deserializer::from_str(inner).into_iter::<&RawValue>();
        let leaf = values.next().and_then(Result::ok).ok_or("json array, data type is unknown")?;
        let after = inner.get(values.byte_offset()..).unwrap_or_default();
        let alone = after.bytes().all(|next| next == b']' || next.is_ascii_whitespace());
        Ok(Some(Leaf { json: leaf.get(), depth, alone }))
    }
}

/// What leaves of one array must have in common.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Whole,
    Float,
    Bool,
}

/// The first place where an array is not as its first elements say.
#[derive(Clone, Copy)]
enum Mistake {
    Length { given: usize, level: usize, expected: usize },
    NoArray,
    NoValue,
    Kind,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Mistake::Length { given, level, expected } => {
                write!(f, "invalid json array: json size is {given}, the dim {level} expected to be {expected}")
            }
            Mistake::NoArray => f.write_str("invalid json array: json type is not array"),
            Mistake::NoValue => f.write_str("json array, data should be number, bool, string or bytes"),
            Mistake::Kind => f.write_str("json array, elements type is not equal"),
        }
    }
}

/// What is wrong with an array whose first leaf, `depth` arrays deep, is of this kind; `None` if nothing is.
pub(super) fn mismatch(array: &str, depth: usize, wanted: Kind) -> Result<Option<String>, String> {
    let mut lengths = vec![None; depth];
    let walk = Walk { lengths: &mut lengths, level: 0, wanted };
    let found = walk.deserialize(&mut serde_json::Deserializer::from_str(array));
    found.map(|mistake| mistake.map(|mistake| mistake.to_string())).map_err(|error| error.to_string())
}

/// A value at some level, held against what came before it.
struct Walk<'w> {
    /// Of each level the length of its first array, once that has ended. It has before any other begins.
    lengths: &'w mut [Option<usize>],
    level: usize,
    wanted: Kind,
}

impl Walk<'_> {
    fn leaf<E>(self, kind: Option<Kind>) -> Result<Option<Mistake>, E> {
        Ok(match self.level < self.lengths.len() {
            true => Some(Mistake::NoArray),
            false => (kind != Some(self.wanted)).then_some(Mistake::Kind),
        })
    }

    fn no_value<E>(self) -> Result<Option<Mistake>, E> {
        Ok(Some(if self.level < self.lengths.len() { Mistake::NoArray } else { Mistake::NoValue }))
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Option<Mistake>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Option<Mistake>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        self.leaf(Some(Kind::Bool))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        self.leaf(Some(Kind::Whole))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        self.leaf(Some(Kind::Whole))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        self.leaf(Some(Kind::Float))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        self.leaf(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        self.no_value()
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.no_value()
    }

    /// A wrong length comes before whatever is wrong within.
    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        let Walk { lengths, level, wanted } = self;
        let (mut given, mut within) = (0, None);
        if level == lengths.len() {
            while values.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Some(Mistake::NoValue));
        }
        while let Some(mistake) = values.next_element_seed(Walk { lengths, level: level + 1, wanted })? {
            given += 1;
            within = within.or(mistake);
        }
        let expected = *lengths[level].get_or_insert(given);
        Ok(if given == expected { within } else { Some(Mistake::Length { given, level, expected }) })
    }
}
