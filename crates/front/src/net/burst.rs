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
        let [one, other] = ["one", "other"].map(Arc::new);
        let mixed = [(&one, 1), (&other, 2), (&one, 3), (&other, 4)];
        let cases: [(&[(&Arc<&str>, u8)], &[(&str, &[u8])]); 3] =
            [(&[], &[]), (&mixed[..1], &[("one", &[1])]), (&mixed, &[("one", &[1, 3]), ("other", &[2, 4])])];
        for (burst, wanted) in cases {
            let mut put = Vec::new();
            let burst = burst.iter().map(|&(target, call)| (Arc::clone(target), call)).collect();
            hand_over(burst, |target, calls| put.push((**target, calls)));
            let wanted: Vec<_> = wanted.iter().map(|(target, calls)| (*target, calls.to_vec())).collect();
            assert_eq!(put, wanted);
        }
    }
}
