use smallvec::SmallVec;

/// The lengths of a tensor's axes, outermost first.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub struct Shape(SmallVec<[usize; 5]>);

impl Clone for Shape {
    /// One copy of memory: the derived way goes length by length, and every tensor that is shared pays for it.
    fn clone(&self) -> Self {
        Shape(SmallVec::from_slice(&self.0))
    }
}

impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Self {
        Shape(SmallVec::from_slice(dims))
    }
}

impl Shape {
    pub fn new(dims: impl IntoIterator<Item = usize>) -> Self {
        Shape(dims.into_iter().collect())
    }

    /// The shape of `rows` rows, each of `row` shape.
    pub fn batched(rows: usize, row: &[usize]) -> Self {
        let mut dims = SmallVec::with_capacity(row.len() + 1);
        dims.push(rows);
        dims.extend_from_slice(row);
        Shape(dims)
    }

    pub fn dims(&self) -> &[usize] {
        &self.0
    }

    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The number of elements, or `None` if it does not fit a machine word.
    pub fn elements(&self) -> Option<usize> {
        elements(&self.0)
    }

    /// The shape without its leading axis; a scalar has none to lose.
    pub fn row(&self) -> &[usize] {
        self.0.get(1..).unwrap_or(&[])
    }
}

/// The product of `dims`, or `None` on overflow. A zero anywhere makes it zero, whatever the rest.
fn elements(dims: &[usize]) -> Option<usize> {
    if dims.contains(&0) {
        return Some(0);
    }
    dims.iter().try_fold(1usize, |all, &dim| all.checked_mul(dim))
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Shape;

    #[test]
    fn elements_multiply_and_refuse_to_overflow() {
        assert_eq!(Shape::new([]).elements(), Some(1));
        assert_eq!(Shape::new([3, 4]).elements(), Some(12));
        assert_eq!(Shape::new([usize::MAX, 2]).elements(), None);
        assert_eq!(Shape::new([usize::MAX, 2, 0]).elements(), Some(0));
    }
}
