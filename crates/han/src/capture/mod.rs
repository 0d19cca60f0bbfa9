//! What makes a HAN visible in Wireshark: files of frames, lines of keys, and frames in UDP.
#[cfg(feature = "std")]
pub mod keys;
#[cfg(feature = "std")]
pub mod pcap;
pub mod zep;
