//! Trust anchor cells: what a device holds of each role (CS02a, CS02f), and their replacement (CS02b, CS02g; GBCS 13.2, 13.3).
use crate::anchors::{Role, TrustAnchor, Usage};
use crate::certificate::is_issued_by;
use crate::counters::Counters;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use gbcs::asn1::*;
use gbcs::certificate::{Certificate, Role as AnyRole};
use gbcs::crypto::Crypto;
use gbcs::{Counter, Eui64};

/// The last counter of an update of credentials, by authorising role.
pub type Updates = BTreeMap<u8, u64>;

/// What a device holds of each role asked for.
pub fn held(anchors: &[TrustAnchor], updates: &Updates, request: &CredentialsRequest) -> Vec<RoleCredentials> {
    let of_role = |role: &AnyRole| {
        let own = |anchor: &&TrustAnchor| AnyRole::from(anchor.role) == *role;
        let cell = |anchor: &TrustAnchor| HeldCell {
            usage: anchor.usage.key_usage().into(),
            cell_usage: cell_usage(anchor),
            subject: anchor.eui,
            key: KeyIdentifier(anchor.key_id),
        };
        let cells: Vec<_> = anchors.iter().filter(own).map(cell).collect();
        let counter = updates.get(&role.number()).copied().unwrap_or(0);
        match cells.is_empty() {
            true => RoleCredentials::refused(*role, CellStatus::TrustAnchorNotFound),
            false => RoleCredentials::held(*role, Counter(counter), cells),
        }
    };
    request.roles.iter().map(of_role).collect()
}

fn cell_usage(anchor: &TrustAnchor) -> CellUsage {
    if anchor.prepayment { CellUsage::PrepaymentTopUp } else { CellUsage::Management }
}

/// Replace cells one by one; one that is refused does not stop the others. Counters of a party that was replaced start from the
/// floors that the Command names. Whoever keeps secrets agreed with the old keys forgets them now.
pub fn update<C: Crypto>(
    crypto: &C,
    anchors: &mut [TrustAnchor],
    counters: &mut Counters,
    updates: &mut Updates,
    by: Role,
    update: &CredentialsUpdate,
) -> UpdateOutcome {
    let control = &update.control;
    let cells: Vec<_> = update.replacements.iter().map(|new| replace(crypto, anchors, update, new)).collect();
    let replaced = |role: AnyRole| cells.iter().any(|o| o.cell.role == role && o.status == CellStatus::Success);
    let mut floors = Vec::new();
    // Fields 4 and 5 are about the party whose word it is, field 6 about others; a party that none names keeps its counters.
    let own = control.authorising.map_or(AnyRole::AccessControlBroker, |cell| cell.role);
    if control.floor.is_some() || control.specialist_floors.is_some() {
        let floor = control.floor.unwrap_or(control.counter);
        floors.push(PartyFloor { role: own, floor, specialist_floors: control.specialist_floors.clone() });
    }
    floors.extend(control.other_floors.iter().flatten().cloned());
    for party in floors.iter().filter(|party| replaced(party.role)) {
        let Some(role) = role_of(party.role) else { continue };
        counters.restart(role, party.floor);
        let top_up = party.specialist_floors.iter().flatten().find(|s| s.specialist == Specialist::PrepaymentTopUp);
        if let Some(top_up) = top_up {
            counters.utrns.restart(top_up.floor);
        }
    }
    updates.insert(by as u8, control.counter.0);
    UpdateOutcome { counter: control.counter, mode: control.mode, floors, cells }
}

/// Whose credentials a mode replaces, if it is those of one role.
fn replaced_role(mode: ReplacementMode) -> Option<AnyRole> {
    use ReplacementMode as Mode;
    Some(match mode {
        Mode::RootBySupplier | Mode::RootByWanProvider => AnyRole::Root,
        Mode::SupplierBySupplier | Mode::SupplierByTransCos => AnyRole::Supplier,
        Mode::NetworkOperatorByNetworkOperator => AnyRole::NetworkOperator,
        Mode::AcbByAcb => AnyRole::AccessControlBroker,
        Mode::WanProviderByWanProvider => AnyRole::WanProvider,
        Mode::TransCosByTransCos => AnyRole::TransitionalCos,
        Mode::LoadControllerByLoadController | Mode::LoadControllerBySupplier => AnyRole::LoadController,
        _ => return None,
    })
}

/// Whether a mode may replace cells of a role.
fn may_replace(mode: ReplacementMode, role: AnyRole) -> bool {
    match mode {
        ReplacementMode::AnyByContingency => true,
        ReplacementMode::AnyByRecovery => role != AnyRole::Root,
        _ => replaced_role(mode) == Some(role),
    }
}

fn role_of(role: AnyRole) -> Option<Role> {
    Role::from_number(role.number())
}

/// Replace one cell: what it held, what it holds, and how it went.
fn replace<C: Crypto>(
    crypto: &C,
    anchors: &mut [TrustAnchor],
    update: &CredentialsUpdate,
    replacement: &Replacement,
) -> CellOutcome {
    let cell = replacement.cell;
    let prepayment = cell.cell_usage == CellUsage::PrepaymentTopUp;
    let usage = cell.usage.usage().map(Usage::from);
    let fits = |anchor: &TrustAnchor| {
        AnyRole::from(anchor.role) == cell.role && Some(anchor.usage) == usage && anchor.prepayment == prepayment
    };
    let at = anchors.iter().position(fits);
    let old = at.map_or((Eui64([0; 8]), [0; 8]), |at| {
        let anchor = &anchors[at];
        (anchor.eui, anchor.key_id)
    });
    let anchor = match at {
        None => Err(CellStatus::TrustAnchorNotFound),
        Some(_) if !may_replace(update.control.mode, cell.role) => Err(CellStatus::OtherReason),
        Some(at) => accepted(crypto, anchors, update, replacement).map(|(eui, key, key_id)| (at, eui, key, key_id)),
    };
    let (status, new) = match anchor {
        Err(status) => (status, old),
        Ok((at, eui, key, key_id)) => {
            let anchor = &mut anchors[at];
            (anchor.eui, anchor.key, anchor.key_id) = (eui, key, key_id);
            (CellStatus::Success, (eui, key_id))
        }
    };
    CellOutcome {
        cell,
        status,
        old_subject: old.0,
        old_key: KeyIdentifier(old.1),
        new_subject: new.0,
        new_key: KeyIdentifier(new.1),
    }
}

/// What a certificate that is fit for its cell says: of whom, which key. A device that holds a root wants a path to it; one without
/// takes the authorising party's word.
fn accepted<C: Crypto>(
    crypto: &C,
    anchors: &[TrustAnchor],
    update: &CredentialsUpdate,
    replacement: &Replacement,
) -> Result<(Eui64, gbcs::crypto::PublicKey, [u8; 8]), CellStatus> {
    let certificate = replacement.certificate.read().map_err(|_| CellStatus::BadCertificate)?;
    let Certificate { entity, role, usage, point, key_identifier, .. } = &certificate;
    let root = replacement.cell.role == AnyRole::Root;
    let key = crypto.public_key(point).map_err(|_| CellStatus::BadCertificate)?;
    let cell = &replacement.cell;
    // A supplier may be its own load controller: a sample of CS02g puts its certificates into those cells.
    let supplier = cell.role == AnyRole::LoadController && *role == Some(AnyRole::Supplier);
    if Some(*usage) != cell.usage.usage() || !(root || supplier || *role == Some(cell.role)) {
        return Err(CellStatus::BadCertificate);
    }
    // A root certificate names no entity.
    let eui = if root { entity.unwrap_or(Eui64([0; 8])) } else { entity.ok_or(CellStatus::BadCertificate)? };
    let key_id = key_identifier.as_slice().try_into().map_err(|_| CellStatus::BadCertificate)?;
    let mut roots = anchors.iter().filter(|anchor| anchor.role == Role::Root).peekable();
    if roots.peek().is_some() && !root {
        let issued = roots.any(|root| {
            is_issued_by(crypto, replacement.certificate.octets(), &root.key)
                || update.path.iter().any(|issuer| {
                    is_issued_by(crypto, issuer.octets(), &root.key)
                        && issuer
                            .read()
                            .ok()
                            .and_then(|c| crypto.public_key(&c.point).ok())
                            .is_some_and(|key| is_issued_by(crypto, replacement.certificate.octets(), &key))
                })
        });
        if !issued {
            return Err(CellStatus::NoTrustAnchor);
        }
    }
    Ok((eui, key, key_id))
}
