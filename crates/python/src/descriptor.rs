//! File descriptors that Python gives away: the one place that takes numbers for them.

#![allow(unsafe_code)]

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

/// Takes a descriptor over. The stub says which are given away.
pub fn owned(descriptor: RawFd) -> PyResult<OwnedFd> {
    if descriptor < 0 {
        return Err(PyErr::new::<PyOSError, _>("not a file descriptor"));
    }
    // SAFETY: it is at worst a number that is not open, or that its giver goes on using against the stub's word:
    // then reads and writes fail or reach a wrong file of this process's own, and no memory is touched.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
