//! Whether octets are the device's answer to a Command, and what they say.
use crate::keys::DeviceKeys;
use delivery::MeterFault;
use gbcs::certificate::KeyUsage;
use gbcs::crypto::{AwsLc, Crypto, PrivateKey, PublicKey};
use gbcs::dlms::Apdu;
use gbcs::gbz::zcl::Body;
use gbcs::gbz::{Component, Content};
use gbcs::protect::{self, ProtectError};
use gbcs::{Cra, MessageCode, MessageId, MessageView, ParseError, Payload, asn1};

/// What a proven Response says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every result is success.
    Success,
    /// This is the first result that is not.
    Failure(MeterFault),
}

/// Why octets are not the device's answer to a Command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FalseAnswer {
    /// Not a GBCS message, or one whose payload is none.
    #[error("no GBCS message: {0}")]
    Malformed(#[from] ParseError),
    /// Another originator, target or counter, or no Response.
    #[error("the message is {found}, the answer would be {expected}")]
    Id {
        /// Ids of the Command swapped, its counter.
        expected: MessageId,
        /// Those of the message.
        found: MessageId,
    },
    /// Another use case.
    #[error("message code {found}, the Command has {expected}")]
    Code {
        /// Of the Command.
        expected: MessageCode,
        /// Of the message.
        found: MessageCode,
    },
    /// Signature or MAC is missing or does not verify.
    #[error(transparent)]
    Unproven(#[from] ProtectError),
    /// A part is encrypted for somebody else, so nobody here can tell what it says.
    #[error("a part of the answer cannot be decrypted")]
    Sealed,
    /// The payload answers another number of instructions, or none.
    #[error("the payload is no answer to the Command's")]
    Payload,
}

/// Proves `response` to be the answer of the device with `keys` to `command`, and reads its results. The Response of a critical
/// Command is signed by the device; that of another closed by a MAC between the device and us (DUIS 4.4).
///
/// # Errors
/// [`FalseAnswer`]; what fails to verify says nothing about what the device did.
pub fn verify_response(
    command: &MessageView<'_>,
    critical: bool,
    response: &[u8],
    ours: &PrivateKey,
    keys: &DeviceKeys,
) -> Result<Verdict, FalseAnswer> {
    let view = MessageView::parse(response)?;
    let (expected, found) = (command.id().answer(), view.id());
    if found != expected || found.cra != Cra::Response {
        return Err(FalseAnswer::Id { expected, found });
    }
    let (expected, found) = (command.message_code(), view.message_code());
    if found != expected {
        return Err(FalseAnswer::Code { expected, found });
    }
    if critical || view.signature().is_some() {
        let verified = protect::verify_signature(&AwsLc, &keys.signing, &view);
        match replaced_key(command) {
            // A device that took a new signing certificate signs with its key from then on, that answer too.
            Some((KeyUsage::DigitalSignature, key)) if verified.is_err() => {
                protect::verify_signature(&AwsLc, &key, &view)?;
            }
            _ => verified?,
        }
    }
    let z = AwsLc.agree(ours, &keys.agreement).map_err(ProtectError::from)?;
    if !critical || view.mac().is_some() {
        protect::verify_mac(&AwsLc, &z, &view)?;
    }
    let key = protect::encryption_key(&AwsLc, &z, &view);
    let open = |blob: &[u8]| protect::decrypt(&AwsLc, &key, view.id().originator, blob).ok();
    results(&Payload::of(command)?, &Payload::of(&view)?, open)
}

/// The key of the device that a Command replaces, where it brings the device's new certificate (CS02d): for what, and which.
pub(crate) fn replaced_key(command: &MessageView<'_>) -> Option<(KeyUsage, PublicKey)> {
    let Ok(Payload::Asn1(payload)) = Payload::of(command) else { return None };
    let asn1::Content::Certificate(certificate) = payload.content() else { return None };
    let read = certificate.read().ok().filter(|read| read.entity == Some(command.id().target))?;
    Some((read.usage, AwsLc.public_key(&read.point).ok()?))
}

fn results(
    asked: &Payload,
    answered: &Payload,
    open: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Result<Verdict, FalseAnswer> {
    match (asked, answered) {
        (Payload::Dlms(Apdu::Request(request)), Payload::Dlms(Apdu::Response(response))) => {
            if request.rows.len() != response.answers.len() {
                return Err(FalseAnswer::Payload);
            }
            Ok(first_failure(response.answers.iter().map(|answer| answer.result.0)))
        }
        (Payload::Gbz(_), Payload::Gbz(response)) => {
            let results = response.components.iter().map(|component| match &component.content {
                Content::Plain(body) => Ok(body.result().0),
                Content::Encrypted { blob, .. } => {
                    let octets = open(blob).ok_or(FalseAnswer::Sealed)?;
                    let Component { cluster, frame_control, command, .. } = component;
                    Ok(Body::parse(*cluster, *frame_control, *command, &octets).result().0)
                }
            });
            Ok(first_failure(results.collect::<Result<Vec<u8>, FalseAnswer>>()?.into_iter()))
        }
        (Payload::Asn1(_), Payload::Asn1(response)) => Ok(first_failure(response.content().results().into_iter())),
        _ => Err(FalseAnswer::Payload),
    }
}

fn first_failure(results: impl Iterator<Item = u8>) -> Verdict {
    let failure = results.enumerate().find(|(_, result)| *result != 0);
    failure.map_or(Verdict::Success, |(index, result)| {
        Verdict::Failure(MeterFault { instruction: u16::try_from(index + 1).unwrap_or(u16::MAX), result })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gbcs::asn1::{ActivateFirmware, Content, ImageHash, JoinStatus, Payload as Asn1};
    use gbcs::{Counter, der};

    #[test]
    fn what_an_asn1_response_says_failed_is_a_failure_and_what_it_cannot_say_is_none_of_the_answers() {
        let hash = ImageHash([1; 32]);
        let asked = Content::ActivateFirmware(ActivateFirmware { hash, counter: Counter(1), execution: None });
        let asked = Payload::Asn1(Asn1::from(asked));
        let judged = |content: Content| results(&asked, &Payload::Asn1(content.into()), |_| None);
        assert_eq!(judged(Content::ActivationAccepted), Ok(Verdict::Success));
        assert_eq!(judged(Content::Joined(JoinStatus::Success)), Ok(Verdict::Success));
        let failure = MeterFault { instruction: 1, result: JoinStatus::LogFull.number() };
        assert_eq!(judged(Content::Joined(JoinStatus::LogFull)), Ok(Verdict::Failure(failure)));
        let tree = der::Value::primitive(der::tag::NULL, []).unwrap();
        assert_eq!(results(&asked, &Payload::Der(tree), |_| None), Err(FalseAnswer::Payload));
    }
}
