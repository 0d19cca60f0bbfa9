//! Capture files in the pcapng format.
use super::LinkType;
use gbcs::Time;
use std::io::{self, Write};

/// Writes a capture file of one interface. Each packet is flushed, so a file cut short by a crash still opens.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
}

impl<W: Write> Writer<W> {
    /// Starts a file; `application` says what wrote it.
    ///
    /// # Errors
    /// Those of the writer beneath.
    pub fn new(out: W, link: LinkType, application: &str) -> io::Result<Self> {
        let mut writer = Self { out };
        let mut section = Vec::with_capacity(32);
        section.extend(0x1A2B_3C4Du32.to_le_bytes());
        section.extend([1u16, 0].map(u16::to_le_bytes).as_flattened());
        // Of a length that is not known yet.
        section.extend([0xFF; 8]);
        option(4, application.as_bytes(), &mut section);
        end_of_options(&mut section);
        writer.block(0x0A0D_0D0A, &section)?;
        let mut interface = Vec::with_capacity(24);
        interface.extend((link.0 as u16).to_le_bytes());
        interface.extend([0; 2]);
        interface.extend(0xFFFFu32.to_le_bytes());
        // Timestamps in thousandths of a second, which is what this crate counts in.
        option(9, &[3], &mut interface);
        end_of_options(&mut interface);
        writer.block(1, &interface)?;
        Ok(writer)
    }

    /// Appends a packet heard at this time.
    ///
    /// # Errors
    /// Those of the writer beneath.
    pub fn write(&mut self, at: Time, packet: &[u8]) -> io::Result<()> {
        let len = packet.len() as u32;
        let mut body = Vec::with_capacity(24 + packet.len());
        body.extend([0, (at.0 >> 32) as u32, at.0 as u32, len, len].map(u32::to_le_bytes).as_flattened());
        body.extend(packet);
        self.block(6, &body)
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let padded = body.len().next_multiple_of(4);
        let len = (padded as u32 + 12).to_le_bytes();
        let mut block = Vec::with_capacity(padded + 12);
        block.extend(kind.to_le_bytes());
        block.extend(len);
        block.extend(body);
        block.resize(8 + padded, 0);
        block.extend(len);
        self.out.write_all(&block)?;
        self.out.flush()
    }
}

fn option(code: u16, value: &[u8], out: &mut Vec<u8>) {
    out.extend([code, value.len() as u16].map(u16::to_le_bytes).as_flattened());
    out.extend(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

fn end_of_options(out: &mut Vec<u8>) {
    out.extend([0; 4]);
}
