//! What a Communications Hub is told when it is made: its devices, its profile, and every decision the public text leaves open.
use alloc::vec::Vec;
use core::time::Duration;
use device::TrustAnchor;
use gbcs::crypto::PrivateKey;
use gbcs::{Counter, Eui64};

/// How much the hub takes from a PPMID: one switch, three honest behaviours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Before the modification: SME.C.PPMID-GSME messages only.
    Today,
    /// With SECMP0038 to the letter: any Remote Party Command as well, and nothing comes back to the PPMID.
    Secmp0038,
    /// As [`Secmp0038`](Self::Secmp0038), behind budgets and checks of shape; the Response also goes back down the tunnel that
    /// carried the Command.
    #[default]
    Assured,
}

impl Profile {
    /// Every profile, for tables.
    pub const ALL: [Self; 3] = [Self::Today, Self::Secmp0038, Self::Assured];
}

/// What a device is. Neither the numbers of CCS01 nor those of a meter's device log: those are encodings (han.md 8.1, 8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeviceKind {
    /// Electricity meter.
    Esme,
    /// Gas meter: sleeps, fetches its messages.
    Gsme,
    /// Prepayment meter interface device.
    Ppmid,
    /// Home area network connected auxiliary load control switch.
    Hcalcs,
    /// Hand held terminal of an engineer.
    Hht,
    /// In-home display, consumer access device: no Remote Party Messages, no tunnel.
    Type2,
}

impl DeviceKind {
    /// Every kind, for tables.
    pub const ALL: [Self; 6] = [Self::Esme, Self::Gsme, Self::Ppmid, Self::Hcalcs, Self::Hht, Self::Type2];

    /// From the number that CCS01 gives (han.md 8.1); an HHT has none.
    pub const fn from_ccs01(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Esme,
            1 => Self::Gsme,
            13 => Self::Hcalcs,
            128 | 130 => Self::Type2,
            132 => Self::Ppmid,
            _ => return None,
        })
    }

    /// Whether a Remote Party Message can be addressed to such a device (GBCS 10.8.2: not to an HHT; a Type 2 device has no tunnel).
    pub const fn takes_messages(self) -> bool {
        matches!(self, Self::Esme | Self::Gsme | Self::Ppmid | Self::Hcalcs)
    }
}

/// A listed device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceEntry {
    /// Entity Identifier.
    pub eui: Eui64,
    /// What it is.
    pub kind: DeviceKind,
    /// Its short address on the PAN, or [`NO_ADDRESS`](Self::NO_ADDRESS).
    pub short: u16,
    /// Whether it polls its parent instead of listening.
    pub sleepy: bool,
}

impl DeviceEntry {
    /// The short address of a device that has not joined.
    pub const NO_ADDRESS: u16 = 0xFFFF;
}

/// Who opens the tunnel between hub and PPMID: the one point where SECMP0038 and GBCS 0.8 contradict each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TunnelInitiator {
    /// The PPMID asks, the hub serves (SECMP0038).
    #[default]
    Ppmid,
    /// The hub asks, as it does for an ESME (GBCS 0.8 10.2.2.1).
    Hub,
}

/// What an HHT in the Device Log gets a copy of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HhtCopy {
    /// The Responses to the Commands it carried.
    Responses,
    /// Those, and every Alert.
    #[default]
    All,
}

/// What happens to a PPMID's Command for the hub's own functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToHubFromPpmid {
    /// GBCS 10.8.2 gives the hub a duty only for devices other than HHT, GPF and CHF.
    #[default]
    Discard,
    /// Hand it to the function, as from an HHT.
    Process,
}

/// What one PPMID may cost in every profile (han.md 6.6): it is consumer equipment with a way to the internet, so whoever takes it over
/// must not be able to occupy the hub. The limits are far above what a supplier needs (five Commands for a change of tenancy) and far
/// below what fills a queue that WAN and HHT use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PpmidLimits {
    /// Messages waiting for one target.
    pub queued_per_target: usize,
    /// TransferData frames within [`window`](Self::window).
    pub messages: usize,
    /// See [`messages`](Self::messages).
    pub window: Duration,
}

/// A token bucket: so much at once, then one more each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Tokens when full.
    pub burst: u32,
    /// Time for one token to return.
    pub refill: Duration,
}

/// The budgets of [`Profile::Assured`]: what an always-connected display can make others bear is bounded, whatever it sends. Nothing a
/// PPMID carries is authenticated by the hub, so cost is all that it can limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssuredBudgets {
    /// Commands from one PPMID. Default 20 at once, then one in 15 s: a supplier's largest day (new tariff, debt, mode, credit on two
    /// meters) passes at once; a flood settles at 240 in an hour.
    pub per_ppmid: Bucket,
    /// Commands for one target, whichever PPMID carries them. Default 12 at once, then one in 30 s: each costs a meter an elliptic curve
    /// operation or two and a line in its security log, which holds 100.
    pub per_target: Bucket,
    /// What a gas meter's battery may be made to receive, in fragments on the air; see [`gsme_overhead`](Self::gsme_overhead).
    /// Default 480 at once, then one in 3 min: twenty Commands of the longest kind, then 480 fragments a day - two seconds of
    /// receiving, beside the minute or more that a meter waking 48 times listens anyway.
    pub gsme_energy: Bucket,
    /// Fragments charged for each Command to a gas meter besides its own: wake-up, verification, answer. Default 8.
    pub gsme_overhead: u32,
}

/// Every decision that the public text leaves open (han.md 15), with the default we chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// UNSURE(1): who opens the tunnel with a PPMID.
    pub ppmid_tunnel_initiator: TunnelInitiator,
    /// UNSURE(2): Commands of a PPMID for CHF and GPF.
    pub ppmid_to_hub: ToHubFromPpmid,
    /// UNSURE(3): what an HHT gets copies of.
    pub hht_copy: HhtCopy,
    /// UNSURE(3): copy Responses to the PPMID outside of [`Profile::Assured`]; for experiments.
    pub ppmid_copy_responses: bool,
    /// UNSURE(3): messages kept for the WAN.
    pub wan_messages: usize,
    /// UNSURE(3): octets kept for the WAN.
    pub wan_octets: usize,
    /// UNSURE(4): messages kept for a gas meter.
    pub mailbox_depth: usize,
    /// UNSURE(4): how long a gas meter's message waits before event 0x819D. What waits for a device that must open its tunnel
    /// itself (PPMID, HHT) waits as long.
    pub mailbox_expiry: Duration,
    /// How often a message is offered to a gas meter that does not acknowledge it.
    pub mailbox_offers: u8,
    /// UNSURE(5): tunnel attempts before delivery is given up; both this and [`give_up_after`](Self::give_up_after) must be past.
    pub give_up_attempts: u8,
    /// UNSURE(5): time before delivery is given up.
    pub give_up_after: Duration,
    /// Messages waiting for one device while its tunnel is not there.
    pub tunnel_queue_depth: usize,
    /// UNSURE(7): an HHT silent for so long leaves the Device Log.
    pub hht_idle: Duration,
    /// How long after power-on inter-PAN frames are heard, which is how an HHT comes to be listed (han.md 7.1).
    pub hht_window: Duration,
    /// How long a listed HHT may then take to join.
    pub hht_join: Duration,
    /// What a PPMID may cost in every profile.
    pub ppmid_limits: PpmidLimits,
    /// The budgets of the assured profile.
    pub assured: AssuredBudgets,
    /// How long the hub remembers which way a Command came.
    pub remember_for: Duration,
    /// How many Commands it remembers.
    pub remember_messages: usize,
    /// Half hours of gas that the GPF keeps. GBCS asks for 13 months, 19,056 of them; the default keeps what leaves this core below 32 KiB:
    /// four months.
    pub gas_half_hours: usize,
    /// Malformed messages of a PPMID or HHT within an hour before event 0x8F60.
    pub malformed_per_hour: u32,
}

impl Default for Settings {
    fn default() -> Self {
        const MINUTE: Duration = Duration::from_secs(60);
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Self {
            ppmid_tunnel_initiator: TunnelInitiator::default(),
            ppmid_to_hub: ToHubFromPpmid::default(),
            hht_copy: HhtCopy::default(),
            ppmid_copy_responses: false,
            wan_messages: 256,
            wan_octets: 256 * 1024,
            mailbox_depth: 32,
            mailbox_expiry: DAY,
            mailbox_offers: 3,
            give_up_attempts: 3,
            give_up_after: MINUTE * 10,
            tunnel_queue_depth: 32,
            hht_idle: DAY,
            hht_window: MINUTE * 60,
            hht_join: MINUTE * 15,
            ppmid_limits: PpmidLimits { queued_per_target: 32, messages: 60, window: MINUTE * 10 },
            assured: AssuredBudgets {
                per_ppmid: Bucket { burst: 20, refill: Duration::from_secs(15) },
                per_target: Bucket { burst: 12, refill: Duration::from_secs(30) },
                gsme_energy: Bucket { burst: 480, refill: MINUTE * 3 },
                gsme_overhead: 8,
            },
            remember_for: DAY,
            remember_messages: 256,
            gas_half_hours: 5_856,
            malformed_per_hour: 10,
        }
    }
}

/// What a function of the hub, CHF or GPF, is given at manufacture and installation as a device of its own. Without it Commands for the
/// function come out as [`Event::Local`](crate::Event::Local), and the CHF raises no Alert: a failed delivery is only logged.
#[derive(Clone, Debug)]
pub struct FunctionKeys {
    /// The Access Control Broker, whose MAC Commands carry and who gets the CHF's Alerts.
    pub acb: Eui64,
    /// Signs Responses and Alerts that are about credentials.
    pub digital_signature: PrivateKey,
    /// Agrees secrets with the ACB and the readers of Responses.
    pub key_agreement: PrivateKey,
    /// The cells of the Remote Parties, the ACB's among them.
    pub anchors: Vec<TrustAnchor>,
    /// Counters of its own messages start above this on a hub that has no record yet.
    pub counter_floor: Counter,
}

/// A Communications Hub as it leaves the factory and its installation.
#[derive(Clone, Debug)]
pub struct HubConfig {
    /// The CHF's Entity Identifier.
    pub chf: Eui64,
    /// The GPF's Entity Identifier.
    pub gpf: Eui64,
    /// What it takes from a PPMID.
    pub profile: Profile,
    /// Its radio: address, keys, counters; always the coordinator.
    pub node: han::NodeConfig,
    /// The CHF Device Log on a hub that has no record yet: devices that have joined, whose link keys are those of the peers of
    /// `node`. A record brings the log it had.
    pub devices: Vec<DeviceEntry>,
    /// The CHF as a device.
    pub chf_keys: Option<FunctionKeys>,
    /// The GPF as a device.
    pub gpf_keys: Option<FunctionKeys>,
    /// Decisions.
    pub settings: Settings,
}
