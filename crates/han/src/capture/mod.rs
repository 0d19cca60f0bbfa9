//! What makes a HAN visible: files of frames for Wireshark, lines of keys, frames in UDP, and what the frames of a file say.
pub mod dissect;
#[cfg(feature = "std")]
pub mod keys;
#[cfg(feature = "std")]
pub mod pcap;
#[cfg(feature = "std")]
pub mod pcapng;
pub mod read;
pub mod zep;

/// What the packets of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkType(pub u32);

impl LinkType {
    /// IEEE 802.15.4 with frame check sequence: what [`Node`](crate::Node) transmits.
    pub const IEEE802_15_4: Self = Self(195);
    /// The same without frame check sequence.
    pub const IEEE802_15_4_NO_FCS: Self = Self(230);
    /// The same behind a header of tagged fields.
    pub const IEEE802_15_4_TAP: Self = Self(283);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// IP packets without a link layer: for [`zep`] in UDP.
    pub const RAW: Self = Self(101);
}
