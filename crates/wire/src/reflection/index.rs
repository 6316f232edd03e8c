use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, ServiceDescriptorProto,
};
use salver_core::Error;

/// A `FileDescriptorSet` whose files stay as they were encoded, so that no option of an extension is lost.
#[derive(Clone, PartialEq, Message)]
struct EncodedSet {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    file: Vec<Bytes>,
}

/// One set of files, and where in it everything is declared.
#[derive(Default)]
pub struct Files {
    files: HashMap<String, File>,
    /// File of each symbol, by its full name without a dot in front.
    symbols: HashMap<String, String>,
    messages: BTreeSet<String>,
    /// File of each extension, by the message that it extends.
    extensions: HashMap<String, BTreeMap<i32, String>>,
}

struct File {
    encoded: Bytes,
    imports: Vec<String>,
}

impl Files {
    /// Reads an encoded `FileDescriptorSet`.
    pub fn read(set: Bytes) -> Result<Files, Error> {
        let refuse = |error| Error::malformed("FileDescriptorSet", error);
        let mut files = Files::default();
        for encoded in EncodedSet::decode(set).map_err(refuse)?.file {
            let file = FileDescriptorProto::decode(encoded.clone()).map_err(refuse)?;
            files.add(file, encoded);
        }
        Ok(files)
    }

    fn add(&mut self, file: FileDescriptorProto, encoded: Bytes) {
        let name = file.name().to_string();
        let scope = file.package().to_string();
        self.files.insert(name.clone(), File { encoded, imports: file.dependency });
        let mut symbols = Symbols { files: self, file: &name };
        file.message_type.iter().for_each(|message| symbols.message(&scope, message));
        file.enum_type.iter().for_each(|each| symbols.enumeration(&scope, each));
        file.extension.iter().for_each(|extension| symbols.extension(&scope, extension));
        file.service.iter().for_each(|service| symbols.service(&scope, service));
    }

    /// A file, then all that it imports, each once.
    fn with_imports(&self, name: &str) -> Vec<Bytes> {
        let mut named = vec![name];
        let mut told = Vec::new();
        let mut at = 0;
        while let Some(file) = named.get(at).map(|name| self.files.get(*name)) {
            at += 1;
            let Some(file) = file else { continue };
            told.push(file.encoded.clone());
            let more = file.imports.iter().map(String::as_str).filter(|import| !named.contains(import));
            let more: Vec<&str> = more.collect();
            named.extend(more);
        }
        told
    }
}

/// Notes what one file declares.
struct Symbols<'a> {
    files: &'a mut Files,
    file: &'a str,
}

impl Symbols<'_> {
    fn note(&mut self, scope: &str, name: &str) -> String {
        let full = if scope.is_empty() { name.to_string() } else { format!("{scope}.{name}") };
        self.files.symbols.insert(full.clone(), self.file.to_string());
        full
    }

    fn message(&mut self, scope: &str, message: &DescriptorProto) {
        let full = self.note(scope, message.name());
        self.files.messages.insert(full.clone());
        message.field.iter().for_each(|field| drop(self.note(&full, field.name())));
        message.oneof_decl.iter().for_each(|oneof| drop(self.note(&full, oneof.name())));
        message.nested_type.iter().for_each(|nested| self.message(&full, nested));
        message.enum_type.iter().for_each(|each| self.enumeration(&full, each));
        message.extension.iter().for_each(|extension| self.extension(&full, extension));
    }

    /// The names of an enumeration's values stand beside its own.
    fn enumeration(&mut self, scope: &str, each: &EnumDescriptorProto) {
        self.note(scope, each.name());
        each.value.iter().for_each(|value| drop(self.note(scope, value.name())));
    }

    fn extension(&mut self, scope: &str, extension: &FieldDescriptorProto) {
        self.note(scope, extension.name());
        let extended = extension.extendee().trim_start_matches('.').to_string();
        self.files.extensions.entry(extended).or_default().insert(extension.number(), self.file.to_string());
    }

    fn service(&mut self, scope: &str, service: &ServiceDescriptorProto) {
        let full = self.note(scope, service.name());
        service.method.iter().for_each(|method| drop(self.note(&full, method.name())));
    }
}

/// All that a server can tell of its services.
#[derive(Default)]
pub struct Index {
    services: BTreeSet<String>,
    sets: Vec<Arc<Files>>,
}

impl Index {
    /// The services of a server, also those of which nothing but the name is known; of two files or symbols of one
    /// name that of the first set is told.
    pub fn new(services: BTreeSet<String>, sets: Vec<Arc<Files>>) -> Index {
        Index { services, sets }
    }

    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(String::as_str)
    }

    /// An encoded file and all that it imports.
    pub fn by_name(&self, name: &str) -> Option<Vec<Bytes>> {
        self.sets.iter().find(|set| set.files.contains_key(name)).map(|set| set.with_imports(name))
    }

    /// The file that declares a symbol, by its full name.
    pub fn by_symbol(&self, symbol: &str) -> Option<Vec<Bytes>> {
        let symbol = symbol.trim_start_matches('.');
        self.sets.iter().find_map(|set| Some(set.with_imports(set.symbols.get(symbol)?)))
    }

    pub fn by_extension(&self, extended: &str, number: i32) -> Option<Vec<Bytes>> {
        let extended = extended.trim_start_matches('.');
        self.sets.iter().find_map(|set| Some(set.with_imports(set.extensions.get(extended)?.get(&number)?)))
    }

    /// The numbers by which a message is extended; `None` if there is no such message.
    pub fn extensions(&self, extended: &str) -> Option<Vec<i32>> {
        let extended = extended.trim_start_matches('.');
        let known = self.sets.iter().any(|set| set.messages.contains(extended));
        let numbers = self.sets.iter().filter_map(|set| set.extensions.get(extended)).flat_map(BTreeMap::keys);
        known.then(|| numbers.copied().collect::<BTreeSet<i32>>().into_iter().collect())
    }
}
