//! From a service request to the octets of its GBCS Command (DUIS 4.1, 4.2, 4.5), as the DCC makes them.
//!
//! The result is grouping header and payload: the Pre-Command the User signs, or what the DCC closes with a MAC.
mod auxiliary;
mod calendar;
mod choose;
mod context;
mod credentials;
mod customer;
mod draft;
mod events;
mod hub;
mod prepayment;
mod reads;
mod settings;
mod tariff;
mod zcl;

pub use context::{Backup, Device, GbcsVersion, NotAGbcsVersion, OtherDevice, Party, Requester, TransformContext};

use gbcs::catalogue::{self, Protection};
use gbcs::envelope::{OtherInformation, Supplementary};
use gbcs::{Cra, Eui64, GroupingHeader, Message, MessageId, Time};

use crate::catalogue::{Criticality, DeviceType, Entry, Misfit, UseCase};
use crate::{Body, Request, ResponseCode, Srv};
use draft::{Content, Draft, Fault};

/// A Command still without signature and MAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transformed {
    /// The service asked for.
    pub entry: &'static Entry,
    /// The use case chosen.
    pub use_case: UseCase,
    /// Grouping header and payload.
    pub octets: Vec<u8>,
    /// Offsets in `octets` of the little-endian times that are only the DCC's clock (issuer event ids).
    pub clock_fields: Vec<usize>,
    /// Who must sign: the User, or a party of the DCC that originates what is critical for the device but not for the User.
    pub signer: Option<Eui64>,
}

impl Transformed {
    /// Whether the User must sign.
    pub fn is_critical(&self) -> bool {
        self.entry.criticality == Criticality::Critical
    }
}

/// Why no Command can be made of a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransformError {
    /// The request's parts do not fit each other.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// The request is for the DCC itself.
    #[error("{0} is a service of the DCC: it makes no Command")]
    NonDevice(Srv),
    /// The body is a Command already.
    #[error("the body is a Signed Pre-Command already")]
    AlreadyTransformed,
    /// The service does not apply to this type of device, or its values are for another fuel.
    #[error("{srv} as asked does not apply to a device of type {device}")]
    Device {
        /// The service asked for.
        srv: Srv,
        /// The type of the target.
        device: DeviceType,
    },
    /// A date that the command has no room for.
    #[error("the date {0} cannot be written in a command to a gas meter (2000 to 2136)")]
    Date(Time),
    /// Values that no Command can carry.
    #[error("{srv}: {what} cannot be sent")]
    NotOffered {
        /// The service asked for.
        srv: Srv,
        /// What the request asks.
        what: &'static str,
    },
    /// More of something than a Command holds.
    #[error("{srv}: more {what} than a Command holds")]
    TooMany {
        /// The service asked for.
        srv: Srv,
        /// Of what.
        what: &'static str,
    },
    /// A top-up whose counter is not that of a UTRN.
    #[error("the counter of a top-up has its low 32 bits zero, {0} has not")]
    TopUpCounter(gbcs::Counter),
    /// The context does not say what the Command needs.
    #[error("{srv} needs {what}, which is not known here")]
    Unknown {
        /// The service asked for.
        srv: Srv,
        /// What is not known.
        what: &'static str,
    },
    /// Our own tables disagree about the use case.
    #[error("{use_case}: the values of {srv} do not fill the use case")]
    Catalogue {
        /// The service asked for.
        srv: Srv,
        /// The use case.
        use_case: &'static str,
    },
}

impl TransformError {
    /// What the DCC answers; `None` where the fault is ours.
    pub fn response_code(&self) -> Option<ResponseCode> {
        match self {
            Self::Misfit(misfit) => Some(misfit.response_code()),
            Self::NonDevice(_)
            | Self::AlreadyTransformed
            | Self::Date(_)
            | Self::NotOffered { .. }
            | Self::TooMany { .. }
            | Self::TopUpCounter(_) => Some(ResponseCode::E12),
            Self::Device { .. } => Some(ResponseCode::E11),
            Self::Unknown { .. } | Self::Catalogue { .. } => None,
        }
    }
}

/// Makes the Command of `request` for the device of `ctx`.
///
/// The User originates what he must sign, and what else the device lets him ask; all other Commands come from the Access Control
/// Broker in his stead, or from the transitional change of supplier party (DUIS 4.5).
pub fn transform(request: &Request, ctx: &TransformContext) -> Result<Transformed, TransformError> {
    let entry = request.check()?;
    let (srv, device) = (entry.srv, ctx.device.kind);
    if let Body::SignedPreCommand(_) = request.body {
        return Err(TransformError::AlreadyTransformed);
    }
    if entry.criticality == Criticality::NonDevice {
        return Err(TransformError::NonDevice(srv));
    }
    if !entry.is_for(device) {
        return Err(TransformError::Device { srv, device });
    }
    if let (Body::TopUpDevice(_), true) = (&request.body, request.header.id.counter.0 as u32 != 0) {
        return Err(TransformError::TopUpCounter(request.header.id.counter));
    }
    if request.body.period().is_some_and(|(start, end)| end < start) {
        return Err(TransformError::NotOffered { srv, what: "a period that ends before it starts" });
    }
    let clock = ctx.now.zigbee();
    let draft = draft(&request.body, entry, ctx, clock).map_err(|fault| told(fault, srv, device, ""))?;
    let found = entry.use_cases.iter().find_map(|u| {
        let known = catalogue::find(u.code)?;
        (u.name == draft.use_case || known.id == draft.use_case).then_some((*u, known))
    });
    let (use_case, known) = found.ok_or(TransformError::Device { srv, device })?;
    if choose::of(device).is_none_or(|kind| !known.is_for(kind)) {
        return Err(TransformError::Device { srv, device });
    }
    let tell = |fault| told(fault, srv, device, use_case.name);
    let (id, supplementary) = originator(request, entry, known, ctx).map_err(tell)?;
    let reader = match &supplementary {
        Supplementary::Request(party, _) | Supplementary::Certificate(party, ..) => *party,
        _ => id.originator,
    };
    let execution = request.body.execution();
    let has_clock = matches!(draft.content, Content::Components(_));
    let payload = draft.encode(known, &id, reader, execution).map_err(tell)?;
    let header = GroupingHeader { id, date_time: None, other: OtherInformation { code: use_case.code, supplementary } };
    let before = header.encoded_len(payload.len());
    let mut clock_fields = Vec::new();
    if has_clock {
        // What is only the clock is what another clock changes: the complement changes each of its octets.
        let other = self::draft(&request.body, entry, ctx, !clock).map_err(tell)?;
        let other = other.encode(known, &id, reader, execution).map_err(tell)?;
        let differing: Vec<_> = (0..payload.len()).filter(|&i| payload[i] != other[i]).collect();
        clock_fields = differing.chunks(4).map(|field| before + field[0]).collect();
    }
    let signed = match known.protection(Cra::Command) {
        Some(Protection::Signature | Protection::SignatureAndMac) => true,
        Some(Protection::MacOrSignature) => ctx.broker.is_none_or(|broker| broker.id != id.originator),
        Some(Protection::Mac) | None => false,
    };
    let octets = Message::plain(header, payload).encode();
    Ok(Transformed { entry, use_case, octets, clock_fields, signer: signed.then_some(id.originator) })
}

fn told(fault: Fault, srv: Srv, device: DeviceType, use_case: &'static str) -> TransformError {
    match fault {
        Fault::Fuel => TransformError::Device { srv, device },
        Fault::Date(at) => TransformError::Date(at),
        Fault::NotOffered(what) => TransformError::NotOffered { srv, what },
        Fault::TooMany(what) => TransformError::TooMany { srv, what },
        Fault::Missing(what) => TransformError::Unknown { srv, what },
        Fault::Catalogue => TransformError::Catalogue { srv, use_case },
    }
}

/// Services that the broker performs for the DCC itself: the User does not stand in the Command.
const BUSINESS_OF_THE_BROKER: [Srv; 4] =
    [Srv::new(6, 21, 0), Srv::new(6, 24, 1), Srv::new(8, 5, 0), Srv::new(8, 12, 2)];

/// Whose Command it is, under which counter, and who is behind it (DUIS 4.5).
fn originator(
    request: &Request,
    entry: &Entry,
    use_case: &catalogue::UseCase,
    ctx: &TransformContext,
) -> Result<(MessageId, Supplementary<Vec<u8>>), Fault> {
    let asked = request.header.id;
    let by = |party: Party| MessageId {
        originator: party.id,
        target: asked.target,
        cra: Cra::Command,
        // The broker may ask in its own name, and then numbers the request itself.
        counter: if party.id == asked.originator { asked.counter } else { party.counter },
    };
    if entry.criticality == Criticality::Critical {
        return Ok((asked.command(), Supplementary::None));
    }
    if entry.originators.transitional_cos {
        let party = ctx.transitional_cos.ok_or(Fault::Missing("the transitional change of supplier party"))?;
        return Ok((by(party), Supplementary::None));
    }
    let credentials = match &request.body {
        Body::ReadLog(read) => read.credentials.clone(),
        _ => None,
    };
    let for_the_dcc = BUSINESS_OF_THE_BROKER.contains(&entry.srv);
    // A PPMID holds the broker's credentials alone.
    let known = matches!(ctx.requester, Requester::Known(role) if use_case.allows(role))
        && ctx.device.kind != DeviceType::Ppmid;
    if known && credentials.is_none() && !for_the_dcc {
        return Ok((asked.command(), Supplementary::None));
    }
    if !for_the_dcc && !use_case.allows(catalogue::Originator::AccessControlBroker) {
        return Err(Fault::NotOffered("for a User that the device does not know"));
    }
    let broker = ctx.broker.ok_or(Fault::Missing("the access control broker and its counter"))?;
    let supplementary = if for_the_dcc || broker.id == asked.originator {
        Supplementary::None
    } else {
        match credentials {
            Some(octets) => Supplementary::Certificate(
                asked.originator,
                asked.counter,
                credentials::certificate(&octets)?.octets().to_vec(),
            ),
            None => Supplementary::Request(asked.originator, asked.counter),
        }
    };
    Ok((by(broker), supplementary))
}

/// The use case for `body` and its values, when the DCC's clock shows `clock`.
fn draft(body: &Body, entry: &Entry, ctx: &TransformContext, clock: u32) -> Result<Draft, Fault> {
    let device = &ctx.device;
    let gas = matches!(device.kind, DeviceType::Gsme | DeviceType::Gpf);
    Ok(match body {
        Body::UpdateTariff(b) => tariff::update_tariff(b, clock, gas)?,
        Body::UpdateSecondaryTariff(b) => tariff::update_secondary_tariff(b),
        Body::UpdatePrice(b) => tariff::update_price(b, clock, gas)?,
        Body::UpdateSecondaryPrice(b) => tariff::update_secondary_price(b),
        Body::UpdateMeterBalance(b) => prepayment::update_balance(b, clock, gas),
        Body::UpdatePaymentMode(b) if gas => prepayment::gas_mode(&b.to, b.execution, clock)?,
        Body::UpdatePaymentMode(b) => prepayment::electricity_mode(&b.to, device),
        Body::UpdatePrepayConfiguration(b) => prepayment::update_configuration(b, device, clock, gas)?,
        Body::TopUpDevice(b) => prepayment::top_up(&b.utrn, gas),
        Body::UpdateDebt(b) => prepayment::update_debt(b, clock, gas)?,
        Body::DisplayMessage(b) => customer::display_message(b, clock, gas),
        Body::RestrictAccess(b) => customer::restrict_access(b, clock, gas)?,
        Body::ClearEventLog(b) => customer::clear_event_log(b, gas)?,
        Body::UpdateSupplierName(b) => customer::supplier_name(b, clock, gas),
        Body::LoadLimiting(b) => settings::load_limiting(b),
        Body::Voltage(b) => settings::voltage(b)?,
        Body::GasConversion(b) => settings::gas_conversion(b, clock),
        Body::GasFlow(b) => settings::gas_flow(b, clock),
        Body::BillingCalendar(b) => settings::billing_calendar(b, device, clock, gas)?,
        Body::SynchroniseClock(b) | Body::CommissionClock(b) => settings::clock(b, gas),
        Body::PowerThreshold(b) => settings::power_threshold(b),
        Body::ReadEventLog(b) => reads::event_log(b, device)?,
        Body::SwitchDescriptions(b) => auxiliary::descriptions(b),
        Body::SwitchScheduler(b) => auxiliary::switch_scheduler(b),
        Body::ControllerScheduler(b) => auxiliary::controller_scheduler(b),
        Body::UpdateKrpCredentials(b) => credentials::update_krp(b)?,
        Body::UpdateDeviceCertificate(b) => credentials::device_certificate(b)?,
        Body::IssueCredential(b) => credentials::issue(b),
        Body::RetrieveDeviceCertificate(b) => credentials::provide(b),
        Body::MaximumDemandPeriod(b) => settings::maximum_demand_period(b),
        Body::ResetMaximumDemand(b) => settings::reset_maximum_demand(b)?,
        Body::SetImportMpxn(b) => customer::import_numbers(b, clock, gas)?,
        Body::SetExportMpan(b) => customer::export_number(b),
        Body::Handover(b) => credentials::handover(b)?,
        Body::ConfigureAlerts(b) => events::configure_alerts(b, clock, gas)?,
        Body::ChangeOfSupplier(b) => credentials::change_of_supplier(b)?,
        Body::RetrieveKrpCredentials(b) => credentials::retrieve(b),
        Body::SupplyTamper(b) => settings::supply_tamper(b),
        Body::DailyReset(b) => settings::daily_reset(b),
        Body::SubGhzConfiguration(b) => hub::sub_ghz(b),
        Body::ActivateLoad(b) => {
            auxiliary::switch_now(b.switch.number, auxiliary::Now::Activate(b.switch.content.minutes))
        }
        Body::DeactivateLoad(b) => {
            auxiliary::switch_now(b.switch.number, auxiliary::Now::Deactivate(b.switch.content.minutes))
        }
        Body::ResetLoad(b) => auxiliary::switch_now(b.switch.number, auxiliary::Now::Reset),
        Body::AddToBoostButton(b) => auxiliary::boost_button("ECS62Add", &b.switches, true),
        Body::RemoveFromBoostButton(b) => auxiliary::boost_button("ECS62Remove", &b.switches, false),
        Body::RandomisedOffsetLimit(b) => auxiliary::randomised_offset(b),
        Body::AuxiliaryState(b) => auxiliary::controller_state("ECS47a", b)?,
        Body::LimitLevel(b) => auxiliary::controller_state("ECS47e", b)?,
        Body::OptOut(b) => credentials::opt_out(b)?,
        Body::JoinCritical(b) => hub::join(b, true, ctx)?,
        Body::JoinNonCritical(b) => hub::join(b, false, ctx)?,
        Body::UnjoinCritical(b) => hub::unjoin(b, true, device),
        Body::UnjoinNonCritical(b) => hub::unjoin(b, false, device),
        Body::ReadDeviceLog(b) => hub::read_device_log(b, device),
        Body::UpdateHanDeviceLog(b) => hub::update_device_log(b, ctx)?,
        Body::RestoreHanDeviceLog(_) => hub::restore_hub(ctx.backup.as_ref())?,
        Body::RestoreGpfDeviceLog(_) => hub::restore_gas_proxy(ctx.backup.as_ref())?,
        Body::ActivateFirmware(b) => credentials::activate_firmware(b)?,
        Body::ReadLog(read) => reads::log(entry, read, ctx).ok_or(Fault::Fuel)?,
        Body::Plain { element: "DisablePrivacyPIN", .. } => customer::disable_pin(clock, gas),
        Body::Plain { element: "RequestCustomerIdentificationNumber", .. } => {
            customer::customer_number(ctx.customer_number, clock, gas)?
        }
        Body::Plain { element, .. } => match prepayment::plain(element, clock, gas) {
            Some(draft) => draft,
            None => reads::plain(entry, ctx, clock).ok_or(Fault::Fuel)?,
        },
        // Services of the DCC itself never come here.
        Body::CreateSchedule(_)
        | Body::ReadSchedule(_)
        | Body::DeleteSchedule(_)
        | Body::ReadInventory(_)
        | Body::DecommissionDevice(_)
        | Body::UpdateInventory(_)
        | Body::OptIn(_)
        | Body::ReturnLocalCommandResponse(_)
        | Body::HubInstalled(_)
        | Body::HubInstalledWithoutWan(_)
        | Body::HubFault(_)
        | Body::HubReturn(_)
        | Body::UpdateFirmware(_)
        | Body::UpdatePpmidFirmware(_)
        | Body::WanMatrix(_)
        | Body::DevicePrenotification(_)
        | Body::SignedPreCommand(_) => return Err(Fault::Catalogue),
    })
}

#[cfg(test)]
mod tests;
