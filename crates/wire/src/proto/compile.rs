use std::fmt;
use std::path::{Path, PathBuf};

use protox::file::{ChainFileResolver, GoogleFileResolver, IncludeFileResolver};
use protox::{Compiler, Error};

use super::known::{self, Known};

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
        self.0.iter().for_each(|folder| chain.add(IncludeFileResolver::new(folder.clone())));
        chain.add(GoogleFileResolver::new());
        chain.add(Known);
        chain
    }

    /// The compiler's words, with the place as a path that can be opened.
    fn explain(&self, path: &Path, error: &Error) -> CompileError {
        // Only its debug form has the place.
        let text = format!("{error:?}");
        let text = match error.file().and_then(|name| Some((name, text.strip_prefix(name)?))) {
            Some((name, rest)) => format!("{}{rest}", self.find(name).unwrap_or(name.into()).display()),
            None => format!("{}: {text}", path.display()),
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

fn shown(folder: &Path) -> String {
    match folder.as_os_str().is_empty() {
        true => "the working directory".into(),
        false => format!("'{}'", folder.display()),
    }
}
