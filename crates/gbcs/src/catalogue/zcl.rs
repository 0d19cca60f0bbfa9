//! What the fields of ZCL commands and the attributes of clusters say.
use super::types::{Meaning, Scale, Unit};

/// A command of a cluster.
#[derive(Debug)]
pub struct ZclCommand {
    /// The cluster.
    pub cluster: u16,
    /// ZCL frame control, as most use cases write it.
    pub frame_control: u8,
    /// The command identifier.
    pub id: u8,
    /// Its name in Smart Energy.
    pub name: &'static str,
    /// Its fields, in the order of the wire.
    pub fields: &'static [ZclField],
}

/// A field of a ZCL payload.
#[derive(Debug, PartialEq, Eq)]
pub struct ZclField {
    /// Its name.
    pub name: &'static str,
    /// Its type, as `u32`; `{}` where it is made of others.
    pub wire: &'static str,
    /// What it says.
    pub meaning: Meaning,
    /// Whether there may be several.
    pub list: bool,
    /// The fields it is made of.
    pub fields: &'static [ZclField],
}

/// An attribute of a cluster.
#[derive(Debug)]
pub struct ZclAttribute {
    /// The cluster.
    pub cluster: u16,
    /// The attribute.
    pub id: u16,
    /// As `meter_balance`.
    pub name: &'static str,
    /// Its type, as `signed32`.
    pub wire: &'static str,
    /// What it says.
    pub meaning: Meaning,
}

static COMMANDS: &[ZclCommand] = include!(concat!(env!("OUT_DIR"), "/commands.rs"));
static ATTRIBUTES: &[ZclAttribute] = include!(concat!(env!("OUT_DIR"), "/attributes.rs"));
static ALERTS: &[(u16, &str)] = include!(concat!(env!("OUT_DIR"), "/alerts.rs"));

/// Every ZCL command.
pub fn zcl_commands() -> &'static [ZclCommand] {
    COMMANDS
}

/// Every ZCL attribute.
pub fn zcl_attributes() -> &'static [ZclAttribute] {
    ATTRIBUTES
}

/// A command of a cluster, from its server or to it.
pub fn zcl_command(cluster: u16, from_server: bool, id: u8) -> Option<&'static ZclCommand> {
    let is_it = |c: &&ZclCommand| (c.cluster, c.frame_control & 0x08 != 0, c.id) == (cluster, from_server, id);
    COMMANDS.iter().find(is_it)
}

/// An attribute of a cluster.
pub fn zcl_attribute(cluster: u16, id: u16) -> Option<&'static ZclAttribute> {
    let at = ATTRIBUTES.binary_search_by_key(&(cluster, id), |a| (a.cluster, a.id)).ok()?;
    Some(&ATTRIBUTES[at])
}

/// What an event or alert code means, where the field's public texts say it.
pub fn alert_meaning(code: u16) -> Option<&'static str> {
    let at = ALERTS.binary_search_by_key(&code, |(code, _)| *code).ok()?;
    Some(ALERTS[at].1)
}
