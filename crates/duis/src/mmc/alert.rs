//! Alerts: code, meaning, time, and what else they tell.
use gbcs::dlms::Apdu;
use gbcs::{MessageView, Payload, Time, catalogue};

use super::answer::Answer;
use super::element::Element;
use super::fill::{self, Misfits};
use super::{Body, asn1, event_meaning, gbcs_data, table, whole};

/// The message of an Alert.
pub(super) fn message(view: &MessageView<'_>, payload: &Payload, answer: Answer) -> Body {
    let mut misfits = Misfits::default();
    let told = match payload {
        Payload::Dlms(Apdu::Notification(alert)) => alert.time.time().map(|time| (alert.code, time, None)),
        Payload::GbzAlert(alert) => Some((alert.code, Time::from_zigbee(alert.time), None)),
        Payload::Asn1(payload) => asn1::alert(payload.content(), &mut misfits),
        _ => None,
    };
    let told = told.filter(|(_, time, _)| time.civil().year <= 9999);
    let id = catalogue::find(view.message_code()).map_or("", |use_case| use_case.id);
    let inside = fill::fill(table::of_use_case(id).unwrap_or_default(), answer.values, &mut misfits);
    let mut pieces = answer.pieces;
    let content = told.map(|(code, time, inside_asn1)| {
        let inside: Vec<_> = inside.into_iter().chain(inside_asn1).collect();
        let more = says_more(payload);
        // What the schema has no payload for is shown whole.
        if more && inside.is_empty() && pieces.is_empty() {
            misfits.note::<()>("payload");
        }
        let mut elements = vec![
            Element::text("GBCSHexAlertCode", format!("{code:04X}")),
            Element::text("AlertDescription", event_meaning(code)),
            Element::text("Timestamp", time.to_string()),
        ];
        if !inside.is_empty() {
            elements.push(Element::new("Payload", inside));
        }
        Element::new("DeviceAlertContent", elements)
    });
    let typed = content.is_some();
    if !typed || !misfits.is_empty() {
        pieces.push(whole(view));
    }
    let pieces = gbcs_data(view, pieces);
    let count = pieces.len();
    let inside: Vec<_> = pieces.into_iter().chain(content).collect();
    Body { element: Element::new("DeviceAlertMessage", inside), typed, pieces: count }
}

/// Whether an Alert tells more than its code and time.
fn says_more(payload: &Payload) -> bool {
    match payload {
        Payload::Dlms(Apdu::Notification(alert)) => !alert.further.is_empty(),
        Payload::GbzAlert(alert) => alert.data != gbcs::gbz::AlertData::None,
        _ => true,
    }
}
