//! SRV 6.15, 6.17, 6.21, 6.23, 6.24, 8.5: whose certificates a device holds.
use gbcs::Time;

use super::customer::Mpxn;
use crate::time::Execution;
use crate::xml::List;
use crate::xml::content::{enumeration, sequence};
use crate::xml::value::Within;

/// A certificate, DER.
pub type Certificate = Vec<u8>;
/// A counter floor, up to 2^63 - 1.
pub type Floor = Within<0, 0x7FFF_FFFF_FFFF_FFFF>;

sequence! {
    /// SRV 6.15.1: other certificates of a remote party.
    UpdateKrp {
        /// When.
        execution: Execution,
        role: RemotePartyRole = "RemotePartyRole",
        floor: Option<Floor> = "RemotePartyFloorSeqNumber",
        top_up_floor: Option<Floor> = "RemotePartyPrepaymentTopUpFloorSeqNumber",
        replacements: KrpReplacements = "ReplacementCertificates",
        path: PathCertificates = "CertificationPathCertificates",
        apply_time_checks: bool = "ApplyTimeBasedCPVChecks",
    }

    /// The element around the certificates of 6.15.1.
    KrpReplacements {
        certificates: KrpCertificates = "SupplierOrNetworkOperatorCertificates",
    }

    /// Certificates of a party that replaces its own.
    KrpCertificates {
        signing: Option<Certificate> = "DigitalSigningCertificate",
        agreement: Option<Certificate> = "KeyAgreementCertificate",
        top_up: Option<Certificate> = "KeyAgreementTopUpCertificate",
    }

    /// Certificates of a party that takes over.
    PartyCertificates {
        signing: Certificate = "DigitalSigningCertificate",
        agreement: Option<Certificate> = "KeyAgreementCertificate",
        top_up: Option<Certificate> = "KeyAgreementTopUpCertificate",
    }

    /// Certificates of an Access Control Broker.
    BrokerCertificates {
        signing: Option<Certificate> = "DigitalSigningCertificate",
        agreement: Certificate = "KeyAgreementCertificate",
    }

    /// Certificates from the replacement up to the root.
    PathCertificates {
        certificates: List<Certificate, 1, 3> = "Certificate",
    }

    /// SRV 6.15.2: a new certificate of the device itself.
    UpdateDeviceCertificate {
        certificate: Certificate = "DeviceCertificate",
    }

    /// SRV 6.17, 6.24.2: which of a device's key pairs.
    DeviceCredential {
        credential: CredentialType = "CredentialType",
    }

    /// SRV 6.21: a device of the DCC becomes that of a supplier or network operator.
    Handover {
        /// When the DCC sends it.
        execution: Execution,
        role: RemotePartyRole = "RemotePartyRole",
        floor: Option<Floor> = "RemotePartyFloorSeqNumber",
        top_up_floor: Option<Floor> = "RemotePartyPrepaymentTopUpFloorSeqNumber",
        replacements: PartyCertificates = "ReplacementCertificates",
        path: PathCertificates = "CertificationPathCertificates",
        apply_time_checks: bool = "ApplyTimeBasedCPVChecks",
    }

    /// SRV 6.23: change of supplier.
    ChangeOfSupplier {
        /// When.
        execution: Execution,
        floor: Floor = "SupplierFloorSeqNumber",
        top_up_floor: Option<Floor> = "SupplierPrepaymentTopUpFloorSeqNumber",
        replacements: PartyCertificates = "SupplierReplacementCertificates",
        path: PathCertificates = "CertificationPathCertificates",
        apply_time_checks: bool = "ApplyTimeBasedCPVChecks",
        import_mpxn: Mpxn = "ImportMPxN",
    }

    /// SRV 8.5: a device leaves the DCC.
    ServiceOptOut {
        when: Time = "ExecutionDateTime",
        floor: Floor = "ACBFloorSeqNumber",
        replacements: BrokerCertificates = "ReplacementCertificates",
        path: PathCertificates = "CertificationPathCertificates",
        apply_time_checks: bool = "ApplyTimeBasedCPVChecks",
    }

    /// SRV 6.24.1: whose credentials to tell.
    RetrieveKrp {
        roles: List<RemotePartyRole, 1, 7> = "RemotePartyRole",
    }
}

enumeration! {
    /// A role that a device holds credentials of.
    RemotePartyRole {
        Acb = "ACB",
        NetworkOperator = "NetworkOperator",
        Recovery = "Recovery",
        Root = "Root",
        Supplier = "Supplier",
        TransCos = "TransCoS",
        LoadController = "LoadController",
    }

    /// A key pair of a device.
    CredentialType {
        Signing = "Digital Signature",
        Agreement = "Key Agreement",
    }
}
