use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;

use rustix::event::{eventfd, EventfdFlags};

/// A descriptor that becomes readable, for event loops. It costs nothing until somebody asks for it.
#[derive(Default)]
pub struct Bell(OnceLock<OwnedFd>);

impl Bell {
    pub fn descriptor(&self) -> io::Result<RawFd> {
        if let Some(bell) = self.0.get() {
            return Ok(bell.as_raw_fd());
        }
        let made = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(self.0.get_or_init(|| made).as_raw_fd())
    }

    pub fn ring(&self) {
        if let Some(bell) = self.0.get() {
            // It fails only when it has been rung more often than a number can tell; then it is readable.
            let _ = rustix::io::write(bell, &1u64.to_ne_bytes());
        }
    }

    pub fn silence(&self) {
        if let Some(bell) = self.0.get() {
            // It fails when it is silent.
            let _ = rustix::io::read(bell, &mut [0; 8]);
        }
    }
}
