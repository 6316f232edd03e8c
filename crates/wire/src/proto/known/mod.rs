//! Files that every `.proto` may import though they lie nowhere: those of `google/api` and `google/rpc` that services
//! use. Those of `google/protobuf` are the compiler's own.

use protox::file::{File, FileResolver};
use protox::Error;

const FILES: [(&str, &str); 6] = [
    ("google/api/annotations.proto", include_str!("google/api/annotations.proto")),
    ("google/api/field_behavior.proto", include_str!("google/api/field_behavior.proto")),
    ("google/api/http.proto", include_str!("google/api/http.proto")),
    ("google/rpc/code.proto", include_str!("google/rpc/code.proto")),
    ("google/rpc/error_details.proto", include_str!("google/rpc/error_details.proto")),
    ("google/rpc/status.proto", include_str!("google/rpc/status.proto")),
];

/// Finds them by their names.
pub(super) struct Known;

impl FileResolver for Known {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        match FILES.iter().find(|(known, _)| *known == name) {
            Some((_, source)) => File::from_source(name, source),
            None => Err(Error::file_not_found(name)),
        }
    }
}

/// The names of all known files, for error texts.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}
