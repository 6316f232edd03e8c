//! Plain JSON over HTTP: `POST /servables/<name>[/versions/<n>][/<method>]`.
//!
//! **Rows.** The body is one row, an object with a value for every input, or an array of such rows; the answer is
//! one object of named outputs, or an array of them in the same order. A body of type `image/*` or
//! `application/octet-stream` is the value of the method's only input; `multipart/form-data` is one row with a field
//! for every input.
//!
//! **Values.** Numbers, `true` and `false`, strings, and arrays of these nested as the shape says. Bytes are
//! `{"b64": "..."}`; a string sent for them stands for its UTF-8 form. Where an input declares no type, whole
//! numbers are int64, others float64. In answers, floats have as few digits as bring back the same value, what JSON has
//! no number for (NaN, infinities) is `null`, and text that is not UTF-8 is `{"b64": "..."}` like bytes.
//!
//! An optional input may be missing, or `null`. Inputs and outputs that are declared as JSON are any value.
//!
//! **Events.** With `Accept: text/event-stream` a call of a single row is answered by server-sent events: an object of
//! named outputs for each item, then an event `done` without content, or an event `error` with what is an error's
//! answer otherwise. Methods that answer with a sequence are answered in no other way.
//!
//! **Errors** are `{"error": {"code": "INVALID_ARGUMENT", "message": "..."}}` with the HTTP status of the code. In
//! an array rows fail one by one: each such object stands in its row's place, and the status is 200 as long as one
//! row succeeded, else that of the first error. An array that is malformed, or that has more than a thousand
//! wrong rows or a hundred thousand in all, is refused as a whole.

mod address;
mod call;
mod events;
mod form;
mod listing;
mod reply;
mod values;

pub use address::Address;
pub use call::Call;
pub use listing::{describe, listing, Version};
pub use reply::refuse;
pub(crate) use values::guessed;
