//! Firmware (SRV 11.1, 11.4): whom an image can go to. Images are checked and go nowhere, for their distribution is not played;
//! the User is told so by the alert of a distribution that failed.
use super::{Gateway, Made, refused};
use crate::access::{Allowed, Failure, codes, is_responsible};
use crate::inventory::DeviceStatus;
use crate::store::inventory::find;
use duis::body::dcc::{DeviceIds, UpdateFirmware};
use duis::response::answer::FirmwareWarning;
use duis::{Body, Content, DeviceType, ResponseCode};
use gbcs::crypto::{AwsLc, Crypto};
use gbcs::{Eui64, Time};
use rusqlite::Connection;
use std::collections::BTreeSet;
use tracing::info;

/// What becomes of one device of the list.
enum Taker {
    Fit,
    /// Unknown, of another type, or somebody else's.
    Invalid,
    NotCommissioned,
}

impl Gateway {
    /// The answer to an image, and the devices that could get it.
    pub(super) fn firmware(
        &self,
        allowed: &Allowed<'_>,
        asked: &UpdateFirmware,
        now: Time,
    ) -> Result<(Made, Option<DeviceIds>), Failure> {
        let request = &allowed.request;
        let (id, srv) = (request.header.id, request.header.srv);
        let is_for_ppmids = matches!(request.body, Body::UpdatePpmidFirmware(_));
        if asked.image.octets().is_empty() {
            return Err(refused(request, codes::no_image(srv), "the image is empty".into()));
        }
        let (mut fit, mut invalid, mut not_commissioned) = (Vec::new(), Vec::new(), Vec::new());
        let named: BTreeSet<_> = asked.devices.devices().iter().copied().collect();
        self.store.read(|connection| {
            for eui in named {
                let list = match taker(connection, allowed, eui, is_for_ppmids, now)? {
                    Taker::Fit => &mut fit,
                    Taker::Invalid => &mut invalid,
                    Taker::NotCommissioned => &mut not_commissioned,
                };
                list.push(eui);
            }
            Ok::<_, Failure>(())
        })?;
        let hash = gbcs::asn1::ImageHash(AwsLc.sha256(&[asked.image.octets()]));
        info!(request = %id, ?hash, version = asked.version.as_str(), devices = fit.len(), "firmware was checked; its distribution is not played");
        let (fit, invalid, not_commissioned) =
            (DeviceIds::new(fit), DeviceIds::new(invalid), DeviceIds::new(not_commissioned));
        if invalid.is_none() && not_commissioned.is_none() {
            return Ok((Made { code: ResponseCode::I99, content: Content::Acknowledgement }, fit));
        }
        let code = if fit.is_some() { codes::some_without_firmware(srv) } else { codes::nobody_for_firmware(srv) };
        let (not_applicable, in_progress, gbcs_version) = Default::default();
        let warning = FirmwareWarning { invalid, not_commissioned, not_applicable, in_progress, gbcs_version };
        let content = match is_for_ppmids {
            true => Content::PpmidFirmwareWarning(warning),
            false => Content::FirmwareWarning(warning),
        };
        Ok((Made { code, content }, fit))
    }
}

fn taker(
    connection: &Connection,
    allowed: &Allowed<'_>,
    eui: Eui64,
    is_for_ppmids: bool,
    now: Time,
) -> Result<Taker, Failure> {
    let Some(device) = find(connection, eui)? else { return Ok(Taker::Invalid) };
    let is_of_kind = if is_for_ppmids { device.kind.kind == DeviceType::Ppmid } else { device.is_meter() };
    if !is_of_kind || !is_responsible(connection, allowed.user, allowed.entry, &device, now)? {
        return Ok(Taker::Invalid);
    }
    // One that is suspended for its firmware takes what ends that.
    Ok(match device.status {
        DeviceStatus::Commissioned | DeviceStatus::Suspended => Taker::Fit,
        _ => Taker::NotCommissioned,
    })
}
