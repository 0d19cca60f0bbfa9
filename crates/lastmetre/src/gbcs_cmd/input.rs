//! Messages as lines: hex, base64, or JSON with a `hex` field.
use super::{Failure, Outcome};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gbcs::ParseError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// One line that is not blank.
pub(crate) struct Line {
    /// `-` for standard input.
    pub(crate) file: PathBuf,
    pub(crate) number: usize,
    pub(crate) text: String,
}

/// What a line holds.
pub(crate) struct Entry {
    /// The `name` field of a JSON line.
    pub(crate) name: Option<String>,
    /// Its `service` field.
    pub(crate) service: Option<String>,
    pub(crate) octets: Vec<u8>,
}

/// A line that holds no message, or whose message does not read.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The octets are no message; offsets count octets of the message.
    Message(ParseError),
    /// The line is neither hex nor base64 nor JSON with a `hex` field; offsets count characters of the line.
    Line { offset: usize, message: String },
}

impl From<ParseError> for Fault {
    fn from(error: ParseError) -> Self {
        Self::Message(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(error) => error.fmt(f),
            Self::Line { offset, message } => write!(f, "character {}: {message}", offset + 1),
        }
    }
}

impl Fault {
    /// `{"offset", "field", "message"}`
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Message(error) => json!({
                "offset": error.offset,
                "field": error.field,
                "message": error.fault.to_string(),
            }),
            Self::Line { offset, message } => json!({ "offset": offset, "field": "line", "message": message }),
        }
    }
}

/// Every line of these files in turn (standard input for `-` and for no file); blank lines are none.
pub(super) fn for_each_line(
    files: &[PathBuf],
    mut each: impl FnMut(Line) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let stdin = [PathBuf::from("-")];
    for path in if files.is_empty() { &stdin } else { files } {
        let failed = |e: io::Error| Failure::misuse(format!("{}: {e}", path.display()));
        let mut reader: Box<dyn BufRead> = if path == Path::new("-") {
            Box::new(io::stdin().lock())
        } else {
            Box::new(BufReader::new(File::open(path).map_err(failed)?))
        };
        let mut octets = Vec::new();
        for number in 1.. {
            octets.clear();
            if reader.read_until(b'\n', &mut octets).map_err(failed)? == 0 {
                break;
            }
            let text = String::from_utf8_lossy(octets.trim_ascii()).into_owned();
            if !text.is_empty() {
                each(Line { file: path.clone(), number, text })?;
            }
        }
    }
    Ok(())
}

/// One line of hex for each line that octets could be made of; the others are named on standard error.
pub(super) fn each_to_hex(
    files: &[PathBuf],
    out: &mut impl Write,
    make: impl Fn(&Line) -> Result<Vec<u8>, String>,
) -> Result<Outcome, Failure> {
    let mut all = true;
    for_each_line(files, |line| {
        match make(&line) {
            Ok(octets) => writeln!(out, "{}", hex::encode_upper(octets))?,
            Err(message) => {
                all = false;
                eprintln!("error: {}: {message}", line.place());
            }
        }
        Ok(())
    })?;
    Ok(Outcome::of(all))
}

impl Line {
    /// The octets of the message in the line.
    pub(crate) fn entry(&self) -> Result<Entry, Fault> {
        #[derive(Deserialize)]
        struct Json {
            #[serde(default)]
            name: Option<String>,
            #[serde(default)]
            service: Option<String>,
            hex: String,
        }
        if !self.text.starts_with('{') {
            return Ok(Entry { name: None, service: None, octets: octets(&self.text)? });
        }
        let Json { name, service, hex } = serde_json::from_str(&self.text)
            .map_err(|e| Fault::Line { offset: e.column().saturating_sub(1), message: e.to_string() })?;
        Ok(Entry { name, service, octets: octets(&hex)? })
    }

    /// `file:number`
    pub(crate) fn place(&self) -> String {
        let file = if self.file == Path::new("-") { "standard input".into() } else { self.file.display().to_string() };
        format!("{file}:{}", self.number)
    }
}

/// Hex digits with or without white space, else base64.
fn octets(text: &str) -> Result<Vec<u8>, Fault> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let not_hex = digits.bytes().position(|c| !c.is_ascii_hexdigit());
    match not_hex {
        None if digits.len().is_multiple_of(2) => {
            hex::decode(&digits).map_err(|e| Fault::Line { offset: 0, message: e.to_string() })
        }
        None => Err(Fault::Line { offset: digits.len(), message: "an odd number of hex digits".into() }),
        Some(offset) => STANDARD.decode(&digits).map_err(|_| Fault::Line {
            offset,
            message: "neither hex nor base64 nor JSON with a \"hex\" field".into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<u8>, Fault> {
        let line = Line { file: "-".into(), number: 1, text: text.into() };
        line.entry().map(|entry| entry.octets)
    }

    #[test]
    fn a_line_is_hex_or_base64_or_json() {
        for text in ["DF0901", "df 09 01", "3wkB", r#"{"hex": "DF0901", "other": 1}"#] {
            assert_eq!(read(text).unwrap(), [0xDF, 9, 1], "{text}");
        }
    }

    #[test]
    fn a_line_that_is_none_of_them_says_where() {
        for (text, offset) in [("DF090", 5), ("DF09!", 4), ("{}", 1)] {
            match read(text) {
                Err(Fault::Line { offset: found, .. }) => assert_eq!(found, offset, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
