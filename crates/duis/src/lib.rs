//! The DCC User Interface (DUIS): requests and responses as XML, their signature, the catalogue of services, and the transform
//! from a service request to the GBCS octets a meter executes.
//!
//! Everything is a pure function of its arguments: no clock, no socket, no file. References such as "DUIS 2.4" and
//! "GBCS messages 15.1" name sections of the project's working specifications `duis.md` and `gbcs-messages.md`.
//!
//! ```
//! use duis::{Body, CommandVariant, Request, xml::Document};
//! let id = "90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:1000".parse()?;
//! let body = Body::plain("ActivateEmergencyCredit").expect("an empty body");
//! let request = Request::new(id, "2.5".parse()?, CommandVariant::Transform, body);
//! let text = request.to_xml();
//! assert_eq!(Request::parse(&Document::parse(&text)?)?, request);
//! assert_eq!(request.check()?.use_cases[0].name, "ECS09");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod body;
pub mod catalogue;
pub mod certificate;
pub mod client;
mod code;
mod contradiction;
pub mod correlate;
mod id;
pub mod mmc;
pub mod reference;
mod request;
pub mod response;
pub mod signature;
pub mod time;
pub mod transform;
pub mod xml;

pub use body::Body;
pub use catalogue::{CommandVariant, DeviceType, Misfit, Role, Service};
pub use certificate::{IssuerSerial, SignerRole};
pub use code::ResponseCode;
pub use contradiction::Contradiction;
pub use id::{NotARequestId, NotAnSrv, RequestId, Srv};
pub use request::{Refusal, Request, RequestHeader, SchemaVersion};
pub use response::{
    AlertCode, CommandFailure, Content, DccAlert, DccAlertCode, DccEvent, DeviceAlert, FutureDatedAlert,
    FutureDatedOutcome, LocalCommand, OtherContent, PreCommand, Response, ResponseBody,
};
pub use signature::{SignatureError, SigningKey, XmlSigner};
pub use time::Execution;
pub use transform::{Device, GbcsVersion, Party, Requester, TransformContext, TransformError, Transformed, transform};
