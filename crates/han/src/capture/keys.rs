//! Key lines for Wireshark: `"<32 hex>","Normal","label"`, the lines of its table `zigbee_pc_keys`.
//!
//! Put the file in Wireshark's profile folder as `zigbee_pc_keys`, or give a line on the command line as
//! `tshark -o 'uat:zigbee_pc_keys:"<32 hex>","Normal","label"'`. This writes keys in the clear, which is its purpose: for
//! test homes only.
use crate::Key;
use std::io::{self, Write};

/// Writes the line of a network or link key. Quotes, commas and control characters of the label become underscores.
///
/// # Errors
/// Those of the writer beneath.
pub fn write(mut out: impl Write, key: &Key, label: &str) -> io::Result<()> {
    let mut line = String::with_capacity(64);
    line.push('"');
    line.extend(key.octets().iter().map(|octet| format!("{octet:02x}")));
    line.push_str("\",\"Normal\",\"");
    line.extend(label.chars().map(|c| if c.is_control() || "\"\\,".contains(c) { '_' } else { c }));
    line.push_str("\"\n");
    out.write_all(line.as_bytes())
}

/// A line is not of this form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: not a key line: \"<32 hex>\",\"Normal\",\"label\" expected")]
pub struct NotAKeyLine {
    /// Counted from 1.
    pub line: usize,
}

/// Reads lines as [`write`] writes them: each key and its label. Empty lines and those that begin with `#` are passed over.
///
/// # Errors
/// The first line of another form.
pub fn parse(text: &str) -> Result<Vec<(Key, String)>, NotAKeyLine> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(|(at, line)| parse_line(line.trim()).ok_or(NotAKeyLine { line: at + 1 })).collect()
}

fn parse_line(line: &str) -> Option<(Key, String)> {
    let inner = line.strip_prefix('"')?.strip_suffix('"')?;
    let [hex, order, label] = inner.split("\",\"").collect::<Vec<_>>().try_into().ok()?;
    if hex.len() != 32 || order != "Normal" || !hex.is_ascii() {
        return None;
    }
    let mut octets = [0; 16];
    for (octet, digits) in octets.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *octet = u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some((Key::new(octets), label.to_owned()))
}
