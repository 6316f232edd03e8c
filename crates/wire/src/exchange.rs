use bytes::Bytes;
use salver_core::{Answer, Error, Method, Part, Servable, Tensor};
use smallvec::SmallVec;

use crate::details::Parameters;

/// A reply's bytes in order. Tensors large enough to matter are chunks of their own, shared, not copied.
pub type Body = SmallVec<[Bytes; 2]>;

/// Whom a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    pub servable: &'a str,
    /// `None` for the newest version that is ready, or for the one with `label`.
    pub version: Option<u64>,
    /// A name for a version. It may also be the number of one: see [`Target::labelled_number`].
    pub label: Option<&'a str>,
    /// `None` for the default method.
    pub method: Option<&'a str>,
    /// Whether `servable` may be `servable.method`: an exact servable name wins, else it is split at its last dot.
    pub dotted: bool,
}

impl Target<'_> {
    /// The number that the label stands for if no version has it as its name: that of a label of digits alone.
    pub fn labelled_number(&self) -> Option<u64> {
        self.label.filter(|label| label.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
    }
}

/// One unary request on its way through one protocol: parsed, turned into parts, answered or refused.
///
/// The order of calls is `target`, `parts`, then exactly one of `answer` and `refuse`; `refuse` may come at any
/// time. Whatever a reply must repeat of the request (an id, a name) the exchange keeps.
pub trait Exchange: Sized {
    type Reply;

    fn target(&self) -> Result<Target<'_>, Error>;

    /// Checks the request against the method's contract and moves its data out, into parts whose columns are
    /// in the order of the contract's inputs.
    ///
    /// A protocol whose rows fail one by one keeps the failures to itself; if no row is left it gives no parts, and
    /// is then asked for its answer at once.
    fn parts(&mut self, servable: &Servable, method: &Method) -> Result<Vec<Part>, Error>;

    /// Renders what the engine answered for the parts given, in their order.
    fn answer(self, servable: &Servable, method: &Method, answer: Answer) -> Self::Reply;

    fn refuse(self, error: &Error) -> Self::Reply;

    /// What the request says by name beside its inputs. It is read only for methods that want to know.
    fn parameters(&self) -> Parameters {
        Parameters::new()
    }
}

/// An exchange whose reply may also be a stream of messages, which come as the answer does.
///
/// Each function gives one message, or several. After `parts` there are any number of items, the last of which may say
/// that it is; if none did, `ended` ends the stream, or `failed` does. Nothing comes after the end.
pub trait Streamed: Exchange {
    /// One item of the answer: outputs in the order of the contract, with the rows of the request in front.
    fn item(&self, servable: &Servable, method: &Method, item: Vec<Tensor>, last: bool) -> Result<Body, Error>;

    fn ended(&self, servable: &Servable) -> Body;

    fn failed(&self, error: &Error) -> Body;
}

/// A gRPC reply. `code` is the canonical number; with 0 there is a message, else `message` says why not.
#[derive(Clone, Debug, PartialEq)]
pub struct GrpcReply {
    pub code: u32,
    pub message: String,
    pub body: Body,
}

impl GrpcReply {
    pub fn ok(body: Body) -> GrpcReply {
        GrpcReply { code: 0, message: String::new(), body }
    }

    pub fn error(code: u32, message: impl Into<String>) -> GrpcReply {
        GrpcReply { code, message: message.into(), body: Body::new() }
    }
}

/// An HTTP reply; `headers` hold the content type and whatever else the protocol asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpReply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
}
