//! Whether a Response says that the device did what it was asked, as far as the DCC can read it.
use gbcs::dlms::Apdu;
use gbcs::gbz::Content;
use gbcs::{MessageView, Payload};

/// Whether no result in a Response is a failure. What is encrypted for the User counts as done: a device that refuses does not
/// encrypt.
pub fn succeeded(response: &MessageView<'_>) -> bool {
    match Payload::of(response) {
        Ok(Payload::Dlms(Apdu::Response(response))) => response.is_success(),
        Ok(Payload::Gbz(payload)) => payload.components.iter().all(|component| match &component.content {
            Content::Plain(body) => body.result().is_success(),
            Content::Encrypted { .. } => true,
        }),
        Ok(Payload::Asn1(payload)) => payload.content().results().iter().all(|result| *result == 0),
        _ => false,
    }
}
