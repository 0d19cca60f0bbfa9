//! What a supplier must check before it signs, and before it delivers (DUIS 4.2, 4.4, 11.1, 11.2).
//!
//! The DCC makes the octets, the supplier answers for them: nothing is signed that does not mean what was asked for. The check
//! makes the Command itself and compares every octet, but for the times that are only the DCC's clock.
use std::time::Duration;

use gbcs::{Form, MessageCode, MessageId, MessageView, ParseError, Time};

use crate::Request;
use crate::transform::{TransformContext, TransformError, Transformed, transform};

/// How far the DCC's clock may stand from ours.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(15 * 60);

/// Why octets are not the Command that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Not a GBCS message.
    #[error("no GBCS message: {0}")]
    Malformed(#[from] ParseError),
    /// Protected otherwise than it must be at this step.
    #[error("the message is {found:?}, not {expected:?}")]
    Form {
        /// How it must be protected.
        expected: Form,
        /// How it is.
        found: Form,
    },
    /// Another originator, target, kind or counter.
    #[error("the message is {found}, the request asked for {expected}")]
    Id {
        /// What the request's id makes.
        expected: MessageId,
        /// What the message says.
        found: MessageId,
    },
    /// A use case the service does not have, or another one than the values call for.
    #[error("message code {found} where {expected} was asked for")]
    Code {
        /// That of the use case asked for.
        expected: MessageCode,
        /// That of the message.
        found: MessageCode,
    },
    /// The header says more than ids and code.
    #[error("the header carries fields that a Command for this request has not")]
    Header,
    /// Another value than asked for.
    #[error("payload differs from what was asked for at octet {offset} of {expected}")]
    Payload {
        /// First octet that differs, from the start of the payload.
        offset: usize,
        /// Length of the payload asked for.
        expected: usize,
    },
    /// The time the DCC wrote is too far from ours.
    #[error("issuer event id at octet {offset} is the time {found}, more than {} s from now", .tolerance.as_secs())]
    Clock {
        /// Where it stands in the payload.
        offset: usize,
        /// The time written.
        found: Time,
        /// The tolerance in force.
        tolerance: Duration,
    },
    /// The Signed Pre-Command inside is not the one that was sent.
    #[error("the Command holds other octets than the Signed Pre-Command, from octet {offset}")]
    NotOurs {
        /// First octet that differs, from the start of the Signed Pre-Command.
        offset: usize,
    },
    /// A signature inside a Command that nobody signs.
    #[error("the Command has a signature although the service is not critical")]
    Signed,
    /// What was asked for cannot be told.
    #[error(transparent)]
    Transform(#[from] TransformError),
}

/// Whether `pre_command` means what `request` asks for; a trailing zero-length signature is accepted (DUIS 4.5).
///
/// `ctx.now` is the supplier's own clock.
pub fn correlate(request: &Request, pre_command: &[u8], ctx: &TransformContext) -> Result<Transformed, Mismatch> {
    let view = MessageView::parse(pre_command)?;
    expect_form(&view, Form::Plain)?;
    compare(request, &view, ctx, CLOCK_TOLERANCE)
}

/// Whether `local` is the Command made of our `signed_pre_command`: MAC header, our octets, MAC.
///
/// The MAC itself only the meter can check.
pub fn check_local_command(local: &[u8], signed_pre_command: &[u8]) -> Result<(), Mismatch> {
    let view = MessageView::parse(local)?;
    expect_form(&view, Form::Maced)?;
    let inner = view.inner_octets();
    match first_difference(inner, signed_pre_command) {
        Some(offset) => Err(Mismatch::NotOurs { offset }),
        None => Ok(()),
    }
}

/// Whether `local` is a Command that means what the non-critical `request` asks for.
pub fn check_local_command_for(
    request: &Request,
    local: &[u8],
    ctx: &TransformContext,
) -> Result<Transformed, Mismatch> {
    let view = MessageView::parse(local)?;
    expect_form(&view, Form::Maced)?;
    if view.signature().is_some() {
        return Err(Mismatch::Signed);
    }
    compare(request, &view, ctx, CLOCK_TOLERANCE)
}

fn expect_form(view: &MessageView<'_>, expected: Form) -> Result<(), Mismatch> {
    let found = view.form();
    if found == expected { Ok(()) } else { Err(Mismatch::Form { expected, found }) }
}

fn compare(
    request: &Request,
    view: &MessageView<'_>,
    ctx: &TransformContext,
    tolerance: Duration,
) -> Result<Transformed, Mismatch> {
    let mut ctx = ctx.clone();
    // The broker counts its own Commands.
    if let Some(broker) = ctx.broker.as_mut().filter(|broker| broker.id == view.id().originator) {
        broker.counter = view.id().counter;
    }
    let ours = transform(request, &ctx)?;
    let expected = MessageView::parse(&ours.octets)?;
    if view.id() != expected.id() {
        return Err(Mismatch::Id { expected: expected.id(), found: view.id() });
    }
    if view.message_code() != expected.message_code() {
        return Err(Mismatch::Code { expected: expected.message_code(), found: view.message_code() });
    }
    if view.other_information() != expected.other_information() || view.date_time().is_some() {
        return Err(Mismatch::Header);
    }
    let (asked, found) = (expected.payload(), view.payload());
    let mut asked_now = asked.to_vec();
    for &at in &ours.clock_fields {
        let offset = at - expected.payload_offset();
        let Some(field) = found.get(offset..offset + 4) else { break };
        asked_now[offset..offset + 4].copy_from_slice(field);
    }
    // Values first: a difference among them is worse news than a clock.
    if let Some(offset) = first_difference(found, &asked_now) {
        return Err(Mismatch::Payload { offset, expected: asked.len() });
    }
    for &at in &ours.clock_fields {
        let offset = at - expected.payload_offset();
        let field = found[offset..offset + 4].try_into().expect("four octets");
        let found = Time::from_zigbee(u32::from_le_bytes(field));
        if found.since(ctx.now).max(ctx.now.since(found)) > tolerance {
            return Err(Mismatch::Clock { offset, found, tolerance });
        }
    }
    Ok(ours)
}

fn first_difference(one: &[u8], other: &[u8]) -> Option<usize> {
    let common = one.iter().zip(other).position(|(a, b)| a != b);
    common.or_else(|| (one.len() != other.len()).then(|| one.len().min(other.len())))
}
