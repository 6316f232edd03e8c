//! Memory that Python and Rust share through the buffer protocol: the one place that handles its raw pointers.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::ptr;

use bytes::Bytes;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use salver_core::DType;
use salver_exec::link::Source;

/// Bytes that Python may look at and not change. They live as long as anybody looks.
#[pyclass(frozen, module = "salver._native")]
pub struct View(pub Bytes);

#[pymethods]
impl View {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// # Safety
    ///
    /// Python calls this with a buffer structure of its own to be filled.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if view.is_null() || flags & ffi::PyBUF_WRITABLE != 0 {
            return Err(PyErr::new::<PyBufferError, _>("this memory is read-only"));
        }
        let bytes = &slf.get().0;
        let (start, len) = (bytes.as_ptr().cast::<c_void>().cast_mut(), bytes.len() as isize);
        // SAFETY: the bytes never move or change, and the view that is filled holds a reference to their owner.
        match unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, len, 1, flags) } {
            0 => Ok(()),
            _ => Err(PyErr::fetch(slf.py())),
        }
    }
}

/// An array of Python's, in C order. It is read only while the interpreter's lock is held.
pub struct Array<'py> {
    buffer: PyUntypedBuffer,
    pub dtype: DType,
    /// Held so that it is released with the lock, and the type cannot leave the thread.
    _py: Python<'py>,
}

impl<'py> Array<'py> {
    /// `dtype` where the buffer's own format does not tell it.
    pub fn new(object: &Bound<'py, PyAny>, dtype: Option<DType>) -> PyResult<Array<'py>> {
        let buffer = PyUntypedBuffer::get(object)?;
        let refuse = |text: String| PyErr::new::<PyValueError, _>(text);
        if !buffer.is_c_contiguous() {
            return Err(refuse("an array must be contiguous, in C order".into()));
        }
        let format = buffer.format().to_string_lossy().into_owned();
        let dtype = dtype.or_else(|| from_format(&format, buffer.item_size()));
        let dtype = dtype.filter(|dtype| dtype.size() == Some(buffer.item_size()));
        let dtype = dtype.ok_or_else(|| refuse(format!("arrays of the format '{format}' cannot be sent")))?;
        Ok(Array { buffer, dtype, _py: object.py() })
    }

    pub fn shape(&self) -> &[usize] {
        self.buffer.shape()
    }
}

impl Source for Array<'_> {
    fn size(&self) -> usize {
        self.buffer.len_bytes()
    }

    fn copy_to(&self, target: &mut [u8]) {
        assert_eq!(target.len(), self.buffer.len_bytes());
        if !target.is_empty() {
            // SAFETY: the buffer is contiguous and has just this length; Python memory does not overlap the target.
            unsafe { ptr::copy_nonoverlapping(self.buffer.buf_ptr().cast(), target.as_mut_ptr(), target.len()) }
        }
    }
}

fn from_format(format: &str, size: usize) -> Option<DType> {
    let kind = format.trim_start_matches(['@', '=', '<']);
    Some(match (kind, size) {
        ("?", 1) => DType::Bool,
        ("b", 1) => DType::I8,
        ("B", 1) => DType::U8,
        ("h", 2) => DType::I16,
        ("H", 2) => DType::U16,
        ("i" | "l" | "q", 4) => DType::I32,
        ("I" | "L" | "Q", 4) => DType::U32,
        ("l" | "q", 8) => DType::I64,
        ("L" | "Q", 8) => DType::U64,
        ("e", 2) => DType::F16,
        ("f", 4) => DType::F32,
        ("d", 8) => DType::F64,
        _ => return None,
    })
}
