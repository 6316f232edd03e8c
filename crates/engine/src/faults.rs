//! Finding the rows that made a batch fail, by running halves of it.
//!
//! A failed batch is halved once. If one half fails and the other does not, the failed one is halved further; if
//! both fail it was not a row, and all of it fails. So a broken function runs three times and one poisonous row
//! among n costs about 2 log2(n) runs.

use salver_core::Error;

use crate::flow::Fragment;
use crate::hash::FastMap;

/// Names the pair of halves that a batch belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Trial(u64);

/// What became of one half.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It did not fail, or nobody wants it any more.
    Passed,
    /// It failed; its rows are held until the other half is known.
    Failed(Vec<Fragment>, Error),
    /// It ended in a way that says nothing about rows, and was answered.
    Void,
}

/// What follows when both halves are known.
#[derive(Debug)]
pub(crate) enum Ruling {
    /// These rows fail.
    Fail(Vec<(Vec<Fragment>, Error)>),
    /// These rows failed while their neighbours did not: look closer.
    Halve(Vec<Fragment>, Error),
}

/// Trials of which not both halves are known.
#[derive(Debug, Default)]
pub(crate) struct Trials {
    open: FastMap<Trial, Option<Verdict>>,
    opened: u64,
}

impl Trials {
    pub fn open(&mut self) -> Trial {
        let trial = Trial(self.opened);
        self.opened += 1;
        self.open.insert(trial, None);
        trial
    }

    /// Takes in what became of one half. `None` while the other is not known.
    pub fn rule(&mut self, trial: Trial, verdict: Verdict) -> Option<Ruling> {
        let Some(other) = self.open.get_mut(&trial) else {
            return Some(ruling(Verdict::Void, verdict));
        };
        match other.take() {
            None => {
                *other = Some(verdict);
                None
            }
            Some(other) => {
                self.open.remove(&trial);
                Some(ruling(other, verdict))
            }
        }
    }

    /// Gives every trial up; what they held.
    pub fn clear(&mut self) -> Vec<Fragment> {
        let held = |verdict| match verdict {
            Some(Verdict::Failed(fragments, _)) => fragments,
            _ => Vec::new(),
        };
        self.open.drain().flat_map(|(_, verdict)| held(verdict)).collect()
    }
}

fn ruling(first: Verdict, second: Verdict) -> Ruling {
    match (first, second) {
        (Verdict::Passed, Verdict::Failed(rows, error)) | (Verdict::Failed(rows, error), Verdict::Passed) => {
            Ruling::Halve(rows, error)
        }
        (Verdict::Failed(rows, error), Verdict::Failed(more, another)) => {
            Ruling::Fail(vec![(rows, error), (more, another)])
        }
        (Verdict::Failed(rows, error), _) | (_, Verdict::Failed(rows, error)) => Ruling::Fail(vec![(rows, error)]),
        _ => Ruling::Fail(Vec::new()),
    }
}

/// The first half of the rows and the rest; the fragment in the middle is cut.
pub(crate) fn halves(fragments: Vec<Fragment>) -> (Vec<Fragment>, Vec<Fragment>) {
    let rows: usize = fragments.iter().map(|fragment| fragment.rows).sum();
    let mut room = rows / 2;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for mut fragment in fragments {
        if room > 0 {
            let head = fragment.cut(room);
            room -= head.rows;
            first.push(head);
        }
        if fragment.rows > 0 {
            second.push(fragment);
        }
    }
    (first, second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn fragment(first: usize, rows: usize) -> Fragment {
        Fragment {
            ticket: 0,
            deadline: None,
            method: 0,
            step: 0,
            part: 0,
            first,
            rows,
            values: Arc::default(),
            offset: first,
            queued: 0,
            order: 0,
            turn: 0,
            lost: false,
            details: None,
        }
    }

    fn places(fragments: &[Fragment]) -> Vec<(usize, usize)> {
        fragments.iter().map(|fragment| (fragment.first, fragment.rows)).collect()
    }

    #[test]
    fn halves_cover_the_rows_and_may_cut_a_fragment() {
        type Places = Vec<(usize, usize)>;
        let cases: [(Places, Places, Places); 4] = [
            (vec![(0, 1), (5, 1)], vec![(0, 1)], vec![(5, 1)]),
            (vec![(0, 5)], vec![(0, 2)], vec![(2, 3)]),
            (vec![(0, 1), (1, 6), (7, 1)], vec![(0, 1), (1, 3)], vec![(4, 3), (7, 1)]),
            (vec![(0, 1)], vec![], vec![(0, 1)]),
        ];
        for (whole, first, second) in cases {
            let halved = halves(whole.iter().map(|&(first, rows)| fragment(first, rows)).collect());
            assert_eq!((places(&halved.0), places(&halved.1)), (first, second), "{whole:?}");
        }
    }

    fn failed(rows: usize) -> Verdict {
        Verdict::Failed(vec![fragment(0, rows)], Error::internal(rows.to_string()))
    }

    #[test]
    fn rulings_follow_from_both_verdicts() {
        type Case = (fn() -> Verdict, fn() -> Verdict, usize, bool);
        let cases: [Case; 6] = [
            (|| Verdict::Passed, || Verdict::Passed, 0, false),
            (|| Verdict::Passed, || failed(1), 0, true),
            (|| failed(1), || failed(2), 2, false),
            (|| failed(1), || Verdict::Void, 1, false),
            (|| Verdict::Void, || Verdict::Passed, 0, false),
            (|| failed(1), || Verdict::Passed, 0, true),
        ];
        for (index, (first, second, fail, halve)) in cases.into_iter().enumerate() {
            let mut trials = Trials::default();
            let trial = trials.open();
            assert!(trials.rule(trial, first()).is_none());
            match trials.rule(trial, second()) {
                Some(Ruling::Fail(groups)) => assert_eq!((groups.len(), false), (fail, halve), "case {index}"),
                Some(Ruling::Halve(..)) => assert!(halve, "case {index}"),
                None => panic!("case {index}: both halves are known"),
            }
            assert!(trials.open.is_empty());
        }
    }
}
