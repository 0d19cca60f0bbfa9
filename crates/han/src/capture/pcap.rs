//! Capture files in the classic pcap format.
use super::LinkType;
use gbcs::Time;
use std::io::{self, Write};

/// Writes a capture file. Each packet is flushed, so a file cut short by a crash still opens.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
}

impl<W: Write> Writer<W> {
    /// Starts a file.
    ///
    /// # Errors
    /// Those of the writer beneath.
    pub fn new(mut out: W, link: LinkType) -> io::Result<Self> {
        let mut header = Vec::with_capacity(24);
        header.extend(0xA1B2_C3D4u32.to_le_bytes());
        header.extend([2u16, 4].map(u16::to_le_bytes).as_flattened());
        header.extend([0u32, 0, 0xFFFF, link.0].map(u32::to_le_bytes).as_flattened());
        out.write_all(&header)?;
        out.flush()?;
        Ok(Self { out })
    }

    /// Appends a packet heard at this time.
    ///
    /// # Errors
    /// Those of the writer beneath.
    pub fn write(&mut self, at: Time, packet: &[u8]) -> io::Result<()> {
        let len = packet.len() as u32;
        let micros = (at.0 % 1000) as u32 * 1000;
        let mut record = Vec::with_capacity(16 + packet.len());
        record.extend([at.seconds() as u32, micros, len, len].map(u32::to_le_bytes).as_flattened());
        record.extend(packet);
        self.out.write_all(&record)?;
        self.out.flush()
    }
}
