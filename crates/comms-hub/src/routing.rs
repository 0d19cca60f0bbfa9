//! GBCS 10.8.2: which way a message goes. A pure function of who brought it, its headers, the Device Log and the profile.
//!
//! | brought by | accepted |
//! |---|---|
//! | WAN | any Remote Party Message |
//! | an HHT | any Remote Party Message |
//! | a PPMID | a Remote Party **Command** - the bullet SECMP0038 adds |
//! | a listed device | an SME.C.PPMID-GSME message, and messages of its own for a Remote Party |
//!
//! The hub checks no signature and no MAC and changes no octet: the target decides, whichever way the message came.
use crate::budget::Exhausted;
use crate::config::{DeviceKind, HhtCopy, Profile, Settings, ToHubFromPpmid};
use crate::device_log::DeviceLog;
use alloc::vec::Vec;
use gbcs::envelope::RouteForm;
use gbcs::{Cra, Eui64, MessageCode, MessageId, ParseError, Route};

/// PCS02, Activate Emergency Credit on the GSME.
pub const PCS02: MessageCode = MessageCode(0x0090);
/// PCS01, Apply Prepayment Top Up to the GSME.
pub const PCS01: MessageCode = MessageCode(0x009B);
/// Octets of one message in a TransferData to a GSME: 1500 less the GET-RESPONSE header.
pub const GSME_MESSAGE_MAX: usize = 1498;
/// Blocks a receiver of General Block Transfer takes at most (gbcs-messages.md 13).
const BLOCKS_MAX: u16 = 255;

/// A function of the Communications Hub itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Function {
    /// Communications Hub Function.
    Chf,
    /// Gas Proxy Function.
    Gpf,
}

/// Who brought a message: known from the interface, and for a device from its tunnel, never from the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// The WAN interface.
    Wan,
    /// The peer of a tunnel.
    Device(Eui64),
    /// A function of the hub, with a Response or Alert of its own.
    Function(Function),
}

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Down the tunnel of this device.
    ToDevice(Eui64),
    /// Into the mailbox of this gas meter, which fetches it.
    ToGsmeMailbox(Eui64),
    /// To the WAN, and copies down the tunnels of these devices.
    ToWan {
        /// HHT and, in the assured profile, the PPMID that carried the Command.
        copies: Vec<Eui64>,
    },
    /// To a function inside the hub.
    Local(Function),
    /// Nowhere.
    Discard(Reason),
}

/// Why a message was not passed on. `Display` names the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The octets are no message.
    #[error("not a GBCS message: {0}")]
    Malformed(ParseError),
    /// The peer is not in the CHF Device Log.
    #[error("GBCS 10.8.2: the device that brought it is not in the CHF Device Log")]
    SourceNotListed,
    /// Before SECMP0038 a PPMID carries no Remote Party Message.
    #[error("GBCS 10.8.2: a PPMID may pass only SME.C.PPMID-GSME messages (before SECMP0038)")]
    PpmidBeforeModification,
    /// A Response or Alert of someone else.
    #[error("GBCS 10.8.2 (SECMP0038): of Remote Party Messages a PPMID may pass only Commands")]
    PpmidOnlyCommands,
    /// Not one of the two HAN only use cases between their two parties.
    #[error(
        "GBCS 10.8.2: an SME.C.PPMID-GSME message goes from the PPMID that made it to a GSME, its Response from the GSME that made it to a PPMID"
    )]
    HanOnlyMisused,
    /// A device that carries for nobody brought a message of somebody.
    #[error("GBCS 10.8.2: a device that is neither HHT nor PPMID may pass only Responses and Alerts that it made")]
    NotItsOwn,
    /// The target is not in the CHF Device Log.
    #[error("GBCS 10.8.2: the target is not in the CHF Device Log")]
    TargetNotListed,
    /// The target is an HHT.
    #[error("GBCS 10.8.2: an HHT is no target")]
    TargetIsHht,
    /// The target is a Type 2 device.
    #[error("a Type 2 device takes no Remote Party Messages")]
    TargetTakesNoMessages,
    /// A PPMID's Command for CHF or GPF.
    #[error("GBCS 10.8.2: a PPMID's Command is passed to devices other than HHT, GPF and CHF only")]
    TargetIsHub,
    /// A device's own message for another device here.
    #[error("GBCS 10.8: a device's own Responses and Alerts go to Remote Parties, and the target is on this HAN")]
    TargetOnHan,
    /// Longer than one TransferData to a gas meter can carry.
    #[error("longer than the {GSME_MESSAGE_MAX} octets that one GET-RESPONSE can carry")]
    TooLongForGsme,
    /// Assured profile: a Remote Party Command is closed by the ACB's MAC; without one no device would take it.
    #[error("assured profile: a Command without a MAC is refused by every device, so it is not carried")]
    CommandWithoutMac,
    /// Assured profile: a Remote Party is not on the HAN.
    #[error("assured profile: the Business Originator of a Remote Party Command cannot be a device of this HAN")]
    OriginatorOnHan,
    /// Assured profile: a block number that no receiver takes.
    #[error("assured profile: blocks of a transfer are numbered 1 to {BLOCKS_MAX}")]
    BlockNumber,
    /// A budget of the PPMID is used up; the only reason its sender is told (ZCL FAILURE).
    #[error("budget of the PPMID exhausted: {0}")]
    Budget(Exhausted),
    /// The gas meter's mailbox has no place left.
    #[error("the gas meter's mailbox is full")]
    MailboxFull,
    /// Too much waits for the device already.
    #[error("too many messages wait for the device")]
    QueueFull,
    /// A gas meter's Data without GET or PUT in front.
    #[error("GBCS 10.2.2.2: Data of a gas meter is GET or PUT")]
    NoGsmeHeader,
    /// Data of a device that exchanges no messages.
    #[error("a device of this kind exchanges no messages through a tunnel")]
    NoTunnelUser,
}

impl Reason {
    /// A short name for a counter.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::SourceNotListed => "source_not_listed",
            Self::PpmidBeforeModification => "ppmid_before_modification",
            Self::PpmidOnlyCommands => "ppmid_only_commands",
            Self::HanOnlyMisused => "han_only_misused",
            Self::NotItsOwn => "not_its_own",
            Self::TargetNotListed => "target_not_listed",
            Self::TargetIsHht => "target_is_hht",
            Self::TargetTakesNoMessages => "target_takes_no_messages",
            Self::TargetIsHub => "target_is_hub",
            Self::TargetOnHan => "target_on_han",
            Self::TooLongForGsme => "too_long_for_gsme",
            Self::CommandWithoutMac => "command_without_mac",
            Self::OriginatorOnHan => "originator_on_han",
            Self::BlockNumber => "block_number",
            Self::Budget(_) => "budget",
            Self::MailboxFull => "mailbox_full",
            Self::QueueFull => "queue_full",
            Self::NoGsmeHeader => "no_gsme_header",
            Self::NoTunnelUser => "no_tunnel_user",
        }
    }
}

/// What the router looks at besides the message.
#[derive(Clone, Copy, Debug)]
pub struct Router<'a> {
    /// The CHF Device Log.
    pub log: &'a DeviceLog,
    /// The CHF's Entity Identifier.
    pub chf: Eui64,
    /// The GPF's Entity Identifier.
    pub gpf: Eui64,
    /// What a PPMID may do.
    pub profile: Profile,
    /// Decisions.
    pub settings: &'a Settings,
}

impl Router<'_> {
    /// Decide about a message of `len` octets. `carried_by` tells who brought the Command with a given identifier.
    pub fn decide(
        &self,
        source: Source,
        route: &Route,
        len: usize,
        carried_by: impl Fn(&MessageId) -> Vec<Source>,
    ) -> Decision {
        match self.accept(source, route) {
            Err(reason) => Decision::Discard(reason),
            Ok(Accepted::OfDevice) => Decision::ToWan { copies: self.copies(&route.id, carried_by) },
            Ok(Accepted::ForTarget) => self.toward_target(source, route, len).unwrap_or_else(Decision::Discard),
        }
    }

    /// The acceptance table.
    fn accept(&self, source: Source, route: &Route) -> Result<Accepted, Reason> {
        let Route { id, code, .. } = route;
        let peer = match source {
            Source::Wan | Source::Function(_) if is_han_only(*code) => return Err(Reason::HanOnlyMisused),
            Source::Wan => return Ok(Accepted::ForTarget),
            Source::Function(function) => return self.accept_own(self.eui_of(function), route),
            Source::Device(peer) => peer,
        };
        let kind = self.log.kind(peer).ok_or(Reason::SourceNotListed)?;
        if is_han_only(*code) {
            return self.accept_han_only(peer, kind, id);
        }
        match kind {
            DeviceKind::Hht => Ok(Accepted::ForTarget),
            DeviceKind::Type2 => Err(Reason::NoTunnelUser),
            DeviceKind::Ppmid if id.originator == peer && id.cra != Cra::Command => self.accept_own(peer, route),
            DeviceKind::Ppmid if self.profile == Profile::Today => Err(Reason::PpmidBeforeModification),
            DeviceKind::Ppmid if id.cra != Cra::Command => Err(Reason::PpmidOnlyCommands),
            DeviceKind::Ppmid => self.check_shape(route).map(|()| Accepted::ForTarget),
            DeviceKind::Esme | DeviceKind::Gsme | DeviceKind::Hcalcs => self.accept_own(peer, route),
        }
    }

    /// SME.C.PPMID-GSME: the two parties are known by their tunnels, so compare them.
    fn accept_han_only(&self, peer: Eui64, kind: DeviceKind, id: &MessageId) -> Result<Accepted, Reason> {
        let fits = match id.cra {
            Cra::Command => kind == DeviceKind::Ppmid && self.target_is(id, DeviceKind::Gsme),
            Cra::Response => kind == DeviceKind::Gsme && self.target_is(id, DeviceKind::Ppmid),
            Cra::Alert => false,
        };
        if fits && id.originator == peer { Ok(Accepted::ForTarget) } else { Err(Reason::HanOnlyMisused) }
    }

    /// A target that is not listed is told apart later, with a reason of its own.
    fn target_is(&self, id: &MessageId, kind: DeviceKind) -> bool {
        self.log.kind(id.target).is_none_or(|k| k == kind) && id.target != self.chf && id.target != self.gpf
    }

    /// Responses, Alerts and block acknowledgements that a device made, for a Remote Party.
    fn accept_own(&self, maker: Eui64, route: &Route) -> Result<Accepted, Reason> {
        let Route { id, form, .. } = route;
        if id.originator != maker || (id.cra == Cra::Command && !matches!(form, RouteForm::Block { .. })) {
            return Err(Reason::NotItsOwn);
        }
        if self.log.kind(id.target).is_some() || self.function(id.target).is_some() {
            return Err(Reason::TargetOnHan);
        }
        Ok(Accepted::OfDevice)
    }

    /// Checks of the assured profile that need no key: what every device would throw away is not carried to it.
    fn check_shape(&self, route: &Route) -> Result<(), Reason> {
        if self.profile != Profile::Assured {
            return Ok(());
        }
        match route.form {
            RouteForm::Grouping => return Err(Reason::CommandWithoutMac),
            RouteForm::Block { number: 0 | 256.., .. } => return Err(Reason::BlockNumber),
            _ => {}
        }
        let originator = route.id.originator;
        if self.log.kind(originator).is_some() || self.function(originator).is_some() {
            return Err(Reason::OriginatorOnHan);
        }
        Ok(())
    }

    fn toward_target(&self, source: Source, route: &Route, len: usize) -> Result<Decision, Reason> {
        let target = route.id.target;
        if let Some(function) = self.function(target) {
            let of_ppmid = matches!(source, Source::Device(peer) if self.log.kind(peer) == Some(DeviceKind::Ppmid));
            if of_ppmid && self.settings.ppmid_to_hub == ToHubFromPpmid::Discard {
                return Err(Reason::TargetIsHub);
            }
            return Ok(Decision::Local(function));
        }
        match self.log.kind(target).ok_or(Reason::TargetNotListed)? {
            DeviceKind::Hht => Err(Reason::TargetIsHht),
            DeviceKind::Type2 => Err(Reason::TargetTakesNoMessages),
            DeviceKind::Gsme if len > GSME_MESSAGE_MAX => Err(Reason::TooLongForGsme),
            DeviceKind::Gsme => Ok(Decision::ToGsmeMailbox(target)),
            DeviceKind::Esme | DeviceKind::Ppmid | DeviceKind::Hcalcs => Ok(Decision::ToDevice(target)),
        }
    }

    /// Who gets a copy of a device's message besides the WAN: the HHT, and in the assured profile the PPMID that carried the Command.
    fn copies(&self, id: &MessageId, carried_by: impl Fn(&MessageId) -> Vec<Source>) -> Vec<Eui64> {
        let mut copies = Vec::new();
        if id.cra == Cra::Alert {
            if self.settings.hht_copy == HhtCopy::All {
                copies.extend(self.log.hht().map(|hht| hht.entry.eui));
            }
            return copies;
        }
        // Not `answer()`: an acknowledgement of a block may carry either flag.
        let command =
            MessageId { originator: id.target, target: id.originator, cra: Cra::Command, counter: id.counter };
        for source in carried_by(&command) {
            let Source::Device(carrier) = source else { continue };
            let copied = match self.log.kind(carrier) {
                Some(DeviceKind::Hht) => true,
                Some(DeviceKind::Ppmid) => self.profile == Profile::Assured || self.settings.ppmid_copy_responses,
                _ => false,
            };
            if copied && !copies.contains(&carrier) {
                copies.push(carrier);
            }
        }
        copies
    }

    fn function(&self, eui: Eui64) -> Option<Function> {
        match eui {
            _ if eui == self.chf => Some(Function::Chf),
            _ if eui == self.gpf => Some(Function::Gpf),
            _ => None,
        }
    }

    fn eui_of(&self, function: Function) -> Eui64 {
        match function {
            Function::Chf => self.chf,
            Function::Gpf => self.gpf,
        }
    }
}

/// Whether a message code is of SME.C.PPMID-GSME: HAN only, never a Remote Party Message.
pub const fn is_han_only(code: MessageCode) -> bool {
    matches!(code, PCS01 | PCS02)
}

enum Accepted {
    /// Goes to the target in its header.
    ForTarget,
    /// A device's own word to a Remote Party.
    OfDevice,
}

#[cfg(test)]
mod tests;
