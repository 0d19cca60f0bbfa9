//! Answers and alerts in ASN.1: credentials, joining, logs of devices, firmware, the gas meter's clock.
use gbcs::asn1::{
    ActivationOutcome, Cell, CellUsage, Content, DeviceKind, KeyUsages, LogEntry, ReplacementMode, RoleCredentials,
    UpdateOutcome,
};
use gbcs::certificate::{KeyUsage, Role};

use super::element::Element;
use super::fill::Misfits;
use super::form::{base64, hex};

/// What an answer says: its elements, and whether all went well.
pub(super) struct Said {
    pub elements: Vec<Element>,
    pub success: bool,
}

/// The elements of an answer; `None` where the schema has none for it.
pub(super) fn answer(content: &Content, misfits: &mut Misfits) -> Option<Said> {
    let success = content.results().iter().all(|result| *result == 0);
    let elements = match content {
        Content::Credentials(roles) => roles.iter().flat_map(|role| role_details(role, misfits)).collect(),
        Content::CredentialsUpdateAccepted | Content::ActivationAccepted => Vec::new(),
        Content::CredentialsUpdated(outcome) => vec![execution_outcome("ExecutionOutcome", outcome, misfits)],
        Content::CertificationRequest(request) => {
            vec![Element::text("CertificationRequest", base64(request.octets()))]
        }
        Content::IssueRefused(refusal) => {
            let names = ["", "invalidKeyUsage", "keyPairGenerationFailed", "cRProductionFailed"];
            vec![status("IssueCredentialsResponseCode", refusal.number(), &names)]
        }
        Content::CertificateUpdated(updated) => {
            let names = [
                "success",
                "invalidCertificate",
                "wrongDeviceIdentity",
                "invalidKeyUsage",
                "noCorrespondingKeyPairGenerated",
                "wrongPublicKey",
                "certificateStorageFailed",
                "privateKeyChangeFailed",
            ];
            vec![status("UpdateSecurityCredentialsResponseCode", updated.number(), &names)]
        }
        Content::Certificate(certificate) => vec![
            status("RetrieveDeviceSecurityCredentialsStatusCode", 0, &["success"]),
            Element::text("Certificate", base64(certificate.octets())),
        ],
        Content::ProvideRefused(refusal) => {
            let names = ["", "invalidKeyUsage", "noCertificateHeld", "certificateRetrievalFailure"];
            vec![status("RetrieveDeviceSecurityCredentialsStatusCode", refusal.number(), &names)]
        }
        Content::Joined(joined) => vec![status("joinResponseCode", joined.number(), &JOIN)],
        Content::Unjoined(unjoined) => {
            let names = ["success", "otherDeviceNotInDeviceLog", "otherFailure"];
            vec![status("unjoinResponseCode", unjoined.number(), &names)]
        }
        Content::FirmwareActivated(outcome) => activation(outcome),
        Content::FirmwareReport(report) => vec![Element::text("FirmwareVersion", hex(&report.version.0))],
        Content::JoinDetails(details) => {
            let entries = details.log.iter().flatten();
            let entries: Vec<_> = entries.filter_map(|e| log_entry("LogEntry", e, misfits)).collect();
            vec![Element::new("DeviceLogEntries", entries)]
        }
        Content::ClockReport(report) => {
            let names = ["reliable", "invalid", "unreliable"];
            let status = status("GasClockTimeStatus", report.status.number(), &names);
            let time = report.time.time();
            vec![Element::text("DeviceTime", time.to_string()), Element::new("Gas", [status])]
        }
        Content::DeviceLogRestored(log) => {
            let outcomes = log.outcomes.iter().map(|outcome| {
                let entry = log_entry("DeviceLogEntry", &outcome.entry, misfits);
                let code = status("joinResponseCode", outcome.status.number(), &JOIN);
                Element::new("RestoreDeviceLogOutcome", entry.into_iter().chain([code]).collect::<Vec<_>>())
            });
            outcomes.collect()
        }
        _ => return None,
    };
    Some(Said { elements, success })
}

/// The payload of an alert about a Command that bore a date.
pub(super) fn alert(content: &Content, misfits: &mut Misfits) -> Option<(u16, gbcs::Time, Option<Element>)> {
    let outcome = |element| Some(Element::new("FutureDatedCommandOutcomeDeviceAlert", [element]));
    Some(match content {
        Content::CredentialsUpdateAlert(alert) => {
            let inside = execution_outcome("UpdateSecurityCredentialsExecutionOutcome", &alert.outcome, misfits);
            let element = Element::new("UpdateSecurityCredentialsDeviceAlert", [inside]);
            (alert.code, alert.time.time(), outcome(element))
        }
        Content::ActivationAlert(alert) => {
            let time = alert.time.time();
            let head = vec![
                Element::text("ExecutionDateTime", time.to_string()),
                Element::text("OriginatorCounterFromCommand", alert.counter.0.to_string()),
            ];
            let inside = [head, activation(&alert.outcome)].concat();
            (alert.code, time, outcome(Element::new("FirmwareActivationDeviceAlert", inside)))
        }
        Content::FirmwareAlert(alert) => (alert.code, alert.time.time(), None),
        Content::TransferAlert(alert) => (alert.code, alert.time.time(), None),
        Content::DeviceLogAlert(alert) => (alert.code, alert.time.time(), None),
        _ => return None,
    })
}

const UNKNOWN: &str = "notKnown";

/// A status by its number, as the schema calls it.
fn status(name: &'static str, number: u8, names: &[&'static str]) -> Element {
    let known = names.get(usize::from(number)).filter(|name| !name.is_empty());
    let text = Element::text("ASN1Status", *known.unwrap_or(&UNKNOWN));
    Element::new(name, [text]).with("ResponseCode", number)
}

const JOIN: [&str; 14] = [
    "success",
    "invalidMessageCodeForJoinMethodAndRole",
    "invalidJoinMethodAndRole",
    "incompatibleWithExistingEntry",
    "deviceLogFull",
    "writeFailure",
    "keyAgreementNoResources",
    "keyAgreementUnknownIssuer",
    "keyAgreementUnsupportedSuite",
    "keyAgreementBadMessage",
    "keyAgreementBadKeyConfirm",
    "invalidOrMissingCertificate",
    "noPartnerLinkKeyReceived",
    "noCBKEResponse",
];

/// The status of a cell or of a role's cells.
fn cell_status(number: u8) -> Element {
    let name = match number {
        0 => "success",
        0x05 => "badCertificate",
        0x0A => "noTrustAnchor",
        0x11 => "insufficientMemory",
        0x19 => "trustAnchorNotFound",
        0x1E => "resourcesBusy",
        0x7F => "other",
        _ => UNKNOWN,
    };
    Element::new("StatusCode", [Element::text("ASN1Status", name)]).with("ResponseCode", number)
}

/// One element for each cell that a role has, or for what it answered instead.
fn role_details(role: &RoleCredentials, misfits: &mut Misfits) -> Vec<Element> {
    let head = |misfits: &mut Misfits| {
        role_element(role.role, misfits).into_iter().chain([cell_status(role.status.number())]).collect::<Vec<_>>()
    };
    let Some(held) = &role.held else { return vec![Element::new("RemotePartyDetails", head(misfits))] };
    let mut details = Vec::new();
    for cell in &held.cells {
        let mut elements = head(misfits);
        elements.push(Element::text("RemotePartyFloorSeqNumber", held.counter.0.to_string()));
        elements.extend(usage_element("CertificateUsage", cell.usage, cell.cell_usage, misfits));
        elements.push(Element::text("ExistingRemotePartyID", cell.subject.to_string()));
        elements.push(Element::text("ExistingCertificateHash", base64(&cell.key.0)));
        details.push(Element::new("RemotePartyDetails", elements));
    }
    if details.is_empty() {
        details.push(Element::new("RemotePartyDetails", head(misfits)));
    }
    details
}

fn execution_outcome(name: &'static str, outcome: &UpdateOutcome, misfits: &mut Misfits) -> Element {
    let mut elements = vec![Element::text("AuthorisingRemotePartyOriginatorCounter", outcome.counter.0.to_string())];
    let mode = match outcome.mode {
        ReplacementMode::AcbByAcb => Some("ACBByACB"),
        ReplacementMode::SupplierBySupplier => Some("SupplierBySupplier"),
        ReplacementMode::NetworkOperatorByNetworkOperator => Some("NetworkOperatorByNetworkOperator"),
        ReplacementMode::LoadControllerBySupplier => Some("LoadControllerBySupplier"),
        ReplacementMode::SupplierByTransCos => Some("SupplierByTransCoS"),
        _ => misfits.note("mode"),
    };
    elements.extend(mode.map(|mode| Element::text("CredentialsReplacementMode", mode)));
    let mut floors = outcome.floors.iter();
    if let Some(floor) = floors.next() {
        let mut change = Vec::from_iter(role_element(floor.role, misfits));
        change.push(Element::text("RemotePartyFloorSeqNumber", floor.floor.0.to_string()));
        if let Some(top_up) = floor.specialist_floors.iter().flatten().next() {
            let number = top_up.floor.0.to_string();
            change.push(Element::text("RemotePartyPrepaymentTopUpFloorSeqNumber", number));
        }
        elements.push(Element::new("RemotePartySeqNumberChange", change));
    }
    if floors.next().is_some() {
        misfits.note::<()>("floors of other parties");
    }
    for (place, cell) in outcome.cells.iter().enumerate() {
        /// How many the schema has room for.
        const MOST: usize = 3;
        if place == MOST {
            misfits.note::<()>("cells");
            break;
        }
        let Cell { role, usage, cell_usage } = cell.cell;
        let mut replaced = vec![cell_status(cell.status.number())];
        replaced.extend(usage_element("CertificateType", usage, cell_usage, misfits));
        replaced.extend(role_element(role, misfits));
        replaced.push(Element::text("ExistingRemotePartyID", cell.old_subject.to_string()));
        replaced.push(Element::text("NewRemotePartyID", cell.new_subject.to_string()));
        replaced.push(Element::text("ExistingCertificateHash", base64(&cell.old_key.0)));
        replaced.push(Element::text("NewCertificateHash", base64(&cell.new_key.0)));
        elements.push(Element::new("ReplacementOutcome", replaced));
    }
    Element::new(name, elements)
}

fn role_element(role: Role, misfits: &mut Misfits) -> Option<Element> {
    let name = match role {
        Role::Root => "Root",
        Role::Recovery => "Recovery",
        Role::Supplier => "Supplier",
        Role::NetworkOperator => "NetworkOperator",
        Role::AccessControlBroker => "ACB",
        Role::TransitionalCos => "TransCoS",
        Role::LoadController => "LoadController",
        _ => return misfits.note("role"),
    };
    Some(Element::text("RemotePartyRole", name))
}

fn usage_element(name: &'static str, usage: KeyUsages, cell: CellUsage, misfits: &mut Misfits) -> Option<Element> {
    let text = match (usage.usage(), cell) {
        (Some(KeyUsage::DigitalSignature), _) => "DigitalSigning",
        (Some(KeyUsage::KeyAgreement), CellUsage::PrepaymentTopUp) => "KeyAgreementTopUp",
        (Some(KeyUsage::KeyAgreement), _) => "KeyAgreement",
        (Some(KeyUsage::KeyCertSign), _) => "KeyCertSign",
        (None, _) => return misfits.note("key usage"),
    };
    Some(Element::text(name, text))
}

fn activation(outcome: &ActivationOutcome) -> Vec<Element> {
    let names = ["success", "noImageHeld", "hashMismatch", "activationFailure"];
    vec![
        status("ActivateImageResponseCode", outcome.status.number(), &names),
        Element::text("FirmwareVersion", hex(&outcome.version.0)),
    ]
}

fn log_entry(name: &'static str, entry: &LogEntry, misfits: &mut Misfits) -> Option<Element> {
    let kind = match entry.kind {
        DeviceKind::Gsme => "GSME",
        DeviceKind::Esme => "ESME",
        DeviceKind::Chf => "CHF",
        DeviceKind::Gpf => "GPF",
        DeviceKind::Hcalcs => "HCALCS",
        DeviceKind::Ppmid => "PPMID",
        DeviceKind::Type2 => "Type2",
        DeviceKind::Other(_) => return misfits.note("device kind"),
    };
    let device = Element::text("DeviceID", entry.device.to_string());
    Some(Element::new(name, [device, Element::text("DeviceType", kind)]))
}
