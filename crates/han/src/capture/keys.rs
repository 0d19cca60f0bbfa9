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
