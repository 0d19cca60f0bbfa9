//! What encrypted parts of a payload hold, by the names of the catalogue.
use super::{gbz, value};
use crate::catalogue;
use crate::envelope::MessageView;
use crate::gbz::{AlertData, Component};
use crate::payload::Payload;
use crate::verify::{EncryptedPart, Plain};
use serde_json::{Value as Json, json};

/// The JSON of what one part of a payload holds: the value of a DLMS row, the body of a component, or hex of what is neither.
/// Null where the part could not be opened.
pub fn opened(view: &MessageView<'_>, payload: &Payload, part: &EncryptedPart) -> Json {
    let component = || -> Option<&Component> {
        match payload {
            Payload::Gbz(payload) => payload.components.get(part.place),
            Payload::GbzAlert(alert) => match &alert.data {
                AlertData::Component(component) => Some(component),
                _ => None,
            },
            _ => None,
        }
    };
    match &part.plain {
        None => Json::Null,
        Some(Plain::Dlms(data)) => {
            let use_case = catalogue::find(view.message_code());
            match use_case.and_then(|use_case| use_case.plaintext(view.cra(), part.place)) {
                Some(field) => json!({ "value": value::to_json(field, data) }),
                None => json!({ "data": value::typed(data) }),
            }
        }
        Some(Plain::Zcl(body)) => component().map_or(Json::Null, |c| gbz::body_json(c, body).into()),
        Some(Plain::Unknown(octets)) => json!({ "octets": hex::encode(octets) }),
    }
}
