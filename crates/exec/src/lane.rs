// placeholder
pub fn spawn_lane() {}
