//! A Signed Pre-Command: compared with what was transformed, closed with the broker's MAC.
use super::{Gateway, Made, handed_out, internal, refused};
use crate::access::{Allowed, Failure, codes};
use crate::anomaly;
use crate::inventory::Device;
use crate::store::{Acceptance, Stage};
use duis::body::SignedPreCommand;
use duis::xml::Document;
use duis::{Body, Execution, Request};
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
        let asked = self.asked_for(request)?;
        let execution = self.execution(request, signed, asked.as_ref())?;
        let values = asked.as_ref().map(anomaly::values);
        if let Some(gate) = self.gate(allowed, execution, values.as_deref(), now)? {
            return self.hold(allowed, Stage::Signed, &gate, now);
        }
        let command = self.close(request, device, &signed.payload)?;
        let acceptance = Acceptance::new(request, Stage::Signed, now);
        let acceptance = acceptance.command(&command, request.header.variant, device.hub);
        let made = handed_out(request.header.variant, command.clone());
        self.settle(allowed, &acceptance, &made, |transaction| {
            let view = MessageView::parse(&command).map_err(internal)?;
            self.expect_alerts(transaction, &request.header, execution, &view)
        })?;
        Ok(made)
    }

    /// What the request asked for whose Pre-Command this is; `None` when it was not transformed here.
    fn asked_for(&self, request: &Request) -> Result<Option<Body>, Failure> {
        let Some(document) = self.store.document(request.header.id)? else { return Ok(None) };
        let asked = Document::parse(&document).and_then(|document| Request::parse(&document));
        asked.map(|asked| Some(asked.body)).map_err(internal)
    }

    /// When it takes effect: as the request said that was transformed; a Signed Pre-Command may repeat it (DUIS 12, point 5).
    fn execution(
        &self,
        request: &Request,
        signed: &SignedPreCommand,
        asked: Option<&Body>,
    ) -> Result<Execution, Failure> {
        match asked.map(Body::execution) {
            None => Ok(signed.execution),
            Some(asked) if signed.execution == Execution::Immediate || signed.execution == asked => Ok(asked),
            Some(_) => {
                let reason = "the execution date is not that of the request that was transformed";
                Err(refused(request, codes::wrong_pre_command(), reason.into()))
            }
        }
    }
}
