//! Access control: the checks of DUIS 5.2, in its order, each with its response code.
use crate::config::{DccConfig, User, UserStatus};
use crate::inventory::{Device, DeviceStatus};
use crate::store::{Held, Stage, Store, inventory};
use duis::catalogue::{Criticality, Entry};
use duis::xml::Document;
use duis::{DeviceType, Execution, Request, RequestId, ResponseCode, Role, Service, Srv};
use gbcs::crypto::AwsLc;
use gbcs::{Eui64, Time};
use rusqlite::Connection;
use std::fmt;

/// Not to be had in public texts (DUIS 12, point 3): the stand-in's own choice among the codes of the schema.
pub mod codes {
    use duis::ResponseCode;

    /// The document is not well-formed, has a DTD, or is not of the schema.
    pub fn malformed() -> ResponseCode {
        code("E100")
    }
    /// The signature is missing, by nobody known, or does not verify.
    pub fn bad_signature() -> ResponseCode {
        ResponseCode::E1
    }
    /// This RequestID was accepted before.
    pub fn replayed() -> ResponseCode {
        code("E57")
    }
    /// The Signed Pre-Command is not what was transformed, or its signature is not the User's.
    pub fn wrong_pre_command() -> ResponseCode {
        code("E58")
    }
    /// The service is known but this stand-in cannot transform it.
    pub fn not_supported() -> ResponseCode {
        code("E59")
    }
    /// 8.2: no device is found.
    pub fn nothing_found() -> ResponseCode {
        code("E080201")
    }
    /// 8.2: more devices are found than an answer holds.
    pub fn too_many_found() -> ResponseCode {
        code("E080202")
    }
    /// 8.4: a variant for what is no electricity meter.
    pub fn variant_of_no_esme() -> ResponseCode {
        code("E080405")
    }
    /// 8.7: the other device is in another home.
    pub fn not_in_this_home() -> ResponseCode {
        code("E080702")
    }
    /// 8.11: the device to remove is not on this hub's log.
    pub fn not_of_this_hub() -> ResponseCode {
        code("E081101")
    }
    /// 8.12.1: the old hub's log is not known.
    pub fn no_backup() -> ResponseCode {
        code("E081202")
    }
    /// 8.12.2: the old gas proxy's log is not known.
    pub fn no_gas_proxy_backup() -> ResponseCode {
        code("E081221")
    }
    /// 8.13: the original request is unknown or was not for local delivery.
    pub fn original_unknown() -> ResponseCode {
        code("E081301")
    }
    /// 8.13: the Response does not belong to the original request.
    pub fn response_mismatch() -> ResponseCode {
        code("E081302")
    }
    /// 8.13: the Response is no GBCS message, or its signature is not the device's.
    pub fn response_invalid() -> ResponseCode {
        code("E081303")
    }
    /// 8.14: a type of installation that is of the other service.
    pub fn install_type() -> ResponseCode {
        code("E081401")
    }
    /// 8.14.3: taken, though the other device is not in the inventory.
    pub fn other_device_unknown() -> ResponseCode {
        code("W081401")
    }
    /// 11.1, 11.4: some devices will not get the image; the body says which.
    pub fn some_without_firmware(srv: duis::Srv) -> ResponseCode {
        code(if srv == duis::Srv::new(11, 1, 0) { "W110101" } else { "W110401" })
    }
    /// 11.1, 11.4: no device can get the image.
    pub fn nobody_for_firmware(srv: duis::Srv) -> ResponseCode {
        code(if srv == duis::Srv::new(11, 1, 0) { "E110101" } else { "E110401" })
    }
    /// 11.1, 11.4: the image is empty.
    pub fn no_image(srv: duis::Srv) -> ResponseCode {
        code(if srv == duis::Srv::new(11, 1, 0) { "E110102" } else { "E110402" })
    }
    /// 12.1: no coverage is known there.
    pub fn place_unknown() -> ResponseCode {
        code("E120101")
    }
    /// 12.2: the device is in the inventory already.
    pub fn notified_already() -> ResponseCode {
        code("E120201")
    }
    /// 12.2: a hub without a gas proxy, or a gas proxy of what is no hub.
    pub fn gas_proxy_misplaced() -> ResponseCode {
        code("E120203")
    }
    /// 12.2: an electricity meter without a variant, or a variant of what is none.
    pub fn variant_misplaced() -> ResponseCode {
        code("E120204")
    }

    /// The elements for sequencing contradict each other, or name a request of another User.
    pub fn bad_sequence() -> ResponseCode {
        code("E40")
    }
    /// The request that precedes it failed.
    pub fn predecessor_failed() -> ResponseCode {
        code("E41")
    }
    /// The request that precedes it did not end in time.
    pub fn waited_too_long() -> ResponseCode {
        code("E42")
    }
    /// The request that precedes it has not succeeded yet, and the answer is due at once.
    pub fn cannot_wait() -> ResponseCode {
        code("E43")
    }
    /// The execution date is in the past or too far ahead.
    pub fn bad_date() -> ResponseCode {
        code("E44")
    }
    /// Nothing waits for its date that could be cancelled.
    pub fn nothing_to_cancel() -> ResponseCode {
        code("E45")
    }
    /// The User cancelled this request before its date.
    pub fn cancelled() -> ResponseCode {
        code("E46")
    }
    /// This request was deleted from quarantine.
    pub fn deleted() -> ResponseCode {
        code("E47")
    }
    /// The values cannot all be meant: a period that runs backwards, a profile that is named and not given.
    pub fn contradiction() -> ResponseCode {
        code("E48")
    }
    /// A certificate in the request is unknown to the SMKI, not in use, or not of whom it should be.
    pub fn bad_certificate(srv: duis::Srv) -> ResponseCode {
        code(match srv.to_string().as_str() {
            "6.15.1" | "6.15.2" => "E061501",
            "6.21" => "E062101",
            "6.23" => "E062301",
            _ => "E49",
        })
    }
    /// 5.2: the User has no such schedule.
    pub fn no_schedule_to_read() -> ResponseCode {
        code("E050201")
    }
    /// 5.3: the User has no such schedule.
    pub fn no_schedule_to_delete() -> ResponseCode {
        code("E050301")
    }

    fn code(text: &str) -> ResponseCode {
        duis::xml::Text::read(text).expect("a code of the schema")
    }
}

/// A request that is not accepted: the code for the User and the reason for the log.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What the User is told.
    pub code: ResponseCode,
    /// Why.
    pub reason: String,
    /// The request, where it could be read that far.
    pub request: Option<(RequestId, Srv)>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.reason)
    }
}

/// Why nothing is made of a request.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// The User is told so.
    #[error("refused: {0}")]
    Refused(Refused),
    /// The stand-in itself failed.
    #[error("{0}")]
    Internal(String),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

/// A request that may be processed.
#[derive(Debug)]
pub struct Allowed<'c> {
    /// The document it came in.
    pub document: &'c str,
    /// The request, read from the verified tree.
    pub request: Request,
    /// Its row in the catalogue of services.
    pub entry: &'static Entry,
    /// The sender.
    pub user: &'c User,
    /// The device it is for, as the inventory has it; none for a service of the DCC alone.
    pub device: Option<Device>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a request comes from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A User sent it now.
    User,
    /// It was accepted before, and waited.
    Held(Held),
    /// The DCC makes it, for a schedule.
    Schedule(Run),
}

/// A run of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The schedule's number.
    pub schedule: i64,
    /// When the run was due.
    pub due: Time,
    /// When the next one is.
    pub next: Option<Time>,
}

impl Allowed<'_> {
    /// The roles in which the sender may use the service.
    pub fn roles(&self) -> impl Iterator<Item = Role> {
        roles(self.user, self.entry)
    }
}

/// Services without a role in the public matrix: load control is for load controllers, leaving the DCC and coming back is the
/// DCC's own business (SRV 8.5, 8.6).
fn may_use(user: &User, entry: &'static Entry, acb: Eui64) -> bool {
    const LOAD_CONTROL: Srv = Srv::new(7, 16, 0);
    match entry.roles.is_empty() {
        true if entry.srv == LOAD_CONTROL => user.is_load_controller,
        true => user.eui == acb,
        false => roles(user, entry).next().is_some(),
    }
}

fn roles(user: &User, entry: &'static Entry) -> impl Iterator<Item = Role> {
    entry.roles.iter().copied().filter(|role| user.roles.contains(role))
}

/// Check a document that came to `service`: everything that holds for every service, in the order of DUIS 5.2. What only one
/// service asks is checked where that service is performed.
pub fn check<'c>(
    config: &'c DccConfig,
    store: &Store,
    service: Service,
    document: &'c str,
    origin: Origin,
    now: Time,
) -> Result<Allowed<'c>, Failure> {
    let addressed = || address(document);
    let refuse = |code, reason: String| Failure::Refused(Refused { code, reason, request: addressed() });
    // 2, 3: well-formed, of the schema, signed by the User it names with a certificate for XML that is good.
    let request =
        Request::accept(&AwsLc, document, |certificate| config.signer(certificate, now)).map_err(|refusal| {
            let code = match &refusal {
                duis::Refusal::Xml(_) => codes::malformed(),
                duis::Refusal::Signature(_) => codes::bad_signature(),
            };
            refuse(code, refusal.to_string())
        })?;
    admit(config, store, service, document, request, origin, now)
}

/// The checks of a request whose signature is good, or that the DCC makes itself.
pub(crate) fn admit<'c>(
    config: &'c DccConfig,
    store: &Store,
    service: Service,
    document: &'c str,
    request: Request,
    origin: Origin,
    now: Time,
) -> Result<Allowed<'c>, Failure> {
    let header = &request.header;
    let known = Some((header.id, header.srv));
    let refuse = |code, reason: String| Failure::Refused(Refused { code, reason, request: known });
    // 4: the user.
    let user = config
        .user(header.id.originator)
        .ok_or_else(|| refuse(ResponseCode::E1, format!("{} is no user", header.id.originator)))?;
    // 5: its role.
    let entry = duis::catalogue::by_srv(header.srv);
    if let Some(entry) = entry
        && !may_use(user, entry, config.keys.acb)
    {
        return Err(refuse(ResponseCode::E2, format!("no role of {} may use {}", user.eui, header.srv)));
    }
    // 6: its status.
    if user.status != UserStatus::Active {
        return Err(refuse(ResponseCode::E3, format!("{} is {:?}", user.eui, user.status)));
    }
    // 7, 8: the URL, the Command Variant, the body.
    let entry = request.check_at(service).map_err(|misfit| refuse(misfit.response_code(), misfit.to_string()))?;
    let stage = if header.variant.is_signed() { Stage::Signed } else { Stage::Request };
    let replay = |request: &Request| match matches!(origin, Origin::User)
        && store.is_used(request.header.id, header.srv, stage)?
    {
        true => Err(refuse(codes::replayed(), format!("{} was used before", request.header.id))),
        false => Ok(()),
    };
    if entry.criticality == Criticality::NonDevice {
        if header.id.target != config.keys.acb {
            return Err(refuse(
                ResponseCode::E12,
                format!("{} is for the DCC, not for {}", header.srv, header.id.target),
            ));
        }
        replay(&request)?;
        return Ok(Allowed { document, request, entry, user, device: None, origin });
    }
    // 9 to 12: the device, its type, its status, who is responsible for it.
    let target = header.id.target;
    let device = store
        .device(target)?
        .ok_or_else(|| refuse(ResponseCode::E19, format!("device {target} is not in the inventory")))?;
    if !entry.is_for(device.kind.kind) {
        return Err(refuse(
            ResponseCode::E11,
            format!("{} is not for a device of type {}", header.srv, device.kind.kind),
        ));
    }
    if !takes(header.srv, device.status) {
        return Err(refuse(ResponseCode::E5, format!("device {target} is {}", device.status.as_str())));
    }
    let mut times = vec![now];
    if let Execution::At(at) = request.body.execution() {
        times.push(at);
    }
    // A gaining supplier changes the credentials for the day from which it is responsible (SRV 6.23).
    if entry.originators.transitional_cos {
        times.drain(..times.len() - 1);
    }
    for at in times {
        if !store.read(|connection| is_responsible(connection, user, entry, &device, at))? {
            let reason = format!("{} is not responsible for device {target} at {at}", user.eui);
            return Err(refuse(ResponseCode::E4, reason));
        }
    }
    // 13: what is handed out for local delivery is for suppliers, and for devices that are installed or about to be.
    if header.variant.returns_command() {
        let is_supplier = roles(user, entry).any(|role| matches!(role, Role::Is | Role::Gs));
        if !is_supplier || device.status == DeviceStatus::Recovered || device.status == DeviceStatus::Suspended {
            let reason =
                format!("no local delivery for this role to device {target}, which is {}", device.status.as_str());
            return Err(refuse(ResponseCode::E17, reason));
        }
    }
    // 14: the name was never used.
    replay(&request)?;
    // 15: what the schema cannot say of values. A Signed Pre-Command is looked at where it is compared, with a code of its own.
    if !header.variant.is_signed() {
        request.check_values().map_err(|it| refuse(codes::contradiction(), it.to_string()))?;
    }
    Ok(Allowed { document, request, entry, user, device: Some(device), origin })
}

/// Whether a device of this status takes the Commands of a service. Installing takes devices as they come; one that is suspended
/// for its firmware takes what ends that.
fn takes(srv: Srv, status: DeviceStatus) -> bool {
    use DeviceStatus::{Commissioned, InstalledNotCommissioned, Recovered, Suspended, Whitelisted};
    const INSTALLING: [Srv; 3] = [Srv::new(8, 1, 1), Srv::new(8, 7, 1), Srv::new(8, 7, 2)];
    const FIRMWARE: [Srv; 2] = [Srv::new(11, 2, 0), Srv::new(11, 3, 0)];
    match status {
        InstalledNotCommissioned | Commissioned | Recovered => true,
        Whitelisted => INSTALLING.contains(&srv),
        Suspended => FIRMWARE.contains(&srv),
        _ => false,
    }
}

/// Whether the User is responsible for the device in one of the roles that the service is for (DUIS 5.2, 12).
///
/// A meter has the parties that are registered for its supply, or whose credentials it holds where none is; other devices of a
/// home have those of its meters, each for its own fuel. Other Users need no registration: they ask with the customer's consent.
pub(crate) fn is_responsible(
    connection: &Connection,
    user: &User,
    entry: &'static Entry,
    device: &Device,
    at: Time,
) -> rusqlite::Result<bool> {
    // What has no role was asked by who may.
    if entry.roles.is_empty() {
        return Ok(true);
    }
    let meters: Vec<_> = match (device.is_meter(), device.hub) {
        (true, _) => vec![device.clone()],
        (false, Some(hub)) => inventory::home(connection, hub)?.into_iter().filter(Device::is_meter).collect(),
        (false, None) => Vec::new(),
    };
    for role in roles(user, entry) {
        if role == Role::Ou {
            return Ok(true);
        }
        // A hub without meters is being installed by whoever notified it.
        if meters.is_empty() && matches!(role, Role::Is | Role::Gs) && device.supplier.is_none_or(|eui| eui == user.eui)
        {
            return Ok(true);
        }
        for meter in &meters {
            if party(connection, meter, role, at)? == Some(user.eui) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The party of a meter in a role at a time.
pub(crate) fn party(connection: &Connection, meter: &Device, role: Role, at: Time) -> rusqlite::Result<Option<Eui64>> {
    let (kind, numbers) = (meter.kind.kind, &meter.numbers);
    let (fuel, number, held) = match role {
        Role::Is => (kind == DeviceType::Esme, numbers.import.as_ref().map(|n| n.as_str()), meter.supplier),
        Role::Gs => (kind == DeviceType::Gsme, numbers.import.as_ref().map(|n| n.as_str()), meter.supplier),
        Role::Es => (kind == DeviceType::Esme, numbers.export.as_ref().map(|n| n.as_str()), None),
        Role::Ed => (kind == DeviceType::Esme, numbers.import.as_ref().map(|n| n.as_str()), meter.network_operator),
        Role::Gt => (kind == DeviceType::Gsme, numbers.import.as_ref().map(|n| n.as_str()), meter.network_operator),
        Role::Rsa => (true, numbers.import.as_ref().map(|n| n.as_str()), None),
        Role::Ou => (false, None, None),
    };
    if !fuel {
        return Ok(None);
    }
    match number {
        Some(number) => Ok(inventory::registered(connection, number, role_name(role), at)?.or(held)),
        None => Ok(held),
    }
}

/// A role as registration data names it.
pub(crate) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Is => "IS",
        Role::Es => "ES",
        Role::Gs => "GS",
        Role::Rsa => "RSA",
        Role::Ed => "ED",
        Role::Gt => "GT",
        Role::Ou => "OU",
    }
}

/// Whom to answer when a document is refused before it is read whole: its header, if that much can be read, signature or not.
fn address(text: &str) -> Option<(RequestId, Srv)> {
    if let Ok(document) = Document::parse_within(text, Request::limits(text))
        && let Ok(request) = Request::parse(&document)
    {
        return Some((request.header.id, request.header.srv));
    }
    // Not readable as a request: the two values, wherever they stand first. They address an error and decide nothing.
    let value = |name: &str| {
        let (_, rest) = text.split_once(&format!("{name}>"))?;
        rest.split_once('<').map(|(value, _)| value.trim())
    };
    Some((value("RequestID")?.parse().ok()?, value("ServiceReferenceVariant")?.parse().ok()?))
}
