//! What makes a HAN visible: files of frames for Wireshark, lines of keys, frames in UDP, and what the frames of a file say.
pub mod dissect;
#[cfg(feature = "std")]
pub mod keys;
#[cfg(feature = "std")]
pub mod pcap;
#[cfg(feature = "std")]
pub mod pcapng;
#[cfg(feature = "std")]
pub mod read;
pub mod zep;
