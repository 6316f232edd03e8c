use smallvec::SmallVec;

/// The most dimensions a tensor may have: numpy's own limit.
pub const MAX_RANK: usize = 64;

/// The most elements a shape may ask for, so that of any type their bytes can be counted by a machine word.
const MOST_ELEMENTS: usize = isize::MAX as usize / 8;

/// The lengths of a tensor's axes, outermost first.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

    /// The number of elements; `None` if no memory could hold them, or if it could not but for a length of zero.
    /// Frameworks refuse such lengths even where there is nothing to hold.
    pub fn elements(&self) -> Option<usize> {
        elements(&self.0)
    }

    /// The shape without its leading axis; a scalar has none to lose.
    pub fn row(&self) -> &[usize] {
        self.0.get(1..).unwrap_or(&[])
    }
}

fn elements(dims: &[usize]) -> Option<usize> {
    let lengths = dims.iter().filter(|&&dim| dim != 0);
    let product = lengths.copied().try_fold(1usize, usize::checked_mul).filter(|&product| product <= MOST_ELEMENTS)?;
    Some(if dims.contains(&0) { 0 } else { product })
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Shape, MOST_ELEMENTS};

    #[test]
    fn elements_multiply_and_refuse_to_overflow() {
        assert_eq!(Shape::new([]).elements(), Some(1));
        assert_eq!(Shape::new([3, 4]).elements(), Some(12));
        assert_eq!(Shape::new([usize::MAX, 2]).elements(), None);
        assert_eq!(Shape::new([MOST_ELEMENTS]).elements(), Some(MOST_ELEMENTS));
        assert_eq!(Shape::new([MOST_ELEMENTS + 1]).elements(), None);
    }

    #[test]
    fn a_zero_makes_no_elements_but_excuses_no_length() {
        assert_eq!(Shape::new([3, 0, 4]).elements(), Some(0));
        assert_eq!(Shape::new([0, MOST_ELEMENTS]).elements(), Some(0));
        assert_eq!(Shape::new([usize::MAX, 2, 0]).elements(), None);
        assert_eq!(Shape::new([0, 1 << 62]).elements(), None);
    }
}
