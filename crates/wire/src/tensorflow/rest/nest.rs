use salver_core::Result;
use smallvec::SmallVec;

use super::values::value_here;
use crate::leading::bad_request;
use crate::numbers::Scan;

/// The shape of a value, outermost length first.
pub(super) type Dims = SmallVec<[usize; 5]>;

/// Follows the nesting of lists, whose shape the first ones say and all others must have.
#[derive(Default)]
pub(super) struct Nest {
    /// How many values each open list has so far, outermost first.
    open: Dims,
    /// The length of the lists at each level, once one was closed there.
    lengths: SmallVec<[Option<usize>; 5]>,
    /// The level at which elements are.
    rank: Option<usize>,
}

impl Nest {
    /// Enters a list.
    pub(super) fn open(&mut self) -> Result<()> {
        let level = self.open.len();
        if let Some(rank) = self.rank.filter(|&rank| level >= rank) {
            return Err(bad_request(format!("Encountered list at unexpected level: {level} expected < {rank}")));
        }
        self.count();
        self.open.push(0);
        if self.lengths.len() == level {
            self.lengths.push(None);
        }
        Ok(())
    }

    /// Notes an element, which stands at `scan`.
    pub(super) fn leaf(&mut self, scan: &Scan<'_>) -> Result<()> {
        let level = self.open.len();
        let rank = *self.rank.get_or_insert(level);
        if level != rank {
            let (value, found) = (value_here(scan), level + 1);
            let told = format!("JSON Value: {value} found at incorrect level: {found} in the JSON DOM");
            return Err(bad_request(format!("{told}. Expected at level: {rank}")));
        }
        self.count();
        Ok(())
    }

    /// Reads what may follow a value within its lists; whether that is another value.
    pub(super) fn after_value(&mut self, scan: &mut Scan<'_>) -> Result<bool> {
        while !self.open.is_empty() {
            let next = scan.peek();
            scan.skip();
            match next {
                Some(b',') => return Ok(true),
                Some(b']') => self.close()?,
                _ => return Err(bad_request("JSON Parse error: a list does not go on".into())),
            }
        }
        Ok(false)
    }

    /// The shape of the value that was followed to its end.
    pub(super) fn shape(self) -> Dims {
        self.lengths.iter().map(|length| length.unwrap_or(0)).collect()
    }

    fn count(&mut self) {
        if let Some(count) = self.open.last_mut() {
            *count += 1;
        }
    }

    fn close(&mut self) -> Result<()> {
        let length = self.open.pop().unwrap_or(0);
        let level = self.open.len();
        // Nothing was in it, so nothing can be below it.
        if length == 0 {
            self.rank.get_or_insert(level + 1);
        }
        let wanted = self.lengths.get_mut(level).map_or(length, |known| *known.get_or_insert(length));
        match length == wanted {
            true => Ok(()),
            false => Err(bad_request(format!(
                "Encountered list at unexpected size: {length} at level: {level} expected size: {wanted}"
            ))),
        }
    }
}
