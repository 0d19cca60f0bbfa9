//! A service request for a device: transformed; then handed back to be signed, or made a Command at once.
use super::{Failure, Gateway, Made, handed_out, refused};
use crate::access::{Allowed, codes};
use crate::config::Device;
use crate::store::Stage;
use duis::catalogue::Criticality;
use duis::transform::{Party, Requester, TransformContext, transform};
use duis::{Content, ResponseCode};
use gbcs::catalogue::Originator;
use gbcs::{Counter, Time};
use std::sync::atomic::Ordering;

impl Gateway {
    /// A service request for a device: transform it; return what is to be signed, or make the Command at once.
    pub(super) fn request(&self, allowed: &Allowed<'_>, device: &Device, now: Time) -> Result<Made, Failure> {
        let request = &allowed.request;
        let context = self.context(allowed, device, now);
        let transformed = transform(request, &context).map_err(|error| {
            refused(request, error.response_code().unwrap_or_else(codes::not_supported), error.to_string())
        })?;
        if transformed.signer == Some(self.config.keys.acb) {
            let reason = format!("{}: the broker signs nothing in this stand-in", transformed.use_case.name);
            return Err(refused(request, codes::not_supported(), reason));
        }
        let plain = transformed.octets;
        if allowed.entry.criticality == Criticality::Critical {
            self.accept(request, Stage::Request, Some(&plain), None, device, now)?;
            let content = Content::PreCommand { gbcs_version: device.kind.gbcs_version.to_string(), payload: plain };
            return Ok(Made { code: ResponseCode::I0, content });
        }
        let command = self.close(device, &plain)?;
        self.accept(request, Stage::Request, None, Some(&command), device, now)?;
        Ok(handed_out(request.header.variant, command))
    }

    /// What the inventory knows, and the broker's next counter: the clock in milliseconds, and above the one before.
    fn context(&self, allowed: &Allowed<'_>, device: &Device, now: Time) -> TransformContext {
        let mut context = TransformContext::new(device.kind, now);
        let is_operator = allowed.user.roles.iter().any(|role| matches!(role, duis::Role::Ed | duis::Role::Gt));
        context.requester = match allowed.user.eui == device.supplier {
            true => Requester::Known(Originator::Supplier),
            false if is_operator => Requester::Known(Originator::NetworkOperator),
            false => Requester::Unknown,
        };
        let next = |last: u64| Some(now.0.max(last + 1));
        let last = self.broker_counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        let counter = Counter(now.0.max(last.unwrap_or_default() + 1));
        context.broker = Some(Party { id: self.config.keys.acb, counter });
        context
    }
}
