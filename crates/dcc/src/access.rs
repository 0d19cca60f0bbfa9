//! Access control: the checks of DUIS 5.2, in its order, each with its response code.
use crate::config::{DccConfig, Device, User};
use duis::catalogue::{Criticality, Entry};
use duis::xml::Document;
use duis::{Request, RequestId, ResponseCode, Service, Srv};
use gbcs::crypto::AwsLc;
use std::fmt;

/// Not to be had in public texts (DUIS 12, point 3): these three are the stand-in's own choice among the codes of the schema.
pub mod codes {
    use duis::ResponseCode;

    /// The document is not well-formed, has a DTD, or is not of the schema.
    pub fn malformed() -> ResponseCode {
        code("E100")
    }
    /// The signature is missing, by nobody known, or does not verify.
    pub fn bad_signature() -> ResponseCode {
        ResponseCode::E1
    }
    /// This RequestID was accepted before.
    pub fn replayed() -> ResponseCode {
        code("E57")
    }
    /// The Signed Pre-Command is not what was transformed, or its signature is not the User's.
    pub fn wrong_pre_command() -> ResponseCode {
        code("E58")
    }
    /// The service is known but this stand-in cannot transform it.
    pub fn not_supported() -> ResponseCode {
        code("E59")
    }
    /// 8.13: the original request is unknown or was not for local delivery.
    pub fn original_unknown() -> ResponseCode {
        code("E081301")
    }
    /// 8.13: the Response does not belong to the original request.
    pub fn response_mismatch() -> ResponseCode {
        code("E081302")
    }
    /// 8.13: the Response is no GBCS message, or its signature is not the device's.
    pub fn response_invalid() -> ResponseCode {
        code("E081303")
    }

    fn code(text: &str) -> ResponseCode {
        duis::xml::Text::read(text).expect("a code of the schema")
    }
}

/// A request that is not accepted: the code for the User and the reason for the log.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What the User is told.
    pub code: ResponseCode,
    /// Why.
    pub reason: String,
    /// The request, where it could be read that far.
    pub request: Option<(RequestId, Srv)>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.reason)
    }
}

/// A request that may be processed.
#[derive(Debug)]
pub struct Allowed<'c> {
    /// The request, read from the verified tree.
    pub request: Request,
    /// Its row in the catalogue of services.
    pub entry: &'static Entry,
    /// The sender.
    pub user: &'c User,
    /// The device it is for; none for a service of the DCC alone.
    pub device: Option<&'c Device>,
}

/// Check a document that came to `service`: everything but whether it was here before.
pub fn check<'c>(config: &'c DccConfig, service: Service, text: &str) -> Result<Allowed<'c>, Refused> {
    let addressed = || address(text);
    let refuse = |code, reason: String| Refused { code, reason, request: addressed() };
    // 2, 3: well-formed, of the schema, signed by the User it names with a certificate for XML.
    let request = Request::accept(&AwsLc, text, |certificate| config.signer(certificate)).map_err(|refusal| {
        let code = match &refusal {
            duis::Refusal::Xml(_) => codes::malformed(),
            duis::Refusal::Signature(_) => codes::bad_signature(),
        };
        refuse(code, refusal.to_string())
    })?;
    let header = &request.header;
    let known = Some((header.id, header.srv));
    let refuse = |code, reason: String| Refused { code, reason, request: known };
    // 4: the user.
    let user = config
        .user(header.id.originator)
        .ok_or_else(|| refuse(ResponseCode::E1, format!("{} is no user", header.id.originator)))?;
    // 5: its role. The load controller's service has no role in the public matrix.
    let entry = duis::catalogue::by_srv(header.srv);
    if let Some(entry) = entry
        && !entry.roles.iter().any(|role| user.roles.contains(role))
    {
        return Err(refuse(ResponseCode::E2, format!("no role of {} may use {}", user.eui, header.srv)));
    }
    // 7, 8: the Command Variant, the URL, the body.
    let entry = request.check_at(service).map_err(|misfit| refuse(misfit.response_code(), misfit.to_string()))?;
    if entry.criticality == Criticality::NonDevice {
        if header.id.target != config.keys.acb {
            return Err(refuse(
                ResponseCode::E12,
                format!("{} is for the DCC, not for {}", header.srv, header.id.target),
            ));
        }
        return Ok(Allowed { request, entry, user, device: None });
    }
    // 9 to 12: the device, its type, its status, who is responsible for it.
    let target = header.id.target;
    let device = config
        .device(target)
        .ok_or_else(|| refuse(ResponseCode::E19, format!("device {target} is not in the inventory")))?;
    if !entry.targets.contains(&device.kind.kind) {
        return Err(refuse(
            ResponseCode::E11,
            format!("{} is not for a device of type {}", header.srv, device.kind.kind),
        ));
    }
    if !device.status.takes_commands() {
        let code = if header.variant.returns_command() { ResponseCode::E17 } else { ResponseCode::E5 };
        return Err(refuse(code, format!("device {target} is {:?}", device.status)));
    }
    if device.supplier != user.eui {
        return Err(refuse(ResponseCode::E4, format!("{} is not responsible for device {target}", user.eui)));
    }
    Ok(Allowed { request, entry, user, device: Some(device) })
}

/// Whom to answer when a document is refused before it is read whole: its header, if that much can be read, signature or not.
fn address(text: &str) -> Option<(RequestId, Srv)> {
    if let Ok(document) = Document::parse(text)
        && let Ok(request) = Request::parse(&document)
    {
        return Some((request.header.id, request.header.srv));
    }
    // Not readable as a request: the two values, wherever they stand first. They address an error and decide nothing.
    let value = |name: &str| {
        let (_, rest) = text.split_once(&format!("{name}>"))?;
        rest.split_once('<').map(|(value, _)| value.trim())
    };
    Some((value("RequestID")?.parse().ok()?, value("ServiceReferenceVariant")?.parse().ok()?))
}
