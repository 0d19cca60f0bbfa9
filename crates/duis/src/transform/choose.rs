//! Which use case a service is for a device, where its type, its version or its phases decide (DUIS 7.1).
use gbcs::catalogue::{self, DeviceType as GbcsDevice, Originator};

use super::{Device, GbcsVersion, Requester, TransformContext};
use crate::catalogue::{DeviceType, Entry};

/// Use cases that replaced others, and from which version of GBCS on. Public texts give no versions: the old forms of gas balance,
/// hub log and event log end with 4.x, the others with 2.0.
const REPLACED: &[(&str, &str, GbcsVersion)] = &[
    ("GCS60", "GCS60a", GbcsVersion::GAS_BALANCE_WITH_CLOCK),
    ("CCS04", "CCS06", V4),
    ("ECS35f", "ECS35g", V4),
    ("ECS08", "ECS08a", V2),
    ("ECS30", "ECS30a", V2),
    ("GCS25", "GCS25a", V2),
    ("ECS26d", "ECS26l", V2),
    ("GCS21d", "GCS21k", V2),
    ("ECS26e", "ECS26m", V2),
    ("ECS26i", "ECS26n", V2),
    ("GCS21e", "GCS21m", V2),
];
const V2: GbcsVersion = GbcsVersion { major: 2, minor: 0 };
const V4: GbcsVersion = GbcsVersion { major: 4, minor: 0 };

/// Use cases of one phase, and of three.
const PHASES: &[(&str, &str)] = &[("ECS23", "ECS23b"), ("ECS26b", "ECS26k"), ("ECS29e", "ECS29f")];

/// The use case of `entry` for the device, where nothing in the body decides.
pub(super) fn by_device(entry: &Entry, ctx: &TransformContext) -> Option<&'static str> {
    let kind = of(ctx.device.kind)?;
    let mut fitting = entry.use_cases.iter().filter_map(|u| catalogue::find(u.code)).filter(|u| {
        u.is_for(kind) && !is_out_of_place(u.id, &ctx.device) && (entry.use_cases.len() == 1 || speaks(ctx, u.roles))
    });
    fitting.next().map(|u| u.id)
}

/// The use case `newer`, or the one it replaced if the device is too old.
pub(super) fn by_version(newer: &'static str, device: &Device) -> &'static str {
    let old = REPLACED.iter().find(|(_, new, since)| *new == newer && device.gbcs_version < *since);
    old.map_or(newer, |(old, ..)| *old)
}

fn is_out_of_place(id: &str, device: &Device) -> bool {
    let by_version = REPLACED.iter().any(|(old, new, since)| {
        let is_new = device.gbcs_version >= *since;
        id == *old && is_new || id == *new && !is_new
    });
    let by_phases =
        PHASES.iter().any(|(one, three)| id == *one && device.poly_phase || id == *three && !device.poly_phase);
    by_version || by_phases
}

/// Whether the User may be the originator, or the broker may speak for him.
fn speaks(ctx: &TransformContext, roles: &[Originator]) -> bool {
    let known = matches!(ctx.requester, Requester::Known(role) if roles.contains(&role));
    known || roles.contains(&Originator::AccessControlBroker)
}

/// The type as GBCS has it; devices that take no Commands have none.
pub(super) fn of(kind: DeviceType) -> Option<GbcsDevice> {
    Some(match kind {
        DeviceType::Esme => GbcsDevice::Esme,
        DeviceType::Gsme => GbcsDevice::Gsme,
        DeviceType::Gpf => GbcsDevice::Gpf,
        DeviceType::Chf => GbcsDevice::Chf,
        DeviceType::Hcalcs => GbcsDevice::Hcalcs,
        DeviceType::Ppmid => GbcsDevice::Ppmid,
        DeviceType::Sapc => GbcsDevice::Sapc,
        DeviceType::Ihd | DeviceType::Cad => return None,
    })
}
