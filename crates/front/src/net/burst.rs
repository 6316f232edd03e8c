//! Calls that were gathered, on their way to whom each is for.

use std::sync::Arc;

/// Hands all calls of one target over together, target by target; most bursts are of one.
pub fn hand_over<T, C>(mut burst: Vec<(Arc<T>, C)>, mut put: impl FnMut(&Arc<T>, Vec<C>)) {
    while let Some((target, _)) = burst.first() {
        let target = Arc::clone(target);
        let (same, rest): (Vec<_>, Vec<_>) = match burst.iter().all(|(other, _)| Arc::ptr_eq(other, &target)) {
            true => (burst, Vec::new()),
            false => burst.into_iter().partition(|(other, _)| Arc::ptr_eq(other, &target)),
        };
        put(&target, same.into_iter().map(|(_, call)| call).collect());
        burst = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_handed_over_by_their_targets_in_their_order() {
        let targets = [1, 2].map(Arc::new);
        let cases: [(&[usize], &str); 4] =
            [(&[], ""), (&[0], "1: [0]; "), (&[0, 0], "1: [0, 1]; "), (&[0, 1, 0, 1], "1: [0, 2]; 2: [1, 3]; ")];
        for (burst, wanted) in cases {
            let burst = burst.iter().enumerate().map(|(call, &target)| (Arc::clone(&targets[target]), call)).collect();
            let mut put = String::new();
            hand_over(burst, |target, calls| put += &format!("{target}: {calls:?}; "));
            assert_eq!(put, wanted);
        }
    }
}
