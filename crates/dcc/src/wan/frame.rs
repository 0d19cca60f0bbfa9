//! Messages on the connection of a hub, each behind its length.
use tokio::io::{AsyncRead, AsyncReadExt};

/// A message behind its length.
pub fn frame(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).expect("a GBCS message is below 64 KiB");
    [&length.to_be_bytes(), message].concat()
}

/// The next message. To be cut short only with the connection: what was read of it is lost.
pub(super) async fn read_frame(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let length = from.read_u16().await?;
    let mut octets = vec![0; length as usize];
    from.read_exact(&mut octets).await?;
    Ok(octets)
}
