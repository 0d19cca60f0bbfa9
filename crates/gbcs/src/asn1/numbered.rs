//! Numbers with names: modes, methods and statuses. Numbers without a name are kept.
use super::scalar::numbers;
use core::fmt;

macro_rules! numbered {
    ($($(#[$doc:meta])* $type:ident: $tag:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal $name:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $type {
            $($(#[$variant_doc])* $variant,)*
            /// Any other number, as it is.
            Other(u8),
        }

        impl $type {
            /// From its number.
            pub const fn from_number(number: u8) -> Self {
                match number {
                    $($number => Self::$variant,)*
                    other => Self::Other(other),
                }
            }

            /// Its number.
            pub const fn number(self) -> u8 {
                match self {
                    $(Self::$variant => $number,)*
                    Self::Other(number) => number,
                }
            }

            /// Its name, where it has one.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($name),)*
                    Self::Other(_) => None,
                }
            }

            /// The one of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        /// The name, or the number.
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => self.number().fmt(f),
                }
            }
        }

        numbers! { $type as u8: $tag, |value| value.number(), $type::from_number; }

        #[cfg(feature = "std")]
        crate::json::named_number! { $type }
    )*};
}

numbered! {
    /// Whose credentials a CS02b or CS02g Command replaces, and on whose word (GBCS 13.3).
    ReplacementMode: Integer {
        /// Root, by the supplier.
        RootBySupplier = 0 "root-by-supplier",
        /// Root, by the WAN provider.
        RootByWanProvider = 1 "root-by-wan-provider",
        /// Supplier, by a supplier.
        SupplierBySupplier = 2 "supplier-by-supplier",
        /// Network operator, by a network operator.
        NetworkOperatorByNetworkOperator = 3 "network-operator-by-network-operator",
        /// Access Control Broker, by itself.
        AcbByAcb = 4 "acb-by-acb",
        /// WAN provider, by itself.
        WanProviderByWanProvider = 5 "wan-provider-by-wan-provider",
        /// Transitional CoS party, by itself.
        TransCosByTransCos = 6 "trans-cos-by-trans-cos",
        /// Supplier, by the transitional CoS party.
        SupplierByTransCos = 7 "supplier-by-trans-cos",
        /// Anything but an abnormal root, by recovery.
        AnyByRecovery = 8 "any-by-recovery",
        /// Anything, by contingency.
        AnyByContingency = 9 "any-by-contingency",
        /// Load controller, by a load controller.
        LoadControllerByLoadController = 10 "load-controller-by-load-controller",
        /// Load controller, by the supplier.
        LoadControllerBySupplier = 11 "load-controller-by-supplier",
    }

    /// What a trust anchor cell's key agreement key is for.
    #[derive(Default)]
    CellUsage: Integer {
        /// Messages.
        #[default]
        Management = 0 "management",
        /// UTRNs: the supplier's prepayment key.
        PrepaymentTopUp = 1 "prepayment-top-up",
    }

    /// Which of a party's counters, besides the usual one.
    Specialist: Integer {
        /// UTRNs.
        PrepaymentTopUp = 0 "prepayment-top-up",
    }

    /// Whether validity periods count when a certificate path is validated.
    PathValidityChecks: Integer {
        /// They do.
        Apply = 0 "apply",
        /// They do not.
        Disapply = 1 "disapply",
    }

    /// What became of one trust anchor cell, or of a question for it.
    CellStatus: Enumerated {
        /// Done.
        Success = 0 "success",
        /// The certificate cannot be read.
        BadCertificate = 0x05 "bad-certificate",
        /// No trust anchor to validate against.
        NoTrustAnchor = 0x0A "no-trust-anchor",
        /// No memory left.
        InsufficientMemory = 0x11 "insufficient-memory",
        /// The device has no such cell.
        TrustAnchorNotFound = 0x19 "trust-anchor-not-found",
        /// Not now.
        ResourcesBusy = 0x1E "resources-busy",
        /// Something else.
        OtherReason = 0x7F "other",
    }

    /// Why a device made no certification request.
    IssueRefusal: Integer {
        /// Not a key usage of a device.
        BadKeyUsage = 1 "bad-key-usage",
        /// No key pair came of it.
        KeyGenerationFailed = 2 "key-generation-failed",
        /// No request came of it.
        RequestFailed = 3 "request-failed",
    }

    /// What a device did with its new certificate.
    CertificateUpdateStatus: Integer {
        /// Taken.
        Success = 0 "success",
        /// Not a certificate, or not valid.
        InvalidCertificate = 1 "invalid-certificate",
        /// It names another device.
        OtherDevice = 2 "other-device",
        /// Its key usage is none of a device.
        BadKeyUsage = 3 "bad-key-usage",
        /// No key pair waits for a certificate.
        NoKeyPairWaiting = 4 "no-key-pair-waiting",
        /// It certifies another key than the one that waits.
        OtherPublicKey = 5 "other-public-key",
        /// It could not be stored.
        StorageFailed = 6 "storage-failed",
        /// The private key could not be put into use.
        PrivateKeyChangeFailed = 7 "private-key-change-failed",
    }

    /// Why a device gave no certificate.
    ProvideRefusal: Integer {
        /// Not a key usage of a device.
        BadKeyUsage = 1 "bad-key-usage",
        /// It holds none.
        NoneHeld = 2 "none-held",
        /// It could not be read.
        RetrievalFailed = 3 "retrieval-failed",
    }

    /// How two devices get to share keys, and this one's part in it.
    JoinMethod: Integer {
        /// By method A, this device starts.
        AInitiator = 0 "a-initiator",
        /// By method A, the other device starts.
        AResponder = 1 "a-responder",
        /// Through the trust centre.
        B = 2 "b",
        /// By certificates of each other.
        C = 3 "c",
    }

    /// A kind of device on the HAN, as join messages number it.
    DeviceKind: Integer {
        /// Gas meter.
        Gsme = 0 "gsme",
        /// Electricity meter.
        Esme = 1 "esme",
        /// Communications Hub Function.
        Chf = 2 "chf",
        /// Gas Proxy Function.
        Gpf = 3 "gpf",
        /// Load control switch.
        Hcalcs = 4 "hcalcs",
        /// Prepayment interface.
        Ppmid = 5 "ppmid",
        /// A device that may only read.
        Type2 = 6 "type2",
    }

    /// What came of a join, or of restoring one entry.
    JoinStatus: Integer {
        /// Joined.
        Success = 0 "success",
        /// Message code, method and role do not go together.
        CodeMismatch = 1 "code-mismatch",
        /// Method and role do not go with this device.
        MethodMismatch = 2 "method-mismatch",
        /// The log has another entry for this device.
        ConflictingEntry = 3 "conflicting-entry",
        /// The log is full.
        LogFull = 4 "log-full",
        /// The log could not be written.
        WriteFailed = 5 "write-failed",
        /// Key agreement: the other device has no resources.
        AgreementNoResources = 6 "agreement-no-resources",
        /// Key agreement: unknown issuer.
        AgreementUnknownIssuer = 7 "agreement-unknown-issuer",
        /// Key agreement: unsupported suite.
        AgreementUnsupportedSuite = 8 "agreement-unsupported-suite",
        /// Key agreement: bad message.
        AgreementBadMessage = 9 "agreement-bad-message",
        /// Key agreement: bad confirmation.
        AgreementBadConfirm = 10 "agreement-bad-confirm",
        /// The other device's certificate is missing or invalid.
        BadCertificate = 11 "bad-certificate",
        /// No partner link key came.
        NoPartnerLinkKey = 12 "no-partner-link-key",
        /// The other device did not answer.
        NoAnswer = 13 "no-answer",
    }

    /// What came of an unjoin.
    UnjoinStatus: Integer {
        /// Removed.
        Success = 0 "success",
        /// The device log has no such device.
        NotInLog = 1 "not-in-log",
        /// Something else.
        OtherReason = 2 "other",
    }

    /// Whether a device gave its log.
    JoinDetailsStatus: Integer {
        /// It did.
        Success = 0 "success",
        /// It could not.
        Failed = 1 "failed",
    }

    /// What came of activating a firmware image.
    ActivationStatus: Integer {
        /// Activated.
        Success = 0 "success",
        /// No image waits.
        NoImage = 1 "no-image",
        /// The image that waits has another hash.
        HashMismatch = 2 "hash-mismatch",
        /// The activation failed.
        Failed = 3 "failed",
    }

    /// What came of an image for another device of the home.
    TransferStatus: Integer {
        /// Transferred.
        Success = 0 "success",
        /// Discarded.
        Discarded = 1 "discarded",
        /// It is for other hardware.
        HardwareMismatch = 2 "hardware-mismatch",
        /// The transfer failed.
        Failed = 3 "failed",
    }

    /// How far a device trusts its clock.
    ClockStatus: Integer {
        /// Reliable.
        Reliable = 0 "reliable",
        /// Not set.
        Invalid = 1 "invalid",
        /// Set, but not to be relied on.
        Unreliable = 2 "unreliable",
    }
}

impl CellUsage {
    /// Of messages, which is not written.
    pub fn is_management(&self) -> bool {
        *self == Self::Management
    }
}
