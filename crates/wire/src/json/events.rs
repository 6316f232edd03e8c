//! Answers as server-sent events.

use salver_core::{Error, Port, Result, Tensor};
use smallvec::smallvec;

use super::reply::{write_error, write_row};
use crate::Body;

const DONE: &[u8] = b"event: done\ndata: {}\n\n";

/// The event of one item, which is one row of outputs; if it is the last, the end as well.
pub(super) fn item(outputs: &[Port], item: &[Tensor], last: bool) -> Result<Body> {
    let whole = |column: &Tensor| column.shape().rank() > 0 && column.rows() == 1;
    if item.len() != outputs.len() || !item.iter().all(whole) {
        return Err(Error::internal("the outputs are not one row of the method's contract"));
    }
    let mut out = event(b"data: ", |out| write_row(out, outputs, item));
    if last {
        out.extend_from_slice(DONE);
    }
    Ok(smallvec![out.into()])
}

pub(super) fn failed(error: &Error) -> Body {
    smallvec![event(b"event: error\ndata: ", |out| write_error(out, error)).into()]
}

pub(super) fn done() -> Body {
    smallvec![DONE.into()]
}

/// An event that begins so, with a JSON document in one line.
fn event(head: &[u8], write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = head.to_vec();
    write(&mut out);
    // In JSON, line ends stand only where any white space may.
    let document = out.iter_mut().skip(head.len());
    document.filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    out.extend_from_slice(b"\n\n");
    out
}
