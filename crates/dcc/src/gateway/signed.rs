//! A Signed Pre-Command: compared with what was transformed, closed with the broker's MAC.
use super::{Gateway, Made, handed_out, refused};
use crate::access::{Allowed, Failure, codes};
use crate::inventory::Device;
use crate::store::{Acceptance, Stage};
use duis::body::SignedPreCommand;
use gbcs::crypto::AwsLc;
use gbcs::{Form, MessageView, Time, protect};

impl Gateway {
    /// A Signed Pre-Command: octet for octet what was transformed, signed by the User; then the Command.
    pub(super) fn signed(
        &self,
        allowed: &Allowed<'_>,
        device: &Device,
        signed: &SignedPreCommand,
        now: Time,
    ) -> Result<Made, Failure> {
        let request = &allowed.request;
        let wrong = |reason: String| refused(request, codes::wrong_pre_command(), reason);
        let view = MessageView::parse(&signed.payload).map_err(|e| wrong(e.to_string()))?;
        if view.form() != Form::Signed {
            return Err(wrong("not a Signed Pre-Command: no signature, or a MAC".into()));
        }
        if view.id() != request.header.id.command() {
            return Err(wrong(format!("the grouping header names {}, not this request", view.id())));
        }
        if !allowed.entry.has_code(view.message_code()) {
            return Err(wrong(format!("message code {} is not of {}", view.message_code(), request.header.srv)));
        }
        // A User's own adaptor may have made the Pre-Command; one of ours must come back unchanged.
        let ours = self.store.pre_command(request.header.id)?;
        if let Some(ours) = ours
            && ours != view.plain_octets()
        {
            let at = ours.iter().zip(view.plain_octets()).position(|(a, b)| a != b);
            let at = at.unwrap_or(ours.len().min(view.plain_octets().len()));
            return Err(wrong(format!("differs from the Pre-Command at offset {at}")));
        }
        protect::verify_signature(&AwsLc, &allowed.user.gbcs_signature, &view)
            .map_err(|e| wrong(format!("the User's signature: {e}")))?;
        let command = self.close(request, device, &signed.payload)?;
        let acceptance = Acceptance::new(request, Stage::Signed, now);
        let acceptance = acceptance.command(&command, request.header.variant, device.hub);
        self.store_once(request, &acceptance, |_| Ok(()))?;
        Ok(handed_out(request.header.variant, command))
    }
}
