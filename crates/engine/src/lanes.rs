//! Lanes and who of them sleeps: a lane that found nothing is woken exactly when there is something for it.

use crate::flow::BatchId;

/// Names a lane; never used twice in one engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneId(pub u64);

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// It took a batch, or was just made; it comes back by itself.
    Away,
    /// It found nothing and sleeps, until this time if there is one.
    Parked(Option<u64>),
    /// It was told to take again and has not yet.
    Woken,
}

#[derive(Debug)]
pub(crate) struct Lane {
    id: LaneId,
    pub stages: Vec<usize>,
    slots: usize,
    /// Batches taken and not finished.
    pub taken: Vec<BatchId>,
    state: State,
}

impl Lane {
    pub fn has_room(&self) -> bool {
        self.taken.len() < self.slots
    }

    fn serves(&self, stage: usize) -> bool {
        self.stages.contains(&stage)
    }

    /// Whether it will look at its stages at `due` without being told.
    fn will_look(&self, due: u64) -> bool {
        match self.state {
            State::Away => false,
            State::Parked(until) => until.is_some_and(|until| until <= due),
            State::Woken => true,
        }
    }
}

/// The lanes of one engine. There are few, so they are searched one by one.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    lanes: Vec<Lane>,
    made: u64,
}

impl Lanes {
    pub fn len(&self) -> usize {
        self.lanes.len()
    }

    pub fn add(&mut self, stages: Vec<usize>, slots: usize) -> LaneId {
        let id = LaneId(self.made);
        self.made += 1;
        self.lanes.push(Lane { id, stages, slots: slots.max(1), taken: Vec::new(), state: State::Away });
        id
    }

    pub fn remove(&mut self, id: LaneId) -> Option<Lane> {
        let index = self.lanes.iter().position(|lane| lane.id == id)?;
        Some(self.lanes.remove(index))
    }

    /// Whether there is a lane for this stage.
    pub fn serve(&self, stage: usize) -> bool {
        self.lanes.iter().any(|lane| lane.serves(stage))
    }

    pub fn get(&self, id: LaneId) -> Option<&Lane> {
        self.lanes.iter().find(|lane| lane.id == id)
    }

    pub fn get_mut(&mut self, id: LaneId) -> Option<&mut Lane> {
        self.lanes.iter_mut().find(|lane| lane.id == id)
    }

    pub fn took(&mut self, id: LaneId, batch: BatchId) {
        if let Some(lane) = self.get_mut(id) {
            lane.state = State::Away;
            lane.taken.push(batch);
        }
    }

    pub fn finished(&mut self, id: LaneId, batch: BatchId) {
        if let Some(lane) = self.get_mut(id) {
            lane.taken.retain(|&taken| taken != batch);
        }
    }

    pub fn park(&mut self, id: LaneId, until: Option<u64>) {
        if let Some(lane) = self.get_mut(id) {
            lane.state = State::Parked(until);
        }
    }

    /// The stages that a lane may take from: those it serves, but while it has a batch only those for which there is
    /// no lane without one. Such a lane comes by itself, or is woken first.
    pub fn open_to<'a>(&'a self, taker: &'a Lane) -> impl Iterator<Item = usize> + 'a {
        let better = |stage: usize| self.lanes.iter().any(|lane| lane.taken.is_empty() && lane.serves(stage));
        taker.stages.iter().copied().filter(move |&stage| taker.taken.is_empty() || !better(stage))
    }

    /// How many lanes without a batch could run this stage, `taker` counted whatever it has.
    pub fn idle(&self, stage: usize, taker: LaneId) -> usize {
        let idle = |lane: &&Lane| lane.serves(stage) && (lane.id == taker || lane.taken.is_empty());
        self.lanes.iter().filter(idle).count().max(1)
    }

    /// Whom to wake for work of `stage` that is due at `due`: nobody if a lane will look in time by itself, else
    /// the parked lane with the least to do.
    pub fn wake(&mut self, stage: usize, due: u64) -> Option<LaneId> {
        let mut chosen: Option<&mut Lane> = None;
        for lane in &mut self.lanes {
            if !lane.has_room() || !lane.serves(stage) {
                continue;
            }
            if lane.will_look(due) {
                return None;
            }
            let parked = matches!(lane.state, State::Parked(_));
            if parked && chosen.as_ref().is_none_or(|best| lane.taken.len() < best.taken.len()) {
                chosen = Some(lane);
            }
        }
        let lane = chosen?;
        lane.state = State::Woken;
        Some(lane.id)
    }

    /// Wakes whoever sleeps, for good.
    pub fn wake_all(&mut self) -> Vec<LaneId> {
        let sleeps = |lane: &&mut Lane| matches!(lane.state, State::Parked(_));
        let wake = |lane: &mut Lane| {
            lane.state = State::Woken;
            lane.id
        };
        self.lanes.iter_mut().filter(sleeps).map(wake).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lane_that_serves_the_stage_is_woken() {
        let mut lanes = Lanes::default();
        let (other, busy, free) = (lanes.add(vec![1], 1), lanes.add(vec![0], 2), lanes.add(vec![0, 1], 1));
        lanes.took(busy, BatchId(0));
        [other, busy, free].into_iter().for_each(|lane| lanes.park(lane, None));
        assert_eq!(lanes.wake(0, 0), Some(free));
        assert_eq!(lanes.wake(0, 0), None, "one is on its way");
        lanes.took(free, BatchId(1));
        assert_eq!(lanes.wake(0, 0), Some(busy), "it has a second slot");
        lanes.took(busy, BatchId(2));
        assert_eq!(lanes.wake(0, 0), None, "nobody has room");
    }

    #[test]
    fn a_timer_spares_a_wake_up_only_if_it_is_early_enough() {
        let cases = [(None, Some(LaneId(0))), (Some(50), None), (Some(60), None), (Some(61), Some(LaneId(0)))];
        for (until, wanted) in cases {
            let mut lanes = Lanes::default();
            let lane = lanes.add(vec![0], 1);
            lanes.park(lane, until);
            assert_eq!(lanes.wake(0, 60), wanted, "{until:?}");
        }
    }

    #[test]
    fn idle_lanes_are_those_without_a_batch_and_the_taker() {
        let mut lanes = Lanes::default();
        let all = [lanes.add(vec![0], 2), lanes.add(vec![0], 2), lanes.add(vec![1], 2)];
        assert_eq!(lanes.idle(0, all[0]), 2);
        all.iter().enumerate().for_each(|(batch, &lane)| lanes.took(lane, BatchId(batch as u64)));
        assert_eq!(lanes.idle(0, all[0]), 1);
    }
}
