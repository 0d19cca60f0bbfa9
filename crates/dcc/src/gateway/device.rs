//! A service request for a device: transformed; then handed back to be signed, or made a Command at once.
use super::{Gateway, Made, handed_out, internal, refused};
use crate::access::{Allowed, Failure, codes};
use crate::anomaly;
use crate::inventory::Device;
use crate::store::{Acceptance, Stage, originators};
use duis::body::han::{LogRequest, UpdateHanDeviceLog};
use duis::catalogue::Criticality;
use duis::transform::{OtherDevice, Party, Requester, TransformContext, Transformed, transform};
use duis::{Body, Content, Execution, PreCommand, ResponseCode};
use gbcs::catalogue::Originator;
use gbcs::crypto::{AwsLc, Crypto};
use gbcs::{Eui64, MessageView, Time, protect};

impl Gateway {
    /// A service request for a device: transform it; return what is to be signed, or make the Command at once.
    pub(super) fn request(&self, allowed: &Allowed<'_>, device: &Device, now: Time) -> Result<Made, Failure> {
        let request = &allowed.request;
        let execution = request.body.execution();
        let is_kept = allowed.entry.future_dating.dcc && !allowed.entry.future_dating.device;
        if is_kept && execution == Execution::Cancel {
            return self.cancel(allowed, now);
        }
        let transformed = self.transformed(allowed, now)?;
        let acceptance = Acceptance::new(request, Stage::Request, now);
        let acceptance = Acceptance { document: Some(allowed.document), ..acceptance };
        if allowed.entry.criticality == Criticality::Critical {
            let plain = transformed.octets;
            self.store_once(request, &Acceptance { pre_command: Some(&plain), ..acceptance }, |_| Ok(()))?;
            let content = PreCommand { gbcs_version: device.kind.gbcs_version.to_string(), payload: plain };
            return Ok(Made { code: ResponseCode::I0, content: Content::PreCommand(content) });
        }
        if let Some(gate) = self.gate(allowed, execution, Some(&anomaly::values(&request.body)), now)? {
            return self.hold(allowed, Stage::Request, &gate, now);
        }
        let inner = self.sign_for_the_dcc(transformed)?;
        let command = self.close(request, device, &inner)?;
        let acceptance = acceptance.command(&command, request.header.variant, device.hub);
        let view = MessageView::parse(&command).map_err(internal)?;
        let id = view.id();
        let made = handed_out(request.header.variant, command.clone());
        self.settle(allowed, &acceptance, &made, |transaction| {
            if allowed.entry.future_dating.device {
                self.expect_alerts(transaction, &request.header, execution, &view)?;
            }
            // A counter of the DCC's own is used up with the Command that carries it, whatever happens to this process next.
            match id.originator == allowed.user.eui {
                true => Ok(()),
                false => Ok(originators::use_counter(transaction, id.originator, id.counter)?),
            }
        })?;
        Ok(made)
    }

    /// The octets that a request for a device means now.
    pub(super) fn transformed(&self, allowed: &Allowed<'_>, now: Time) -> Result<Transformed, Failure> {
        let request = &allowed.request;
        let device = allowed.device.as_ref().ok_or_else(|| internal(format!("{} has no device", request.header.id)))?;
        self.check_home(allowed, device)?;
        self.check_certificates(request, now)?;
        transform(request, &self.context(allowed, device, now)?).map_err(|error| {
            refused(request, error.response_code().unwrap_or_else(codes::not_supported), error.to_string())
        })
    }

    /// What is critical for the device but not for the User is signed by the party of the DCC that originates it (DUIS 4.5).
    fn sign_for_the_dcc(&self, transformed: Transformed) -> Result<Vec<u8>, Failure> {
        let Some(signer) = transformed.signer else { return Ok(transformed.octets) };
        let key = match &self.transitional_cos {
            Some((party, key)) if party.id == signer => key,
            _ if signer == self.acb.id => &self.config.keys.acb_signature,
            _ => return Err(Failure::Internal(format!("{} is to be signed by {signer}", transformed.use_case.name))),
        };
        protect::sign(&AwsLc, key, &transformed.octets).map_err(internal)
    }

    /// What the inventory knows, and the next counters of the DCC's own parties.
    fn context(&self, allowed: &Allowed<'_>, device: &Device, now: Time) -> Result<TransformContext, Failure> {
        let request = &allowed.request;
        let mut context = TransformContext::new(device.kind, now);
        let user = Some(allowed.user.eui);
        context.requester = match () {
            () if user == device.supplier => Requester::Known(Originator::Supplier),
            () if user == device.network_operator => Requester::Known(Originator::NetworkOperator),
            () if allowed.user.is_load_controller => Requester::Known(Originator::LoadController),
            () => Requester::Unknown,
        };
        context.broker = Some(Party { id: self.acb.id, counter: self.acb.next(now) });
        let cos = self.transitional_cos.as_ref().filter(|_| allowed.entry.originators.transitional_cos);
        context.transitional_cos = cos.map(|(party, _)| Party { id: party.id, counter: party.next(now) });
        if let Some(other) = named_device(&request.body) {
            let kind = self.store.device(other)?.map(|other| other.kind.kind);
            let keys = self.store.device_keys(other)?;
            let certificate = keys.and_then(|keys| keys.agreement_certificate);
            context.other = kind.map(|kind| OtherDevice { kind, certificate });
        }
        context.backup = match &request.body {
            Body::RestoreHanDeviceLog(restore) => self.store.backed_up_hub(restore.old)?,
            Body::RestoreGpfDeviceLog(restore) => self.store.backed_up_gas_proxy(restore.old)?,
            _ => None,
        };
        if let Some("RequestCustomerIdentificationNumber") = plain_element(&request.body) {
            context.customer_number = Some(self.customer_number(&request.header.id.to_string())?);
        }
        Ok(context)
    }

    /// Four digits that nobody guesses who has not the broker's key.
    fn customer_number(&self, request: &str) -> Result<[u8; 4], Failure> {
        let secret = AwsLc.sign(&self.config.keys.acb_signature, request.as_bytes()).map_err(internal)?;
        let [a, b, c, d, ..] = AwsLc.sha256(&[&secret.0]);
        let number = u32::from_be_bytes([a, b, c, d]) % 10_000;
        Ok([1000, 100, 10, 1].map(|place| b'0' + (number / place % 10) as u8))
    }
}

/// The device that a request names beside its target.
pub(super) fn named_device(body: &Body) -> Option<Eui64> {
    match body {
        Body::UpdateHanDeviceLog(UpdateHanDeviceLog { device, request: LogRequest::Add, .. }) => Some(*device),
        body => body.other_device(),
    }
}

fn plain_element(body: &Body) -> Option<&'static str> {
    match body {
        Body::Plain { element, .. } => Some(element),
        _ => None,
    }
}
