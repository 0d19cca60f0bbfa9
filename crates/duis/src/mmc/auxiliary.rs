//! Load control switches and auxiliary controllers: what they are, and at which level.
use gbcs::Eui64;

use super::form::Misfit;

/// What an auxiliary controller is, by its identifier.
pub(super) enum Controller {
    Alcs,
    Hcalcs(Eui64),
    Apc,
    None,
}

/// Eight zeros are an ALCS, another EUI-64 an HCALCS; `FF` alone is an APC and nothing is none.
pub(super) fn controller(octets: &[u8]) -> Result<Controller, Misfit> {
    match octets {
        [] => Ok(Controller::None),
        [0xFF] => Ok(Controller::Apc),
        [0, 0, 0, 0, 0, 0, 0, 0] => Ok(Controller::Alcs),
        _ => Ok(Controller::Hcalcs(Eui64(octets.try_into().map_err(|_| Misfit)?))),
    }
}

/// The level, in percent, of a state: `{"outputState": 100, "inputState": "0", ..}`.
pub(super) fn level(text: &[u8], field: &str) -> Option<i64> {
    let json: serde_json::Value = serde_json::from_slice(text).ok()?;
    let value = json.get(field)?;
    let level = value.as_i64().or_else(|| value.as_str()?.parse().ok())?;
    (0..=100).contains(&level).then_some(level)
}
