//! ASN.1 payloads, each with a use case and kind of message that has it.
use gbcs::asn1::*;
use gbcs::certificate::Role;
use gbcs::{Counter, Cra, Eui64, MessageCode, Time, der};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Any payload, and a message that may carry it.
pub fn payload() -> impl Strategy<Value = (MessageCode, Cra, Payload)> {
    (content(), any::<bool>()).prop_map(|((code, cra, content), long)| {
        let payload = Payload::from(content);
        (MessageCode(code), cra, if long { payload.with_long_lengths() } else { payload })
    })
}

type Carried = (u16, Cra, Content);

fn content() -> impl Strategy<Value = Carried> {
    use Cra::{Alert, Command, Response};
    fn of<T: core::fmt::Debug + 'static>(
        codes: &'static [u16],
        cra: Cra,
        values: impl Strategy<Value = T> + 'static,
        content: fn(T) -> Content,
    ) -> BoxedStrategy<Carried> {
        (prop::sample::select(codes), values).prop_map(move |(code, value)| (code, cra, content(value))).boxed()
    }
    let updates: &[u16] = &[0x100, 0x101, 0x102, 0x103, 0x104, 0x105, 0x106, 0x107, 0x108, 0x109, 0x125, 0x126];
    let joins: &[u16] = &[0x0D, 0x0E, 0xAB, 0xAF];
    let usage = || usages().prop_map(|usage| UsageRequest { usage });
    let log = || vec(entry(), 0..12);
    prop_oneof![
        of(&[0x08, 0x11B], Command, (cell(), vec(role(), 0..4)), |(requester, roles)| {
            Content::RequestCredentials(CredentialsRequest { requester, roles })
        }),
        of(&[0x08, 0x11B], Response, vec(role_credentials(), 0..5), Content::Credentials),
        of(updates, Command, update(), |update| Content::UpdateCredentials(Box::new(update))),
        of(updates, Response, Just(()), |()| Content::CredentialsUpdateAccepted),
        of(updates, Response, outcome(), Content::CredentialsUpdated),
        of(&[0xCB, 0x124], Alert, (any::<u16>(), time(), outcome()), |(code, time, outcome)| {
            Content::CredentialsUpdateAlert(UpdateAlert { code, time, outcome })
        }),
        of(&[0x0A], Command, usage(), Content::IssueCredentials),
        of(&[0x0A], Response, signed(), |octets| {
            Content::CertificationRequest(CertificationRequest::new(octets).unwrap())
        }),
        of(&[0x0A], Response, any::<u8>(), |n| Content::IssueRefused(IssueRefusal::from_number(n))),
        of(&[0x0B], Command, certificate(), Content::Certificate),
        of(&[0x0B], Response, any::<u8>(), |n| Content::CertificateUpdated(CertificateUpdateStatus::from_number(n))),
        of(&[0x0C], Command, usage(), Content::ProvideCertificate),
        of(&[0x0C], Response, certificate(), Content::Certificate),
        of(&[0x0C], Response, any::<u8>(), |n| Content::ProvideRefused(ProvideRefusal::from_number(n))),
        of(joins, Command, (any::<u8>(), entry(), option::of(certificate())), |(method, entry, certificate)| {
            let method = JoinMethod::from_number(method);
            Content::Join(Join { certificate, ..Join::new(method, entry.device, entry.kind) })
        }),
        of(joins, Response, any::<u8>(), |n| Content::Joined(JoinStatus::from_number(n))),
        of(&[0x0F, 0x10], Command, eui(), Content::Unjoin),
        of(&[0x0F, 0x10], Response, any::<u8>(), |n| Content::Unjoined(UnjoinStatus::from_number(n))),
        of(&[0x12], Command, (any::<[u8; 32]>(), counter(), option::of(time())), |(hash, counter, execution)| {
            Content::ActivateFirmware(ActivateFirmware { hash: ImageHash(hash), counter, execution })
        }),
        of(&[0x12], Response, Just(()), |()| Content::ActivationAccepted),
        of(&[0x12], Response, activation(), Content::FirmwareActivated),
        of(&[0xCA], Alert, (any::<u16>(), time(), counter(), activation()), |(code, time, counter, outcome)| {
            Content::ActivationAlert(ActivationAlert { code, time, counter, outcome })
        }),
        of(&[0x13], Command, Just(()), |()| Content::ReadJoinDetails),
        of(&[0x13], Response, log(), |log| Content::JoinDetails(JoinDetails::of(log))),
        of(&[0x13], Response, any::<u8>(), |n| {
            Content::JoinDetails(JoinDetails { status: JoinDetailsStatus::from_number(n), log: None })
        }),
        of(&[0x129], Command, Just(()), |()| Content::ReadFirmwareVersion),
        of(&[0x129], Response, activation(), |activation| {
            Content::FirmwareReport(FirmwareReport { version: activation.version, status: activation.status })
        }),
        of(&[0x12B], Alert, (any::<u16>(), time(), activation()), |(code, time, activation)| {
            let ActivationOutcome { version, status } = activation;
            Content::FirmwareAlert(FirmwareAlert { code, time, version, status })
        }),
        of(&[0x128], Alert, (any::<u16>(), time(), eui(), any::<([u8; 4], u8)>()), |(code, time, device, (v, n))| {
            let (version, status) = (FirmwareVersion(v), TransferStatus::from_number(n));
            Content::TransferAlert(TransferAlert { code, time, device, version, status })
        }),
        of(&[0x7F], Command, (time(), time()), |(from, to)| Content::SetClock(SetClock { from, to })),
        of(&[0x7F], Response, (time(), any::<u8>()), |(time, n)| {
            Content::ClockReport(ClockReport { time, status: ClockStatus::from_number(n) })
        }),
        of(&[0x8C], Command, log(), |entries| Content::RestoreDeviceLog(DeviceLog { entries })),
        of(&[0x8C], Response, vec((entry(), any::<u8>()), 0..9), |outcomes| {
            let outcome = |(entry, n)| EntryOutcome { entry, status: JoinStatus::from_number(n) };
            Content::DeviceLogRestored(DeviceLogRestored { outcomes: outcomes.into_iter().map(outcome).collect() })
        }),
        of(&[0xB2], Alert, (any::<u16>(), time(), log()), |(code, time, entries)| {
            Content::DeviceLogAlert(DeviceLogAlert { code, time, entries })
        }),
    ]
}

fn eui() -> impl Strategy<Value = Eui64> {
    any::<u64>().prop_map(Eui64::from_u64)
}

fn counter() -> impl Strategy<Value = Counter> {
    prop_oneof![0u64..300, any::<u64>()].prop_map(Counter)
}

fn role() -> impl Strategy<Value = Role> {
    any::<u8>().prop_map(Role::from_number)
}

fn usages() -> impl Strategy<Value = KeyUsages> {
    prop_oneof![Just(KeyUsages::DIGITAL_SIGNATURE), Just(KeyUsages::KEY_AGREEMENT), any::<u16>().prop_map(KeyUsages)]
}

fn cell_usage() -> impl Strategy<Value = CellUsage> {
    (0u8..4).prop_map(CellUsage::from_number)
}

fn time() -> impl Strategy<Value = DateTime> {
    prop_oneof![(0u64..300_000_000_000).prop_map(|s| DateTime::new(Time::from_seconds(s))), Just(DateTime::NEVER)]
}

fn cell() -> impl Strategy<Value = Cell> {
    (role(), usages(), cell_usage()).prop_map(|(role, usage, cell_usage)| Cell { role, usage, cell_usage })
}

fn key() -> impl Strategy<Value = KeyIdentifier> {
    any::<[u8; 8]>().prop_map(KeyIdentifier)
}

fn role_credentials() -> impl Strategy<Value = RoleCredentials> {
    let cell = (usages(), cell_usage(), eui(), key()).prop_map(|(usage, cell_usage, subject, key)| HeldCell {
        usage,
        cell_usage,
        subject,
        key,
    });
    prop_oneof![
        (role(), counter(), vec(cell, 0..4))
            .prop_map(|(role, counter, cells)| RoleCredentials::held(role, counter, cells)),
        (role(), any::<u8>()).prop_map(|(role, n)| RoleCredentials::refused(role, CellStatus::from_number(n))),
    ]
}

fn specialist_floors() -> impl Strategy<Value = Vec<SpecialistFloor>> {
    let floor = (any::<u8>(), counter())
        .prop_map(|(n, floor)| SpecialistFloor { specialist: Specialist::from_number(n), floor });
    vec(floor, 0..3)
}

fn party_floor() -> impl Strategy<Value = PartyFloor> {
    (role(), counter(), option::of(specialist_floors())).prop_map(|(role, floor, specialist_floors)| PartyFloor {
        role,
        floor,
        specialist_floors,
    })
}

fn update() -> impl Strategy<Value = CredentialsUpdate> {
    let control = (
        any::<u8>().prop_map(ReplacementMode::from_number),
        option::of(vec(any::<u8>(), 0..40).prop_map(SymmetricKey::new)),
        option::of(any::<u8>().prop_map(PathValidityChecks::from_number)),
        option::of(cell()),
        counter(),
        option::of(counter()),
        option::of(specialist_floors()),
        option::of(vec(party_floor(), 0..4)),
    );
    let control =
        control.prop_map(|(mode, key, checks, authorising, counter, floor, specialist_floors, others)| UpdateControl {
            symmetric_key: key,
            path_validity_checks: checks,
            floor,
            specialist_floors,
            other_floors: others,
            ..UpdateControl::new(mode, authorising, counter)
        });
    let replacement = (certificate(), cell()).prop_map(|(certificate, cell)| Replacement { certificate, cell });
    (control, vec(replacement, 0..3), vec(certificate(), 0..2), option::of(time())).prop_map(
        |(control, replacements, path, execution)| CredentialsUpdate {
            execution,
            ..CredentialsUpdate::new(control, replacements, path)
        },
    )
}

fn outcome() -> impl Strategy<Value = UpdateOutcome> {
    let cell = (cell(), any::<u8>(), [eui(), eui()], [key(), key()]).prop_map(
        |(cell, n, [old_subject, new_subject], [old_key, new_key])| CellOutcome {
            cell,
            status: CellStatus::from_number(n),
            old_subject,
            old_key,
            new_subject,
            new_key,
        },
    );
    (counter(), any::<u8>(), vec(party_floor(), 0..4), vec(cell, 0..5)).prop_map(|(counter, n, floors, cells)| {
        UpdateOutcome { counter, mode: ReplacementMode::from_number(n), floors, cells }
    })
}

fn activation() -> impl Strategy<Value = ActivationOutcome> {
    (any::<[u8; 4]>(), any::<u8>()).prop_map(|(version, n)| ActivationOutcome {
        status: ActivationStatus::from_number(n),
        version: FirmwareVersion(version),
    })
}

fn entry() -> impl Strategy<Value = LogEntry> {
    (eui(), any::<u8>()).prop_map(|(device, n)| LogEntry { device, kind: DeviceKind::from_number(n) })
}

fn certificate() -> impl Strategy<Value = CertificateDer> {
    signed().prop_map(|octets| CertificateDer::new(octets).unwrap())
}

/// In shape a certificate or a request for one.
fn signed() -> impl Strategy<Value = Vec<u8>> {
    let sequence = |elements: Vec<der::Value>| der::Value::constructed(der::tag::SEQUENCE, elements).unwrap();
    let signed = vec(super::der_value(), 0..4);
    let algorithm = vec(super::der_value(), 0..2);
    (signed, algorithm, vec(any::<u8>(), 1..80)).prop_map(move |(signed, algorithm, signature)| {
        // Lists in it may be padded, which no DER is.
        let parts = [signed, algorithm].map(|list| sequence(list).with_shortest_lengths());
        let [signed, algorithm] = parts;
        let signature = der::Value::primitive(der::tag::BIT_STRING, signature).unwrap();
        sequence([signed, algorithm, signature].into()).encode()
    })
}
