use bytes::Bytes;
use prost::Message;
use salver_core::{Code, Error};

use super::index::Index;
use super::messages::{
    Asked, Extension, ExtensionNumbers, FileDescriptors, Refusal, Request, Response, Service, Services, Told,
};

/// The reply to one request of a stream. What is not known is told in the reply, and does not end the stream.
pub fn answer(index: &Index, request: Bytes) -> Result<Vec<u8>, Error> {
    let request = Request::decode(request).map_err(|error| Error::malformed("ServerReflectionRequest", error))?;
    let told = match &request.asked {
        None => Err(refusal(Code::InvalidArgument, "the request asks for nothing: none of its message_request is set")),
        Some(asked) => tell(index, asked),
    };
    let told = Some(told.unwrap_or_else(Told::Error));
    Ok(Response { valid_host: request.host.clone(), original_request: Some(request), told }.encode_to_vec())
}

fn tell(index: &Index, asked: &Asked) -> Result<Told, Refusal> {
    let files = |file_descriptor_proto| Told::Files(FileDescriptors { file_descriptor_proto });
    match asked {
        Asked::ListServices(_) => {
            let service = index.services().map(|name| Service { name: name.into() }).collect();
            Ok(Told::Services(Services { service }))
        }
        Asked::FileByFilename(name) => {
            index.by_name(name).map(files).ok_or_else(|| not_found(&format!("file '{name}'")))
        }
        Asked::FileContainingSymbol(symbol) => {
            index.by_symbol(symbol).map(files).ok_or_else(|| not_found(&format!("symbol '{symbol}'")))
        }
        Asked::FileContainingExtension(Extension { containing_type, extension_number }) => {
            let found = index.by_extension(containing_type, *extension_number).map(files);
            found.ok_or_else(|| not_found(&format!("extension {extension_number} of '{containing_type}'")))
        }
        Asked::AllExtensionNumbersOfType(name) => match index.extensions(name) {
            Some(extension_number) => {
                Ok(Told::Extensions(ExtensionNumbers { base_type_name: name.clone(), extension_number }))
            }
            None => Err(not_found(&format!("message type '{name}'"))),
        },
    }
}

fn not_found(what: &str) -> Refusal {
    refusal(Code::NotFound, &format!("{what} is in no file of this server's services; list_services names those"))
}

fn refusal(code: Code, message: &str) -> Refusal {
    Refusal { error_code: code as i32, error_message: message.into() }
}
