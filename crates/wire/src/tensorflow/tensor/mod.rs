//! `TensorProto`, in every form that clients send and both that replies have.

mod read;
mod typed;
mod write;

pub(super) use read::{read, Given, Trouble};
pub(super) use write::{size, write};

/// How numbers are sent in replies; text and bytes have one form only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// In the field of their type, `float_val` and the like, where much client code looks for them.
    #[default]
    Typed,
    /// In `tensor_content`, as bytes.
    Content,
}

/// How much memory a request may take for values that it does not hold itself, or holds in fewer bytes.
///
/// A `TensorProto` may leave values out, and a context is put in front of every example, so a short message can ask
/// for much.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    left: usize,
}

impl Budget {
    /// What any request may take beyond its own size.
    const FREE: usize = 32 << 20;

    /// How many times their own size numbers and short texts take once they are read.
    const GROWTH: usize = 8;

    /// The budget of a message of so many bytes.
    pub(super) fn of(message: usize) -> Budget {
        Budget { left: message.saturating_mul(Budget::GROWTH).saturating_add(Budget::FREE) }
    }

    /// Takes so many bytes; `None` if they are not there any more.
    pub(super) fn take(&mut self, bytes: usize) -> Option<()> {
        self.left = self.left.checked_sub(bytes)?;
        Some(())
    }
}
