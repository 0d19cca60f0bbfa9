//! SRV 3.x, 6.20, 9.1: what a meter shows or hides, and whose supply it is.
use gbcs::dlms::Data;
use gbcs::gbz::zcl::{
    ClearEventLog, DisplayMessage as ZclDisplayMessage, PublishChangeOfSupplier, PublishChangeOfTenancy,
    RequestNewPasswordResponse, UpdateCin, UpdateSiteId, ZclString,
};

use super::draft::{Draft, Fault, moment, only};
use super::zcl::{AT_ONCE, NO_PROVIDER, exactly, string};
use crate::body::customer::{
    ClearEventLog as Clear, DisplayMessage, EsmeEventLog, ImportNumbers, RestrictAccess, SetExportMpan, SetImportMpxn,
    UpdateSupplierName,
};

/// Of gas that is delivered.
const DELIVERED: u8 = 0;

pub(super) fn display_message(message: &DisplayMessage, clock: u32, gas: bool) -> Draft {
    /// Minutes: until another message comes.
    const UNTIL_CHANGED: u16 = 0xFFFF;
    if !gas {
        return Draft::rows("ECS10", [text(message.text.as_str())]);
    }
    let display = ZclDisplayMessage {
        message: clock,
        control: 0,
        start: AT_ONCE,
        duration: UNTIL_CHANGED,
        text: string(message.text.as_str()),
        extended_control: None,
    };
    Draft::components("GCS07", only(display))
}

pub(super) fn restrict_access(restrict: &RestrictAccess, clock: u32, gas: bool) -> Result<Draft, Fault> {
    /// The customer's data in the in-home display go.
    const CLEAR_CONSUMER_DATA: u32 = 0x0000_0200;
    if !gas {
        return Ok(Draft::rows("ECS12", [moment(restrict.since)]));
    }
    let tenancy = PublishChangeOfTenancy {
        provider: NO_PROVIDER,
        issuer_event: clock,
        kind: DELIVERED,
        start: exactly(restrict.since)?,
        control: CLEAR_CONSUMER_DATA,
    };
    Ok(Draft::components("GCS09", only(tenancy)))
}

pub(super) fn clear_event_log(clear: &Clear, gas: bool) -> Result<Draft, Fault> {
    /// The event log of a GSME.
    const EVENT_LOG: u8 = 3;
    match (clear.log, gas) {
        (None | Some(EsmeEventLog::Esme), false) => Ok(Draft::rows("ECS15a", [0i8])),
        (Some(EsmeEventLog::Alcs), false) => Ok(Draft::rows("ECS15c", [0i8])),
        (None, true) => Ok(Draft::components("CS11", only(ClearEventLog { log: EVENT_LOG }))),
        (Some(_), true) => Err(Fault::Fuel),
    }
}

pub(super) fn supplier_name(update: &UpdateSupplierName, clock: u32, gas: bool) -> Draft {
    /// What a GSME tells of the change: name and contact details.
    const NAME_AND_CONTACT: u32 = 0x0000_1800;
    let (name, telephone) = (update.name.as_str(), update.telephone.as_str());
    if !gas {
        return Draft::rows("ECS16", [text(telephone), text(name)]);
    }
    let change = PublishChangeOfSupplier {
        provider: NO_PROVIDER,
        issuer_event: clock,
        kind: DELIVERED,
        proposed_provider: NO_PROVIDER,
        start: AT_ONCE,
        control: NAME_AND_CONTACT,
        name: string(name),
        contact: string(telephone),
    };
    Draft::components("GCS44", only(change))
}

pub(super) fn disable_pin(clock: u32, gas: bool) -> Draft {
    /// The password of the customer.
    const CUSTOMER: u8 = 2;
    if !gas {
        return Draft::rows("ECS14", [Data::octets(&[][..])]);
    }
    let password = RequestNewPasswordResponse {
        issuer_event: clock,
        start: AT_ONCE,
        duration: 0,
        kind: CUSTOMER,
        password: ZclString::default(),
    };
    Draft::components("GCS11", only(password))
}

pub(super) fn import_numbers(set: &SetImportMpxn, clock: u32, gas: bool) -> Result<Draft, Fault> {
    match (&set.numbers, gas) {
        // The primary number, and behind it the secondary one.
        (ImportNumbers::Electricity(numbers), false) => {
            let mut both = numbers.primary.as_str().to_owned();
            both.extend(numbers.secondary.iter().map(|number| number.as_str()));
            Ok(Draft::rows("ECS39a", [text(&both)]))
        }
        (ImportNumbers::Gas(number), true) => {
            let site = UpdateSiteId {
                issuer_event: clock,
                start: AT_ONCE,
                provider: NO_PROVIDER,
                site: string(number.as_str()),
            };
            Ok(Draft::components("GCS41", only(site)))
        }
        _ => Err(Fault::Fuel),
    }
}

pub(super) fn export_number(set: &SetExportMpan) -> Draft {
    Draft::rows("ECS39b", [text(set.export.as_str())])
}

pub(super) fn customer_number(number: Option<[u8; 4]>, clock: u32, gas: bool) -> Result<Draft, Fault> {
    let number = number.ok_or(Fault::Missing("the customer identification number"))?;
    if !gas {
        return Ok(Draft::rows("ECS50", [Data::octets(number)]));
    }
    let number = ZclString::new(&number[..]).unwrap_or_default();
    let cin = UpdateCin { issuer_event: clock, start: AT_ONCE, provider: NO_PROVIDER, number };
    Ok(Draft::components("GCS36", only(cin)))
}

fn text(text: &str) -> Data {
    Data::octets(text.as_bytes())
}
