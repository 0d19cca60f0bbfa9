//! Bodies of service requests (DUIS section 8).
mod prepay;
mod price;

pub use prepay::{
    BalanceChange, DebtRecovery, DisplayMessage, ElectricityDebtRecovery, GasDebtRecovery, MeterBalance, PaymentMode,
    Period, UpdateDebt, UpdatePaymentMode, UpdatePaymentModeTo, Utrn,
};
pub use price::{
    Blocks, Currency, ElectricityPrices, ElectricityTariff, GasPrices, GasTariff, Prices, TouPrices, UpdatePrice,
};

use crate::RequestId;
use crate::catalogue::{self, BodyShape};
use crate::time::Execution;
use crate::xml::{Element, Writer, XmlError, XmlErrorKind};

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// 1.2.1 `UpdatePricePrimaryElement`.
    UpdatePrice(UpdatePrice),
    /// 1.5 `UpdateMeterBalance`.
    UpdateMeterBalance(MeterBalance),
    /// 1.6 `UpdatePaymentMode`.
    UpdatePaymentMode(UpdatePaymentMode),
    /// 2.2 `TopUpDevice`.
    TopUpDevice(Utrn),
    /// 2.3 `UpdateDebt`.
    UpdateDebt(UpdateDebt),
    /// 3.1 `DisplayMessage`.
    DisplayMessage(DisplayMessage),
    /// 8.13 `ReturnLocalCommandResponse`.
    ReturnLocalCommandResponse(LocalCommandResponse),
    /// A body that is empty or holds only an execution date; the element says which service.
    Plain {
        /// Element of the catalogue with the shape [`BodyShape::Empty`] or [`BodyShape::Dated`].
        element: &'static str,
        /// Always [`Execution::Immediate`] for an empty one.
        execution: Execution,
    },
    /// Command Variants 5, 6, 7: the signed octets of any critical service.
    SignedPreCommand(SignedPreCommand),
    /// A known element whose content is carried, not read.
    Other(OtherBody),
}

/// A Pre-Command with the User's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedPreCommand {
    /// As in the request that was transformed.
    pub execution: Execution,
    /// Grouping header, payload, `40`, signature.
    pub payload: Vec<u8>,
}

/// What a device answered to a Command that was delivered locally (SRV 8.13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalCommandResponse {
    /// The request the Command came from.
    pub original: Option<RequestId>,
    /// The GBCS Response as received.
    pub response: Vec<u8>,
}

/// A body element that has no type here yet; only its name was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherBody {
    /// Element of the catalogue.
    pub element: &'static str,
    /// The element in canonical form (exclusive, so that it stands alone), to be written back.
    pub xml: String,
}

const SIGNED_PRE_COMMAND: &str = "SignedPreCommand";

impl Body {
    /// An empty or merely dated body, at once: `Body::plain("EnableSupply")`. `None` if the element is neither.
    pub fn plain(element: &str) -> Option<Self> {
        let entry = catalogue::by_body(element)?;
        matches!(entry.shape, BodyShape::Empty | BodyShape::Dated)
            .then_some(Self::Plain { element: entry.body, execution: Execution::Immediate })
    }

    /// Name of the body element.
    pub fn element(&self) -> &'static str {
        match self {
            Self::UpdatePrice(_) => "UpdatePricePrimaryElement",
            Self::UpdateMeterBalance(_) => "UpdateMeterBalance",
            Self::UpdatePaymentMode(_) => "UpdatePaymentMode",
            Self::TopUpDevice(_) => "TopUpDevice",
            Self::UpdateDebt(_) => "UpdateDebt",
            Self::DisplayMessage(_) => "DisplayMessage",
            Self::ReturnLocalCommandResponse(_) => "ReturnLocalCommandResponse",
            Self::Plain { element, .. } => element,
            Self::SignedPreCommand(_) => SIGNED_PRE_COMMAND,
            Self::Other(other) => other.element,
        }
    }

    /// When it shall take effect; at once where the body was not read.
    pub fn execution(&self) -> Execution {
        match self {
            Self::UpdatePrice(b) => b.execution,
            Self::UpdatePaymentMode(b) => b.execution,
            Self::DisplayMessage(b) => b.execution,
            Self::Plain { execution, .. } => *execution,
            Self::SignedPreCommand(b) => b.execution,
            _ => Execution::Immediate,
        }
    }

    /// Reads the one child of `sr:Body`.
    pub(crate) fn read(element: Element<'_>) -> Result<Self, XmlError> {
        let name = element.name();
        if name == SIGNED_PRE_COMMAND {
            let mut children = element.children()?;
            let execution = Execution::read(&mut children)?;
            let payload = children.value("GBCSPayload")?;
            children.end()?;
            return Ok(Self::SignedPreCommand(SignedPreCommand { execution, payload }));
        }
        let Some(entry) = catalogue::by_body(name) else {
            return Err(element.error(XmlErrorKind::Unexpected(name.to_owned())));
        };
        let element_name = entry.body;
        Ok(match (entry.shape, name) {
            (BodyShape::Empty, _) => {
                element.empty()?;
                Self::Plain { element: element_name, execution: Execution::Immediate }
            }
            (BodyShape::Dated, _) => {
                let mut children = element.children()?;
                let execution = Execution::read(&mut children)?;
                children.end()?;
                Self::Plain { element: element_name, execution }
            }
            (BodyShape::Typed, "UpdatePricePrimaryElement") => Self::UpdatePrice(UpdatePrice::read(element)?),
            (BodyShape::Typed, "UpdateMeterBalance") => Self::UpdateMeterBalance(MeterBalance::read(element)?),
            (BodyShape::Typed, "UpdatePaymentMode") => Self::UpdatePaymentMode(UpdatePaymentMode::read(element)?),
            (BodyShape::Typed, "TopUpDevice") => Self::TopUpDevice(Utrn::read_element(element)?),
            (BodyShape::Typed, "UpdateDebt") => Self::UpdateDebt(UpdateDebt::read(element)?),
            (BodyShape::Typed, "DisplayMessage") => Self::DisplayMessage(DisplayMessage::read(element)?),
            (BodyShape::Typed, "ReturnLocalCommandResponse") => {
                let mut children = element.children()?;
                let original = children.optional_value("OriginalRequestID")?;
                let response = children.value("DeviceGBCSResponse")?;
                children.end()?;
                Self::ReturnLocalCommandResponse(LocalCommandResponse { original, response })
            }
            (BodyShape::Typed | BodyShape::Other, _) => {
                Self::Other(OtherBody { element: element_name, xml: element.canonical()? })
            }
        })
    }

    pub(crate) fn write(&self, w: &mut Writer) {
        let name = self.element();
        match self {
            Self::UpdatePrice(b) => w.element(name, |w| b.write(w)),
            Self::UpdateMeterBalance(b) => w.element(name, |w| b.write(w)),
            Self::UpdatePaymentMode(b) => w.element(name, |w| b.write(w)),
            Self::TopUpDevice(utrn) => w.element(name, |w| w.value("UTRN", utrn.digits())),
            Self::UpdateDebt(b) => w.element(name, |w| b.write(w)),
            Self::DisplayMessage(b) => w.element(name, |w| b.write(w)),
            Self::ReturnLocalCommandResponse(b) => w.element(name, |w| {
                w.optional_value("OriginalRequestID", b.original);
                w.octets("DeviceGBCSResponse", &b.response);
            }),
            Self::Plain { execution: Execution::Immediate, .. } => w.empty(name),
            Self::Plain { execution, .. } => w.element(name, |w| execution.write(w)),
            Self::SignedPreCommand(b) => w.element(name, |w| {
                b.execution.write(w);
                w.octets("GBCSPayload", &b.payload);
            }),
            Self::Other(other) => w.raw(&other.xml),
        }
    }
}
