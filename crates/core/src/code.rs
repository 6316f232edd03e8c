/// gRPC's status codes: what errors have, whatever a protocol makes of them; also the `code` of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

/// Each by its number, with its name and the HTTP status that says the same.
const CODES: [(Code, &str, u16); Code::COUNT] = [
    (Code::Ok, "OK", 200),
    (Code::Cancelled, "CANCELLED", 499),
    (Code::Unknown, "UNKNOWN", 500),
    (Code::InvalidArgument, "INVALID_ARGUMENT", 400),
    (Code::DeadlineExceeded, "DEADLINE_EXCEEDED", 504),
    (Code::NotFound, "NOT_FOUND", 404),
    (Code::AlreadyExists, "ALREADY_EXISTS", 409),
    (Code::PermissionDenied, "PERMISSION_DENIED", 403),
    (Code::ResourceExhausted, "RESOURCE_EXHAUSTED", 429),
    (Code::FailedPrecondition, "FAILED_PRECONDITION", 400),
    (Code::Aborted, "ABORTED", 409),
    (Code::OutOfRange, "OUT_OF_RANGE", 400),
    (Code::Unimplemented, "UNIMPLEMENTED", 501),
    (Code::Internal, "INTERNAL", 500),
    (Code::Unavailable, "UNAVAILABLE", 503),
    (Code::DataLoss, "DATA_LOSS", 500),
    (Code::Unauthenticated, "UNAUTHENTICATED", 401),
];

impl Code {
    /// How many there are.
    pub const COUNT: usize = 17;

    pub const fn name(self) -> &'static str {
        CODES[self as usize].1
    }

    /// The HTTP status that says the same.
    pub const fn http(self) -> u16 {
        CODES[self as usize].2
    }

    /// The code of this name.
    pub fn named(name: &str) -> Option<Code> {
        CODES.iter().find(|(_, other, _)| *other == name).map(|(code, ..)| *code)
    }

    /// The code of this number. One that gRPC does not have is read as UNKNOWN.
    pub fn of(number: u32) -> Code {
        CODES.get(number as usize).map_or(Code::Unknown, |(code, ..)| *code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_names_and_numbers() {
        for (number, (code, name, _)) in CODES.into_iter().enumerate() {
            assert_eq!((code as usize, code.name()), (number, name));
            assert_eq!((Code::of(number as u32), Code::named(name)), (code, Some(code)));
        }
        assert_eq!((Code::of(17), Code::of(u32::MAX), Code::named("ok")), (Code::Unknown, Code::Unknown, None));
    }

    #[test]
    fn every_code_has_an_http_status() {
        let wanted = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
        let statuses: Vec<u16> = (0..17).map(|number| Code::of(number).http()).collect();
        assert_eq!(statuses, wanted);
        assert_eq!(Code::of(99).http(), 500);
    }
}
