//! A User's side of the interface: which document comes next, what its answer is worth, what to do where there is none
//! (DUIS 4.1, 4.2, 5.5, 11.1, 11.2).
//!
//! Nothing here waits or keeps anything: a head end asks between two transactions, the command line in a loop. Documents are signed
//! with the User's key for XML, Pre-Commands with his key for GBCS; the first by [`Request::sign`], the second by who calls
//! [`Errand::take`].
use gbcs::crypto::Crypto;
use gbcs::protect::ProtectError;

use crate::body::SignedPreCommand;
use crate::catalogue::{CommandVariant, Criticality, Misfit};
use crate::certificate::IssuerSerial;
use crate::correlate::{Mismatch, check_local_command, check_local_command_for, correlate};
use crate::signature::XmlSigner;
use crate::transform::{TransformContext, Transformed};
use crate::{Body, Content, LocalCommand, PreCommand, Refusal, Request, RequestId, Response, ResponseCode};

/// A text that is not the DCC's answer to a request. It says nothing about the request: the same document may go again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// No response, or not the DCC's word: a tampered answer must not end anything.
    #[error("the DCC's answer cannot be used: {0}")]
    Refused(#[from] Refusal),
    /// It names another request, or none although it is no error.
    #[error("the DCC's answer is to another request")]
    Misdirected {
        /// The request that it names.
        found: Option<RequestId>,
    },
}

/// Reads the answer to the request `asked`; `lookup` as in [`Response::accept`].
///
/// # Errors
/// [`Unusable`], which is a failure of transport.
pub fn read_answer<C: Crypto>(
    crypto: &C,
    text: &str,
    asked: RequestId,
    lookup: impl FnOnce(&IssuerSerial) -> Option<XmlSigner>,
) -> Result<Response, Unusable> {
    let response = Response::accept(crypto, text, lookup)?;
    // A document that could not be read has no id to echo.
    let echoed = match response.request_id {
        Some(id) => id == asked,
        None => response.code.is_error(),
    };
    if echoed { Ok(response) } else { Err(Unusable::Misdirected { found: response.request_id }) }
}

/// What may be tried after a response code (DUIS 5.5). After no answer at all the same document may go again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Nothing is left to try: done, or refused for good.
    Never,
    /// The device was not reached or did not answer: another request, under another counter.
    NewCounter,
}

impl Retry {
    /// After this code.
    pub fn after(code: &ResponseCode) -> Self {
        let away = [ResponseCode::E20, ResponseCode::E21, ResponseCode::E30];
        if away.contains(code) { Self::NewCounter } else { Self::Never }
    }
}

/// Why an errand ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The DCC refused.
    #[error("{}", told(.0))]
    Refused(ResponseCode),
    /// The answer holds something else than what the Command Variant gives.
    #[error("no {expected} in the answer")]
    Content {
        /// What it had to hold.
        expected: &'static str,
    },
    /// The Pre-Command is not what was asked for. It is not signed.
    #[error("the Pre-Command is not what was asked for: {0}")]
    PreCommand(Mismatch),
    /// The Command is not what was asked for, or not the one that was signed.
    #[error("the Command is not what was asked for: {0}")]
    Command(Mismatch),
    /// The Pre-Command cannot be signed.
    #[error("the Pre-Command cannot be signed: {0}")]
    Signing(#[from] ProtectError),
}

fn told(code: &ResponseCode) -> String {
    code.meaning().map_or_else(|| code.to_string(), |meaning| format!("{code}: {meaning}"))
}

/// What an answer brought.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "one at a time")]
pub enum Progress {
    /// The Pre-Command means what was asked for and is signed: [`Errand::document`] is another one now.
    Signed {
        /// What was asked for.
        made: Transformed,
        /// As the DCC wrote it.
        pre_command: Vec<u8>,
        /// With the User's signature.
        signed: Vec<u8>,
    },
    /// The Pre-Command means what was asked for, and no more was wanted.
    PreCommand {
        /// What was asked for.
        made: Transformed,
        /// As the DCC wrote it.
        pre_command: Vec<u8>,
    },
    /// The Command for local delivery, which holds what was signed or means what was asked for.
    Command(Vec<u8>),
    /// The DCC sends the Command: its outcome comes by the Receive Response Service.
    Accepted,
    /// The DCC did it; a service of its own may have an answer.
    Done(Content),
}

/// A service request on its way to its Command or its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    request: Request,
    wanted: CommandVariant,
    signed: Option<Vec<u8>>,
}

impl Errand {
    /// `request` for the sake of `wanted`: 1 to 3 of a service that is not critical, 4 to 7 of one that is, 8 of the DCC's own.
    ///
    /// # Errors
    /// [`Misfit`] where the service does not take it, or the request does not fit itself.
    pub fn new(request: Request, wanted: CommandVariant) -> Result<Self, Misfit> {
        let mut errand = Self { request, wanted, signed: None };
        let srv = errand.request.header.srv;
        if let Body::SignedPreCommand(_) = errand.request.body {
            errand.request.header.variant = wanted;
        } else {
            let entry = crate::catalogue::by_srv(srv).ok_or(Misfit::UnknownSrv(srv))?;
            if !entry.variants.contains(&wanted) {
                return Err(Misfit::Variant { srv, variant: wanted });
            }
            let critical = entry.criticality == Criticality::Critical;
            errand.request.header.variant = if critical { CommandVariant::Transform } else { wanted };
        }
        errand.document().check()?;
        Ok(errand)
    }

    /// One whose Pre-Command was signed before.
    pub fn resume(request: Request, wanted: CommandVariant, signed: Option<Vec<u8>>) -> Self {
        Self { request, wanted, signed }
    }

    /// The request as it was asked.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The Command Variant it is for the sake of.
    pub fn wanted(&self) -> CommandVariant {
        self.wanted
    }

    /// The next document, to be signed and sent: the same until an answer changes it.
    pub fn document(&self) -> Request {
        let Some(payload) = self.signed.clone() else { return self.request.clone() };
        let mut document = self.request.clone();
        // Repeated where the DCC keeps the date (DUIS 12, point 5).
        let execution = document.body.execution();
        document.body = Body::SignedPreCommand(SignedPreCommand { execution, payload });
        document.header.variant = self.wanted;
        document
    }

    /// What the answer to [`Self::document`] brings. `context` is what the User knows of the device; `sign` signs a Pre-Command and is
    /// called only after it proved to mean what was asked.
    ///
    /// # Errors
    /// [`Fault`]; the errand is over.
    pub fn take(
        &mut self,
        response: &Response,
        context: &TransformContext,
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, ProtectError>,
    ) -> Result<Progress, Fault> {
        if response.code.is_error() {
            return Err(Fault::Refused(response.code.clone()));
        }
        let transforms = self.signed.is_none() && self.request.header.variant == CommandVariant::Transform;
        match response.content() {
            Some(Content::PreCommand(PreCommand { payload, .. })) if transforms => {
                let made = correlate(&self.request, payload, context).map_err(Fault::PreCommand)?;
                let pre_command = payload.clone();
                if self.wanted == CommandVariant::Transform {
                    return Ok(Progress::PreCommand { made, pre_command });
                }
                let signed = sign(payload)?;
                self.signed = Some(signed.clone());
                Ok(Progress::Signed { made, pre_command, signed })
            }
            _ if transforms => Err(Fault::Content { expected: "Pre-Command" }),
            Some(Content::LocalCommand(LocalCommand { payload })) if self.wanted.returns_command() => {
                self.check(payload, context).map_err(Fault::Command)?;
                Ok(Progress::Command(payload.clone()))
            }
            // The DCC may tell of the sending alone, although a copy was asked for too.
            Some(Content::Acknowledgement) if self.wanted.sends_command() => Ok(Progress::Accepted),
            Some(content) if self.wanted == CommandVariant::NonDevice => Ok(Progress::Done(content.clone())),
            _ if self.wanted.returns_command() => Err(Fault::Content { expected: "Command" }),
            _ => Err(Fault::Content { expected: "acknowledgement" }),
        }
    }

    /// Whether a Command for local delivery is ours.
    fn check(&self, command: &[u8], context: &TransformContext) -> Result<(), Mismatch> {
        match (&self.signed, &self.request.body) {
            (Some(signed), _) | (None, Body::SignedPreCommand(SignedPreCommand { payload: signed, .. })) => {
                check_local_command(command, signed)
            }
            (None, _) => check_local_command_for(&self.request, command, context).map(drop),
        }
    }
}
