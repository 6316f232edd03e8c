use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver};
use protox::{Compiler, Error};

use super::known::{self, Known};
use super::place::place;

/// What some editors put in front of UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Why a `.proto` file is no use: a place, where there is one, what is wrong there, and perhaps the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError(String);

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CompileError {}

/// Compiles a file with all that it imports into an encoded `FileDescriptorSet`, imports first.
///
/// Imports are looked for in `include`, in their order, then beside the file itself, then among those that are built
/// in. Options stay as they are, also those of extensions.
pub fn compile(path: &Path, include: &[PathBuf]) -> Result<Vec<u8>, CompileError> {
    if !path.is_file() {
        return Err(CompileError(format!("{}: there is no such file", path.display())));
    }
    let folders = Folders::new(path, include);
    let mut compiler = Compiler::with_file_resolver(folders.resolver());
    compiler.include_imports(true);
    match compiler.open_file(path) {
        Ok(compiler) => Ok(compiler.encode_file_descriptor_set()),
        Err(error) => Err(folders.explain(path, &error)),
    }
}

/// Where files are looked for.
struct Folders(Vec<PathBuf>);

impl Folders {
    fn new(path: &Path, include: &[PathBuf]) -> Folders {
        let mut folders: Vec<PathBuf> = include.to_vec();
        let beside = path.parent().map(Path::to_path_buf).unwrap_or_default();
        if !folders.iter().any(|folder| path.starts_with(folder)) {
            folders.push(beside);
        }
        Folders(folders)
    }

    fn resolver(&self) -> ChainFileResolver {
        let mut chain = ChainFileResolver::new();
        self.0.iter().for_each(|folder| chain.add(Folder::new(folder)));
        chain.add(GoogleFileResolver::new());
        chain.add(Known);
        chain
    }

    /// The compiler's words, with the place as a path that can be opened.
    fn explain(&self, path: &Path, error: &Error) -> CompileError {
        // Only its debug form has the place, if it is known.
        let text = format!("{error:?}");
        let found = error.file().and_then(|name| self.find(name));
        let file = found.as_deref().unwrap_or(path);
        let text = match error.file().and_then(|name| text.strip_prefix(name)) {
            Some(rest) if rest.starts_with(':') => format!("{}{rest}", file.display()),
            _ => match std::fs::read(file).ok().and_then(|source| place(&source, &text)) {
                Some(place) => format!("{}:{place}: {text}", file.display()),
                None => format!("{}: {text}", file.display()),
            },
        };
        CompileError(text + &self.remedy(error))
    }

    fn find(&self, name: &str) -> Option<PathBuf> {
        self.0.iter().map(|folder| folder.join(name)).find(|path| path.is_file())
    }

    fn remedy(&self, error: &Error) -> String {
        let message = error.to_string();
        if message.contains("found 'edition'") {
            return "; editions are not supported, write: syntax = \"proto3\";".into();
        }
        match error.is_file_not_found() {
            true => format!(
                "; looked in {}, and among the built-in google/protobuf/* and {}",
                self.0.iter().map(|folder| shown(folder)).collect::<Vec<_>>().join(", "),
                known::names().collect::<Vec<_>>().join(", "),
            ),
            false => String::new(),
        }
    }
}

/// One of them. A mark at a file's beginning is passed over, as by protoc.
struct Folder {
    path: PathBuf,
    files: IncludeFileResolver,
}

impl Folder {
    fn new(path: &Path) -> Folder {
        Folder { path: path.into(), files: IncludeFileResolver::new(path.into()) }
    }
}

impl FileResolver for Folder {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        self.files.resolve_path(path)
    }

    fn open_file(&self, name: &str) -> Result<File, Error> {
        let path = self.path.join(name);
        let marked = is_marked(&path).then(|| std::fs::read_to_string(&path).ok()).flatten();
        match marked.as_ref().and_then(|source| source.strip_prefix(BYTE_ORDER_MARK)) {
            Some(source) => File::from_source(name, source),
            None => self.files.open_file(name),
        }
    }
}

fn is_marked(path: &Path) -> bool {
    let mut beginning = [0; BYTE_ORDER_MARK.len()];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut beginning));
    read.is_ok() && beginning == BYTE_ORDER_MARK.as_bytes()
}

fn shown(folder: &Path) -> String {
    match folder.as_os_str().is_empty() {
        true => "the working directory".into(),
        false => format!("'{}'", folder.display()),
    }
}
