use std::fmt;

use crate::{Code, DType, Dim, Port};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What there is only so much of; named by the option that sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Calls in flight, over all servables.
    Calls,
    /// Bytes of requests in flight, over all servables.
    Bytes,
    /// Rows that wait for one stage.
    Queue,
}

impl Resource {
    pub const fn option(self) -> &'static str {
        match self {
            Resource::Calls => "--max-calls",
            Resource::Bytes => "--max-bytes-in-flight",
            Resource::Queue => "max_waiting_batches in salver.toml",
        }
    }

    pub const fn noun(self) -> &'static str {
        match self {
            Resource::Calls => "calls in flight",
            Resource::Bytes => "bytes in flight",
            Resource::Queue => "rows waiting for a model",
        }
    }
}

/// Everything that can go wrong with a call, as data. Each protocol renders code and text its own way; the
/// `Display` form is salver's own, for plain JSON and logs: what was wrong, what was expected, the remedy.
///
/// `servable` and `method` are the names as the caller wrote them.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    UnknownServable {
        servable: String,
    },
    UnknownVersion {
        servable: String,
        version: String,
    },
    /// The servable is known but this version, or any, is not ready to answer; `reason` is a whole text, where the
    /// server knows why and that waiting alone does not help.
    NotReady {
        servable: String,
        version: Option<u64>,
        reason: Option<String>,
    },
    UnknownMethod {
        servable: String,
        version: Option<u64>,
        method: String,
    },

    /// Bytes that are not what they should be; `what` names the message, header or document.
    Malformed {
        what: &'static str,
        detail: String,
    },
    NoRows {
        servable: String,
        method: String,
    },
    MissingInput {
        servable: String,
        method: String,
        input: String,
    },
    /// Too few or too many inputs; the names that were given and that are declared.
    InputCount {
        servable: String,
        given: Vec<String>,
        declared: Vec<String>,
    },
    UnknownInput {
        servable: String,
        input: String,
        declared: Vec<String>,
    },
    RepeatedInput {
        servable: String,
        input: String,
    },
    UnknownOutput {
        servable: String,
        output: String,
        declared: Vec<String>,
    },
    RepeatedOutput {
        servable: String,
        output: String,
    },
    /// `given` is in the words of the caller's protocol.
    InputType {
        servable: String,
        input: String,
        index: usize,
        given: String,
        declared: DType,
    },
    /// `given` as sent, so with the leading dimension where the method is `batched`; `declared` is one row.
    InputShape {
        servable: String,
        input: String,
        given: Vec<i64>,
        declared: Vec<Dim>,
        batched: bool,
    },
    /// A wrong number of bytes for the declared type and shape.
    InputSize {
        servable: String,
        input: String,
        index: usize,
        given: usize,
        wanted: usize,
    },
    /// A wrong number of elements for the declared shape.
    InputElements {
        servable: String,
        input: String,
        given: usize,
        wanted: usize,
    },
    /// An input whose leading dimension is not that of the first.
    RowsDiffer {
        servable: String,
        input: String,
        given: usize,
        wanted: usize,
    },
    /// A call of more rows than its first stage takes.
    TooManyRows {
        servable: String,
        rows: usize,
        limit: usize,
    },
    /// An input whose value cannot be what it says; `detail` is a whole clause.
    InputValue {
        servable: String,
        input: String,
        detail: String,
    },
    /// Something that this server, on purpose or not yet, does not do.
    Unsupported {
        what: String,
    },

    TooLarge {
        what: &'static str,
        size: u64,
        limit: u64,
        option: &'static str,
    },
    Busy {
        resource: Resource,
        limit: u64,
    },

    /// A stage ran and failed; `message` is its own.
    Failed {
        stage: String,
        message: String,
    },
    /// The author's code failed. `what` names it ("Function 'add.decode'"), `index` is its place in `method`, from 1;
    /// where `what` is empty, `message` says all.
    Author {
        fault: Fault,
        what: String,
        method: String,
        index: u32,
        message: String,
    },
    /// The executor was lost after it had started.
    Lost {
        stage: String,
    },
    DeadlineExceeded,
    Cancelled,
    /// The server is shutting down and accepts nothing new.
    Draining,
    Internal {
        detail: String,
    },
}

/// Whose fault it is that the author's code gave no outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It raised, perhaps because of a single row.
    Raised,
    /// It refused the row's input.
    Input,
    /// It gave what it may not give.
    Output,
}

impl Error {
    pub const fn code(&self) -> Code {
        use Error::*;
        match self {
            UnknownServable { .. } | UnknownVersion { .. } | UnknownMethod { .. } => Code::NotFound,
            Malformed { .. } | NoRows { .. } | MissingInput { .. } | InputCount { .. } => Code::InvalidArgument,
            UnknownInput { .. } | RepeatedInput { .. } | UnknownOutput { .. } => Code::InvalidArgument,
            RepeatedOutput { .. } | InputType { .. } | InputShape { .. } => Code::InvalidArgument,
            InputSize { .. } | InputElements { .. } | RowsDiffer { .. } => Code::InvalidArgument,
            TooManyRows { .. } => Code::InvalidArgument,
            InputValue { .. } | Author { fault: Fault::Input, .. } => Code::InvalidArgument,
            Unsupported { .. } => Code::Unimplemented,
            TooLarge { .. } | Busy { .. } => Code::ResourceExhausted,
            NotReady { .. } | Lost { .. } | Draining => Code::Unavailable,
            DeadlineExceeded => Code::DeadlineExceeded,
            Cancelled => Code::Cancelled,
            Failed { .. } | Internal { .. } | Author { .. } => Code::Internal,
        }
    }

    /// Whether a batch that failed so may have done it because of a single row.
    pub const fn may_be_a_row(&self) -> bool {
        matches!(self, Error::Failed { .. } | Error::Author { fault: Fault::Raised, .. })
    }

    /// Why a port does not admit a row that was sent as `given`: with the leading dimension where it is `batched`.
    pub fn row_shape(servable: &str, port: &Port, given: Vec<i64>, batched: bool) -> Error {
        let (servable, input) = (servable.to_string(), port.name.clone());
        match &port.dims {
            Some(dims) => Error::InputShape { servable, input, given, declared: dims.clone(), batched },
            None => {
                let (rank, most) = (given.len() - usize::from(batched && !given.is_empty()), Port::MAX_ROW_RANK);
                let detail = format!("a row of it has {rank} dimensions, more than the {most} that a row may have");
                Error::InputValue { servable, input, detail }
            }
        }
    }

    pub fn internal(detail: impl Into<String>) -> Error {
        Error::Internal { detail: detail.into() }
    }

    pub fn malformed(what: &'static str, detail: impl fmt::Display) -> Error {
        Error::Malformed { what, detail: detail.to_string() }
    }
}

/// Dimensions as people write them: `[2, width]`, with `rows` in front for a batched method.
pub struct Shown<'a>(pub &'a [Dim], pub bool);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leading = self.1.then(|| "rows".to_string());
        let dims = self.0.iter().map(|dim| match dim {
            Dim::Fixed(length) => length.to_string(),
            Dim::Free(name) if name.is_empty() => "any".to_string(),
            Dim::Free(name) => name.clone(),
        });
        let shown: Vec<String> = leading.into_iter().chain(dims).collect();
        write!(f, "[{}]", shown.join(", "))
    }
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    quoted.join(", ")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Error::*;
        match self {
            UnknownServable { servable } => {
                write!(f, "there is no servable '{servable}'; GET /servables lists what is served")
            }
            UnknownVersion { servable, version } => {
                write!(f, "servable '{servable}' has no version {version}; GET /servables lists its versions")
            }
            NotReady { servable, version, reason } => {
                match version {
                    Some(version) => write!(f, "servable '{servable}' version {version} is not ready")?,
                    None => write!(f, "servable '{servable}' has no version that is ready")?,
                }
                match reason {
                    Some(reason) => write!(f, ": {reason}"),
                    None => f.write_str("; try again, or see `salver status`"),
                }
            }
            UnknownMethod { servable, method, .. } => {
                write!(f, "servable '{servable}' has no method '{method}'; GET /servables lists its methods")
            }
            Malformed { what, detail } => write!(f, "malformed {what}: {detail}"),
            NoRows { servable, method } => {
                write!(f, "a request to '{servable}' method '{method}' needs at least one row")
            }
            MissingInput { servable, method, input } => {
                write!(f, "input '{input}' of servable '{servable}' method '{method}' is missing")
            }
            InputCount { servable, given, declared } => {
                let (given, declared) = (listed(given), listed(declared));
                write!(f, "servable '{servable}' takes the inputs {declared}, but got [{given}]")
            }
            UnknownInput { servable, input, declared } => {
                write!(f, "servable '{servable}' has no input '{input}'; it takes {}", listed(declared))
            }
            RepeatedInput { servable, input } => {
                write!(f, "input '{input}' for servable '{servable}' was sent more than once")
            }
            UnknownOutput { servable, output, declared } => {
                write!(f, "servable '{servable}' has no output '{output}'; it gives {}", listed(declared))
            }
            RepeatedOutput { servable, output } => {
                write!(f, "output '{output}' of servable '{servable}' was asked for more than once")
            }
            InputType { servable, input, given, declared, .. } => {
                write!(f, "input '{input}' of servable '{servable}' is {given}, but {declared} is expected")
            }
            InputShape { servable, input, given, declared, batched } => write!(
                f,
                "input '{input}' of servable '{servable}' has shape {given:?}, but {} is expected",
                Shown(declared, *batched)
            ),
            InputSize { servable, input, given, wanted, .. } => write!(
                f,
                "input '{input}' of servable '{servable}' has {given} bytes, but its type and shape need {wanted}"
            ),
            InputElements { servable, input, given, wanted } => {
                write!(f, "input '{input}' of servable '{servable}' has {given} elements, but its shape needs {wanted}")
            }
            RowsDiffer { servable, input, given, wanted } => {
                write!(f, "input '{input}' of servable '{servable}' has {given} rows, but the first input has {wanted}")
            }
            TooManyRows { servable, rows, limit } => {
                write!(f, "a call of servable '{servable}' has {rows} rows, but it takes {limit} at most; send several")
            }
            InputValue { servable, input, detail } => {
                write!(f, "input '{input}' of servable '{servable}': {detail}")
            }
            Unsupported { what } => write!(f, "{what}"),
            TooLarge { what, size, limit, option } => {
                write!(f, "the {what} has {size} bytes, more than the limit of {limit}; {option} sets it")
            }
            Busy { resource, limit } => write!(
                f,
                "the server is at its limit of {limit} {}; try again later, or raise {}",
                resource.noun(),
                resource.option()
            ),
            Failed { stage, message } => write!(f, "stage '{stage}' failed: {message}"),
            Author { what, message, .. } if what.is_empty() => f.write_str(message),
            Author { what, method, index, message, .. } => {
                write!(f, "{what}, stage {index} of method '{method}', failed: {message}")
            }
            Lost { stage } => {
                write!(f, "the worker that ran stage '{stage}' was lost; it is being restarted, try again")
            }
            DeadlineExceeded => write!(f, "the call's deadline passed before it was answered"),
            Cancelled => write!(f, "the call was cancelled"),
            Draining => write!(f, "the server is shutting down and accepts no new calls"),
            Internal { detail } => write!(f, "internal error, please report it: {detail}"),
        }
    }
}

impl std::error::Error for Error {}
