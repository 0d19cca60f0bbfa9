//! SRV 6.15, 6.17, 6.21, 6.23, 6.24, 8.5, 11.3: certificates, key pairs and firmware (GBCS messages 11).
use gbcs::Counter;
use gbcs::asn1::{
    ActivateFirmware as Activation, Cell, CertificateDer, Content, CredentialsRequest, CredentialsUpdate, DateTime,
    ImageHash, PartyFloor, PathValidityChecks, Replacement, ReplacementMode, Specialist, SpecialistFloor,
    UpdateControl, UsageRequest,
};
use gbcs::certificate::{KeyUsage, Role};

use super::draft::{Draft, Fault};
use crate::Execution;
use crate::body::credentials::{
    ChangeOfSupplier, CredentialType, DeviceCredential, Floor, Handover, PathCertificates, RemotePartyRole,
    RetrieveKrp, ServiceOptOut, UpdateDeviceCertificate, UpdateKrp,
};
use crate::body::han::ActivateFirmware;

const fn role(role: RemotePartyRole) -> Role {
    match role {
        RemotePartyRole::Root => Role::Root,
        RemotePartyRole::Recovery => Role::Recovery,
        RemotePartyRole::Supplier => Role::Supplier,
        RemotePartyRole::NetworkOperator => Role::NetworkOperator,
        RemotePartyRole::Acb => Role::AccessControlBroker,
        RemotePartyRole::TransCos => Role::TransitionalCos,
        RemotePartyRole::LoadController => Role::LoadController,
    }
}

/// The certificates of a request: for signing, for key agreement, for key agreement of top-ups.
type Certificates<'b> = [Option<&'b Vec<u8>>; 3];

/// A change of credentials: CS02b and CS02g. Its counter is that of its message.
struct Update<'b> {
    mode: ReplacementMode,
    /// On whose word; the broker's own needs none.
    authority: Option<RemotePartyRole>,
    apply_time_checks: bool,
    /// New floors of the party on whose word it is, and of its top-ups.
    floors: (Option<Floor>, Option<Floor>),
    /// New floors of another party.
    other: Option<(RemotePartyRole, Floor, Option<Floor>)>,
    /// Whose certificates.
    of: RemotePartyRole,
    certificates: Certificates<'b>,
    path: &'b PathCertificates,
    execution: Execution,
}

impl Update<'_> {
    fn draft(self, use_case: &'static str) -> Result<Draft, Fault> {
        let counter = |floor: Floor| Counter(floor.get());
        let specialists =
            |floor: Floor| vec![SpecialistFloor { specialist: Specialist::PrepaymentTopUp, floor: counter(floor) }];
        let authorising = self.authority.map(|of| Cell::new(role(of), KeyUsage::DigitalSignature));
        let mut control = UpdateControl::new(self.mode, authorising, Counter(0));
        control.path_validity_checks = (!self.apply_time_checks).then_some(PathValidityChecks::Disapply);
        control.floor = self.floors.0.map(counter);
        control.specialist_floors = self.floors.1.map(specialists);
        control.other_floors = self.other.map(|(of, floor, top_up)| {
            let specialist_floors = top_up.map(specialists);
            vec![PartyFloor { role: role(of), floor: counter(floor), specialist_floors }]
        });
        let top_up = Cell { role: role(self.of), ..Cell::PREPAYMENT_TOP_UP };
        let cells = [
            Cell::new(role(self.of), KeyUsage::DigitalSignature),
            Cell::new(role(self.of), KeyUsage::KeyAgreement),
            top_up,
        ];
        let replacements = self.certificates.into_iter().zip(cells).filter_map(|(octets, cell)| {
            let certificate = certificate(octets?);
            Some(certificate.map(|certificate| Replacement { certificate, cell }))
        });
        let update = CredentialsUpdate {
            control,
            replacements: replacements.collect::<Result<_, _>>()?,
            path: self.path.certificates.iter().map(|octets| certificate(octets)).collect::<Result<_, _>>()?,
            execution: execution(self.execution)?,
        };
        Ok(Draft::asn1(use_case, move |id| {
            let mut update = update.clone();
            update.control.counter = id.counter;
            Content::UpdateCredentials(Box::new(update))
        }))
    }
}

/// A certificate from a request.
pub(super) fn certificate(octets: &[u8]) -> Result<CertificateDer, Fault> {
    CertificateDer::new(octets).map_err(|_| Fault::NotOffered("a certificate that is none"))
}

/// Absent at once; the end of time cancels.
fn execution(execution: Execution) -> Result<Option<DateTime>, Fault> {
    Ok(match execution {
        Execution::Immediate => None,
        Execution::At(at) => Some(DateTime::new(at)),
        Execution::Cancel => Some(DateTime::NEVER),
    })
}

/// CS02b by the party itself; CS02g by the supplier for its load controller.
pub(super) fn update_krp(update: &UpdateKrp) -> Result<Draft, Fault> {
    use RemotePartyRole as R;
    let certificates = &update.replacements.certificates;
    let (use_case, mode, authority) = match update.role {
        R::Supplier => ("CS02bSupplierBySupplier", ReplacementMode::SupplierBySupplier, R::Supplier),
        R::NetworkOperator => ("CS02bNOByNO", ReplacementMode::NetworkOperatorByNetworkOperator, R::NetworkOperator),
        R::LoadController => ("CS02gLoadControllerBySupplier", ReplacementMode::LoadControllerBySupplier, R::Supplier),
        _ => return Err(Fault::NotOffered("credentials of this role")),
    };
    let own = authority == update.role;
    Update {
        mode,
        authority: Some(authority),
        apply_time_checks: update.apply_time_checks,
        floors: (update.floor.filter(|_| own), update.top_up_floor.filter(|_| own)),
        other: update.floor.filter(|_| !own).map(|floor| (update.role, floor, update.top_up_floor)),
        of: update.role,
        certificates: [&certificates.signing, &certificates.agreement, &certificates.top_up].map(Option::as_ref),
        path: &update.path,
        execution: update.execution,
    }
    .draft(use_case)
}

/// The same, originated by the broker for a device of the DCC, which keeps the date.
pub(super) fn handover(handover: &Handover) -> Result<Draft, Fault> {
    let certificates = &handover.replacements;
    let (use_case, mode) = match handover.role {
        RemotePartyRole::Supplier => ("CS02bSupplierBySupplierHandover", ReplacementMode::SupplierBySupplier),
        RemotePartyRole::NetworkOperator => ("CS02bNOByNOHandover", ReplacementMode::NetworkOperatorByNetworkOperator),
        _ => return Err(Fault::NotOffered("credentials of this role")),
    };
    Update {
        mode,
        authority: Some(handover.role),
        apply_time_checks: handover.apply_time_checks,
        floors: (handover.floor, handover.top_up_floor),
        other: None,
        of: handover.role,
        certificates: [Some(&certificates.signing), certificates.agreement.as_ref(), certificates.top_up.as_ref()],
        path: &handover.path,
        execution: Execution::Immediate,
    }
    .draft(use_case)
}

/// CS02b, the new supplier's by the transitional party. What cancels carries no floors.
pub(super) fn change_of_supplier(change: &ChangeOfSupplier) -> Result<Draft, Fault> {
    let certificates = &change.replacements;
    let floors = (RemotePartyRole::Supplier, change.floor, change.top_up_floor);
    Update {
        mode: ReplacementMode::SupplierByTransCos,
        authority: Some(RemotePartyRole::TransCos),
        apply_time_checks: change.apply_time_checks,
        floors: (None, None),
        other: (change.execution != Execution::Cancel).then_some(floors),
        of: RemotePartyRole::Supplier,
        certificates: [Some(&certificates.signing), certificates.agreement.as_ref(), certificates.top_up.as_ref()],
        path: &change.path,
        execution: change.execution,
    }
    .draft("CS02bSupplierByTransCoS")
}

/// CS02b, the broker's by itself; the DCC keeps the date.
pub(super) fn opt_out(opt_out: &ServiceOptOut) -> Result<Draft, Fault> {
    let certificates = &opt_out.replacements;
    Update {
        mode: ReplacementMode::AcbByAcb,
        authority: None,
        apply_time_checks: opt_out.apply_time_checks,
        floors: (Some(opt_out.floor), None),
        other: None,
        of: RemotePartyRole::Acb,
        certificates: [certificates.signing.as_ref(), Some(&certificates.agreement), None],
        path: &opt_out.path,
        execution: Execution::Immediate,
    }
    .draft("CS02bACBByACB")
}

/// CS02d.
pub(super) fn device_certificate(update: &UpdateDeviceCertificate) -> Result<Draft, Fault> {
    let certificate = certificate(&update.certificate)?;
    Ok(Draft::asn1("CS02d", move |_| Content::Certificate(certificate.clone())))
}

/// CS02c: make a key pair.
pub(super) fn issue(of: &DeviceCredential) -> Draft {
    let usage = usage(of);
    Draft::asn1("CS02c", move |_| Content::IssueCredentials(UsageRequest { usage: usage.into() }))
}

/// CS02e: tell a certificate.
pub(super) fn provide(of: &DeviceCredential) -> Draft {
    let usage = usage(of);
    Draft::asn1("CS02e", move |_| Content::ProvideCertificate(UsageRequest { usage: usage.into() }))
}

fn usage(of: &DeviceCredential) -> KeyUsage {
    match of.credential {
        CredentialType::Signing => KeyUsage::DigitalSignature,
        CredentialType::Agreement => KeyUsage::KeyAgreement,
    }
}

/// CS02a; CS02f where a load controller is among the roles. The broker asks.
pub(super) fn retrieve(retrieve: &RetrieveKrp) -> Draft {
    let with_load_controller = retrieve.roles.contains(&RemotePartyRole::LoadController);
    let requester = Cell::new(Role::AccessControlBroker, KeyUsage::KeyAgreement);
    let request = CredentialsRequest { requester, roles: retrieve.roles.iter().map(|of| role(*of)).collect() };
    let use_case = if with_load_controller { "CS02fMAC" } else { "CS02aMAC" };
    Draft::asn1(use_case, move |_| Content::RequestCredentials(request.clone()))
}

/// CS06: the image's hash, the counter, when.
pub(super) fn activate_firmware(activate: &ActivateFirmware) -> Result<Draft, Fault> {
    let hash = ImageHash(activate.hash.octets().try_into().map_err(|_| Fault::Catalogue)?);
    let execution = execution(activate.execution)?;
    Ok(Draft::asn1("CS06", move |id| Content::ActivateFirmware(Activation { hash, counter: id.counter, execution })))
}
