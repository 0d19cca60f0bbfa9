//! SRV 6.28, 8.7 to 8.12: who belongs to a home, and the hub's sub-GHz band (GBCS messages 11.3, 17).
use gbcs::Eui64;
use gbcs::asn1::{Content, DeviceKind, DeviceLog, Join, JoinMethod, LogEntry};
use gbcs::dlms::{BitString, Data};

use super::choose;
use super::credentials::certificate;
use super::draft::{Draft, Fault};
use super::{Backup, Device, TransformContext};
use crate::body::han::{LogRequest, OtherDevice, ReadDeviceLog, SubGhzConfiguration, UpdateHanDeviceLog};
use crate::catalogue::DeviceType;
use crate::xml::value::Decimal;

/// CCS01, CCS02. CCS01 says what joins; where that is not known it is an electricity meter.
pub(super) fn update_device_log(update: &UpdateHanDeviceLog, ctx: &TransformContext) -> Result<Draft, Fault> {
    match (update.request, &update.add) {
        (LogRequest::Remove, None) => Ok(Draft::rows("CCS02", [Data::octets(update.device.0)])),
        (LogRequest::Add, Some(add)) => {
            let code = Data::octets(add.install_code.octets());
            let kind = ctx.other.as_ref().map_or(Ok(0), |other| log_kind(other.kind).ok_or(Fault::Fuel))?;
            let register = Data::structure([Data::octets(update.device.0), Data::Enum(1), code, Data::Enum(kind)]);
            Ok(Draft::rows("CCS01", [register, add.join_time.short().into(), Data::boolean(true)]))
        }
        (LogRequest::Add, None) => Err(Fault::NotOffered("a device to add without how it joins")),
        (LogRequest::Remove, Some(_)) => Err(Fault::NotOffered("a device to remove with how it joins")),
    }
}

/// CCS04, CCS06, CCS07 of a hub; CS07 of other devices.
pub(super) fn read_device_log(read: &ReadDeviceLog, device: &Device) -> Draft {
    match (device.kind, read.security_details.0) {
        (DeviceType::Chf, true) => Draft::read("CCS07"),
        (DeviceType::Chf, false) => Draft::read(choose::by_version("CCS06", device)),
        _ => Draft::asn1("CS07", |_| Content::ReadJoinDetails),
    }
}

/// CCS03.
pub(super) fn restore_hub(backup: Option<&Backup>) -> Result<Draft, Fault> {
    let Some(Backup::Hub { pan, devices }) = backup else { return Err(Fault::Missing("the log of the old hub")) };
    let device = |(device, hash): &(Eui64, [u8; 16])| Data::structure([Data::octets(device.0), Data::octets(*hash)]);
    let devices = Data::array(devices.iter().map(device).collect::<Vec<_>>());
    Ok(Draft::rows("CCS03", [Data::structure([Data::octets(*pan), devices])]))
}

/// GCS59.
pub(super) fn restore_gas_proxy(backup: Option<&Backup>) -> Result<Draft, Fault> {
    let Some(Backup::GasProxy(devices)) = backup else {
        return Err(Fault::Missing("the log of the old gas proxy"));
    };
    let entries = devices.iter().map(|&(device, kind)| LogEntry { device, kind: device_kind(kind) });
    let log = DeviceLog { entries: entries.collect() };
    Ok(Draft::asn1("GCS59", move |_| Content::RestoreDeviceLog(log.clone())))
}

/// DBCH04.
pub(super) fn sub_ghz(configuration: &SubGhzConfiguration) -> Draft {
    // A page of channels in the top five bits, its channels below.
    let page = |page: u32, channels: u32| {
        let bits = (page << 27 | channels).to_be_bytes();
        BitString::new(32, bits).map_or(Data::Null, Data::from)
    };
    let c = configuration;
    let hundredths = |percent: Decimal<2, 100, 10_000>| Data::LongUnsigned(percent.units() as u16);
    let values = Data::structure([
        page(28, c.lower_0_to_26.bits()),
        page(29, c.lower_27_to_34.bits()),
        page(30, c.lower_35_to_61.bits()),
        page(31, c.upper_0_to_26.bits()),
        Data::LongUnsigned(c.normal_limited_duty_cycle.units() as u16 * 10),
        Data::LongUnsigned(c.limited_critical_duty_cycle.units() as u16 * 10),
        c.channel_changes_per_week.octet().into(),
        c.gsme_curfew.short().into(),
        c.quieter.octet().into(),
        c.noisier.octet().into(),
        hundredths(c.poor_communications),
        c.poor_communications_periods.octet().into(),
        c.noise_period.short().into(),
        hundredths(c.failures),
        hundredths(c.retries),
    ]);
    Draft::rows("DBCH04", [values])
}

/// Types of devices as CCS01 has them (han.md 8.1); a hub joins nothing.
const fn log_kind(kind: DeviceType) -> Option<u8> {
    Some(match kind {
        DeviceType::Esme => 0,
        DeviceType::Gsme => 1,
        DeviceType::Hcalcs | DeviceType::Sapc => 13,
        DeviceType::Ihd => 128,
        DeviceType::Cad => 130,
        DeviceType::Ppmid => 132,
        DeviceType::Gpf => 254,
        DeviceType::Chf => return None,
    })
}

const fn device_kind(kind: DeviceType) -> DeviceKind {
    match kind {
        DeviceType::Gsme => DeviceKind::Gsme,
        DeviceType::Esme => DeviceKind::Esme,
        DeviceType::Chf => DeviceKind::Chf,
        DeviceType::Gpf => DeviceKind::Gpf,
        DeviceType::Hcalcs | DeviceType::Sapc => DeviceKind::Hcalcs,
        DeviceType::Ppmid => DeviceKind::Ppmid,
        DeviceType::Ihd | DeviceType::Cad => DeviceKind::Type2,
    }
}

/// How two devices agree on a key: by their certificates, of which the meter starts; by the hub's key; by certificates that the
/// Commands bring.
fn method(of: DeviceType, with: DeviceType) -> Option<(JoinMethod, &'static str)> {
    use DeviceType::{Cad, Esme, Gpf, Gsme, Hcalcs, Ihd, Ppmid, Sapc};
    Some(match (of, with) {
        (Gsme, Gpf) => (JoinMethod::B, "CS03B"),
        (Gsme, Ppmid) | (Ppmid, Gsme) => (JoinMethod::C, "CS03C"),
        (Esme, Hcalcs | Ppmid | Ihd | Cad | Sapc | Gpf) | (Gsme, Hcalcs | Ihd | Cad) => {
            (JoinMethod::AInitiator, "CS03A1")
        }
        (Hcalcs | Ppmid | Sapc, Esme) => (JoinMethod::AResponder, "CS03A2"),
        _ => return None,
    })
}

/// CS03A1, CS03A2, CS03B, CS03C.
pub(super) fn join(join: &OtherDevice, critical: bool, ctx: &TransformContext) -> Result<Draft, Fault> {
    let other = ctx.other.as_ref().ok_or(Fault::Missing("what the other device is"))?;
    let (method, use_case) = method(ctx.device.kind, other.kind).ok_or(Fault::Fuel)?;
    let certificate = match method {
        JoinMethod::C => {
            let octets = other.certificate.as_ref();
            Some(certificate(octets.ok_or(Fault::Missing("the other device's key agreement certificate"))?)?)
        }
        _ => None,
    };
    // Codes of one use case are told apart by name: the User signs, or the broker.
    let use_case = match (use_case, critical) {
        ("CS03A2", true) => "CS03A2Critical",
        ("CS03A2", false) => "CS03A2NonCritical",
        ("CS03C", true) => "CS03CCritical",
        ("CS03C", false) => "CS03CNonCritical",
        (other, _) => other,
    };
    let join = Join { method, device: join.device, kind: device_kind(other.kind), certificate };
    Ok(Draft::asn1(use_case, move |_| Content::Join(join.clone())))
}

/// CS04AC, CS04B.
pub(super) fn unjoin(unjoin: &OtherDevice, critical: bool, device: &Device) -> Draft {
    let use_case = if device.kind == DeviceType::Gsme && !critical { "CS04B" } else { "CS04AC" };
    let device = unjoin.device;
    Draft::asn1(use_case, move |_| Content::Unjoin(device))
}
