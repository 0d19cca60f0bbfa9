//! What a command reads: a file, or standard input.
use crate::failure::Failure;
use std::io::Read;
use std::path::Path;

/// A file, or standard input.
pub fn read(file: Option<&Path>) -> Result<String, Failure> {
    match file.filter(|file| *file != Path::new("-")) {
        Some(file) => std::fs::read_to_string(file).map_err(|e| Failure::input(format!("{}: {e}", file.display()))),
        None => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(|e| Failure::input(format!("standard input: {e}")))?;
            Ok(text)
        }
    }
}
