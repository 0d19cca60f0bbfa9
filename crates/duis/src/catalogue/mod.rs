//! Which service takes what: every Service Reference Variant of DUIS 5.4 as data (DUIS sections 3 and 7).
mod table;

use std::fmt;

use gbcs::MessageCode;

use crate::xml::Text;
use crate::{ResponseCode, Srv};

/// One Service Reference Variant.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub srv: Srv,
    /// The element in the body of its requests.
    pub body: &'static str,
    /// How far that element is typed here.
    pub shape: BodyShape,
    /// Whether the User's signature stands inside the Command.
    pub criticality: Criticality,
    /// Command Variants a request may carry.
    pub variants: &'static [CommandVariant],
    /// Who may hold an execution date.
    pub future_dating: FutureDating,
    /// Roles that may use it; empty for services of the DCC itself.
    pub roles: &'static [Role],
    /// Device types aimed at by the reference data; real sets can be wider. Empty: the DCC.
    pub targets: &'static [DeviceType],
    /// Use cases the DCC chooses from by device type, body and GBCS version (DUIS 7.1).
    pub use_cases: &'static [UseCase],
    /// Originators of the GBCS Command seen in the reference data.
    pub originators: Originators,
}

impl Entry {
    /// Whether devices of this type are aimed at: in the reference data, or by a use case.
    pub fn is_for(&self, device: DeviceType) -> bool {
        let takes = |u: &UseCase| {
            let kinds = gbcs::catalogue::find(u.code).map_or(&[][..], |known| known.targets);
            kinds.iter().any(|kind| DeviceType::from(*kind) == device)
        };
        self.targets.contains(&device) || self.use_cases.iter().any(takes)
    }

    /// Whether `code` is the message code of one of its use cases.
    pub fn has_code(&self, code: MessageCode) -> bool {
        self.use_cases.iter().any(|u| u.code == code)
    }
}

/// All rows, in the order of the schema.
pub fn entries() -> &'static [Entry] {
    table::TABLE
}

/// The row of `srv`.
pub fn by_srv(srv: Srv) -> Option<&'static Entry> {
    entries().iter().find(|e| e.srv == srv)
}

/// The row whose requests carry the body element `name`.
pub fn by_body(name: &str) -> Option<&'static Entry> {
    entries().iter().find(|e| e.body == name)
}

/// Rows whose use cases include `code`.
pub fn by_code(code: MessageCode) -> impl Iterator<Item = &'static Entry> {
    entries().iter().filter(move |e| e.has_code(code))
}

/// How far a body element is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyShape {
    /// Always empty.
    Empty,
    /// Nothing but an optional `ExecutionDateTime`.
    Dated,
    /// A period to read, perhaps with an `ExecutionDateTime` in front.
    Log,
    /// A period to read, never dated.
    LogOnDemand,
    /// As [`Self::Log`], and a certificate where the device does not know the User.
    LogWithCredentials,
    /// Has its own type in [`Body`](crate::Body).
    Typed,
}

/// Whether a User must sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Criticality {
    /// Supply or money: the User signs the Pre-Command.
    Critical,
    /// The DCC's MAC alone protects the Command.
    NonCritical,
    /// Never becomes a Command.
    NonDevice,
}

/// Who may hold an execution date (DUIS 4.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FutureDating {
    /// The DCC keeps the request and sends the Command at the time.
    pub dcc: bool,
    /// The date is inside the Command.
    pub device: bool,
    /// May be put in a DCC schedule.
    pub scheduled: bool,
}

/// Originators of GBCS Commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Originators {
    /// The User, with the counter of the request.
    pub user: bool,
    /// The Access Control Broker, with its own counter.
    pub acb: bool,
    /// The transitional change-of-supplier party.
    pub transitional_cos: bool,
}

/// A GBCS use case and its message code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UseCase {
    /// Name, such as `ECS04a`; a suffix tells variants with one code apart.
    pub name: &'static str,
    /// Message code.
    pub code: MessageCode,
}

/// Roles of Users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Import supplier.
    Is,
    /// Export supplier.
    Es,
    /// Gas supplier.
    Gs,
    /// Registered supplier agent.
    Rsa,
    /// Electricity distributor.
    Ed,
    /// Gas transporter.
    Gt,
    /// Other user.
    Ou,
}

macro_rules! device_types {
    ($($name:ident $text:literal $doc:literal;)*) => {
        /// Device types of the Smart Metering Inventory.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum DeviceType {
            $(#[doc = $doc] $name,)*
        }

        impl DeviceType {
            /// The text of the inventory.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }

        impl Text for DeviceType {
            const EXPECTED: &'static str = "a device type of the inventory";

            fn read(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

device_types! {
    Esme "ESME" "Electricity meter.";
    Gsme "GSME" "Gas meter.";
    Gpf "GPF" "Gas proxy function of the Communications Hub.";
    Chf "CHF" "Communications Hub function.";
    Hcalcs "HCALCS" "HAN-connected auxiliary load control switch.";
    Ppmid "PPMID" "Prepayment interface device.";
    Ihd "IHD" "In-home display.";
    Cad "CAD" "Consumer access device.";
    Sapc "SAPC" "Standalone auxiliary proportional controller.";
}

impl From<gbcs::catalogue::DeviceType> for DeviceType {
    fn from(kind: gbcs::catalogue::DeviceType) -> Self {
        use gbcs::catalogue::DeviceType as Gbcs;
        match kind {
            Gbcs::Esme => Self::Esme,
            Gbcs::Gsme => Self::Gsme,
            Gbcs::Chf => Self::Chf,
            Gbcs::Gpf => Self::Gpf,
            Gbcs::Ppmid => Self::Ppmid,
            Gbcs::Hcalcs => Self::Hcalcs,
            Gbcs::Sapc => Self::Sapc,
        }
    }
}

impl fmt::Display for DeviceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the DCC shall make of a request (DUIS section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum CommandVariant {
    /// 1: non-critical Command over the SM WAN.
    Send = 1,
    /// 2: non-critical Command returned for local delivery.
    Local = 2,
    /// 3: both 1 and 2.
    SendAndLocal = 3,
    /// 4: Pre-Command of a critical request returned for signing.
    Transform = 4,
    /// 5: Signed Pre-Command, Command over the SM WAN.
    SendSigned = 5,
    /// 6: Signed Pre-Command, Command returned for local delivery.
    LocalSigned = 6,
    /// 7: both 5 and 6.
    SendAndLocalSigned = 7,
    /// 8: service of the DCC alone.
    NonDevice = 8,
    /// 9: inside the DCC; never valid from a User.
    Internal = 9,
}

impl CommandVariant {
    const ALL: [Self; 9] = [
        Self::Send,
        Self::Local,
        Self::SendAndLocal,
        Self::Transform,
        Self::SendSigned,
        Self::LocalSigned,
        Self::SendAndLocalSigned,
        Self::NonDevice,
        Self::Internal,
    ];

    /// The variant of this number.
    pub fn from_number(n: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|cv| *cv as u8 == n)
    }

    /// The web service that takes it; none for 9.
    pub const fn service(self) -> Option<Service> {
        match self {
            Self::Transform => Some(Service::Transform),
            Self::Send | Self::SendAndLocal | Self::SendSigned | Self::SendAndLocalSigned => Some(Service::SendCommand),
            // Variants 2 and 6 go here although their target is a device (DUIS 1.3).
            Self::Local | Self::LocalSigned | Self::NonDevice => Some(Service::NonDevice),
            Self::Internal => None,
        }
    }

    /// Whether the body is a Signed Pre-Command.
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::SendSigned | Self::LocalSigned | Self::SendAndLocalSigned)
    }

    /// Whether the Command comes back for local delivery.
    pub const fn returns_command(self) -> bool {
        matches!(self, Self::Local | Self::SendAndLocal | Self::LocalSigned | Self::SendAndLocalSigned)
    }

    /// Whether the DCC sends the Command over the SM WAN.
    pub const fn sends_command(self) -> bool {
        matches!(self, Self::Send | Self::SendAndLocal | Self::SendSigned | Self::SendAndLocalSigned)
    }
}

impl Text for CommandVariant {
    const EXPECTED: &'static str = "a Command Variant 1..9";

    fn read(text: &str) -> Option<Self> {
        u8::read(text).and_then(Self::from_number)
    }
}

impl fmt::Display for CommandVariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (*self as u8).fmt(f)
    }
}

/// A web service of the DCC (DUIS 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Makes Pre-Commands.
    Transform,
    /// Sends Commands.
    SendCommand,
    /// Answers without the SM WAN.
    NonDevice,
}

impl Service {
    /// The three services.
    pub const ALL: [Self; 3] = [Self::Transform, Self::SendCommand, Self::NonDevice];

    /// The URL path on DCC Boxed.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Transform => "/api/v1/serviceT",
            Self::SendCommand => "/api/v1/serviceS",
            Self::NonDevice => "/api/v1/serviceD",
        }
    }

    /// The service at a URL path.
    pub fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.path() == path)
    }
}

/// A request whose parts do not fit each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// No such service.
    #[error("service reference variant {0} is unknown")]
    UnknownSrv(Srv),
    /// The two service references disagree.
    #[error("service reference {reference} is not that of variant {srv}")]
    Reference {
        /// `ServiceReference` of the header.
        reference: Srv,
        /// `ServiceReferenceVariant` of the header.
        srv: Srv,
    },
    /// Wrong URL.
    #[error("Command Variant {variant} does not go to {}", .service.path())]
    WrongService {
        /// The header's Command Variant.
        variant: CommandVariant,
        /// Where the request arrived.
        service: Service,
    },
    /// The variant is not one of the service reference's.
    #[error("{srv} does not take Command Variant {variant}")]
    Variant {
        /// The service asked for.
        srv: Srv,
        /// The header's Command Variant.
        variant: CommandVariant,
    },
    /// The body belongs to another service or variant.
    #[error("the body of {srv} with Command Variant {variant} is not this element")]
    Body {
        /// The service asked for.
        srv: Srv,
        /// The header's Command Variant.
        variant: CommandVariant,
    },
    /// An execution date where the service or the variant takes none.
    #[error("{srv} with Command Variant {variant} takes no execution date")]
    ExecutionDate {
        /// The service asked for.
        srv: Srv,
        /// The header's Command Variant.
        variant: CommandVariant,
    },
}

impl Misfit {
    /// What the DCC answers.
    pub fn response_code(&self) -> ResponseCode {
        match self {
            Self::WrongService { .. } => ResponseCode::E13,
            _ => ResponseCode::E12,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_service_and_each_body_element_stands_once() {
        let srvs: BTreeSet<_> = entries().iter().map(|e| e.srv).collect();
        let bodies: BTreeSet<_> = entries().iter().map(|e| e.body).collect();
        assert_eq!((srvs.len(), bodies.len()), (entries().len(), entries().len()));
    }

    #[test]
    fn criticality_variants_and_targets_of_a_row_agree() {
        for e in entries() {
            let signed = e.variants.iter().any(|v| v.is_signed());
            assert_eq!(signed, e.criticality == Criticality::Critical, "{}", e.srv);
            assert_eq!(e.targets.is_empty(), e.criticality == Criticality::NonDevice, "{}", e.srv);
            assert_eq!(e.use_cases.is_empty(), e.criticality == Criticality::NonDevice, "{}", e.srv);
            assert!(!(e.future_dating.device && e.shape == BodyShape::Empty), "{}", e.srv);
        }
    }

    #[test]
    fn each_variant_goes_to_one_service_and_nine_to_none() {
        let paths: Vec<_> = (1..=9)
            .map(|n| CommandVariant::from_number(n).unwrap().service().map_or("-", |s| &s.path()[15..]))
            .collect();
        assert_eq!(paths, ["S", "D", "S", "T", "S", "D", "S", "D", "-"]);
        assert_eq!((CommandVariant::from_number(0), CommandVariant::from_number(10)), (None, None));
        assert_eq!(Service::at("/api/v1/serviceT"), Some(Service::Transform));
        assert_eq!(Service::at("/api/v1/serviceX"), None);
    }

    #[test]
    fn a_message_code_leads_back_to_its_services() {
        let of = |code| by_code(MessageCode(code)).map(|e| e.srv.to_string()).collect::<Vec<_>>();
        assert_eq!(of(0x0020), ["2.5"]);
        assert_eq!(of(0x0062), ["6.11", "8.1.1"]);
        assert!(of(0xFFFF).is_empty());
    }
}
