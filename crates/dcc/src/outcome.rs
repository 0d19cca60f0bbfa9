//! Whether a Response says that the device did what it was asked, as far as the DCC can read it.
use gbcs::dlms::Apdu;
use gbcs::gbz::zcl::{Body, Command, Status};
use gbcs::gbz::{Component, Content};
use gbcs::{MessageView, Payload};

/// Whether no result in a Response is a failure. What is encrypted for the User counts as done: a device that refuses does not
/// encrypt.
pub fn succeeded(response: &MessageView<'_>) -> bool {
    match Payload::of(response) {
        Ok(Payload::Dlms(Apdu::Response(response))) => response.is_success(),
        Ok(Payload::Gbz(payload)) => payload.components.iter().all(component),
        Ok(Payload::Asn1(payload)) => payload.content().results().iter().all(|result| *result == 0),
        _ => false,
    }
}

fn component(component: &Component) -> bool {
    let Content::Plain(body) = &component.content else { return true };
    match body {
        // A log without entries in the range asked for is no failure (gbcs-messages 8.3).
        Body::DefaultResponse { status, .. } => status.is_success() || *status == Status::NOT_FOUND,
        Body::ReadAttributesResponse(records) => records.iter().all(|record| record.value.is_ok()),
        // Accepted, and what it did to the supply (gbcs-messages 14).
        Body::Cluster(Command::ConsumerTopUpResponse(answer)) => matches!(answer.result, 0 | 0x10..=0x12),
        Body::Cluster(Command::ClearEventLogResponse(answer)) => answer.cleared != 0,
        _ => true,
    }
}
