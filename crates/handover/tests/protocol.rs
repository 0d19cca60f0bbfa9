//! The messages as their two ends see them.
use gbcs::crypto::{Crypto, PrivateKey, PublicKey, RustCrypto};
use gbcs::{Counter, Cra, Eui64, GroupingHeader, Message, MessageCode, MessageId, Time};
use handover::{
    Answer, Checks, DeliveryId, Error, Hello, Nonce, NonceStanding, Reason, Receipt, Release, SealedRelease, Stage,
    UPWARD_LABEL, Upward, Warrant,
};
use proptest::prelude::*;

const PPMID: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A4);
const HEAD_END: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_0000);
const METER: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A0);

fn key(n: u8) -> PrivateKey {
    RustCrypto.private_key(&[n; 32]).unwrap()
}

/// The PPMID signs with key 1, the head end with key 2; nobody else is known.
fn key_of(signer: Eui64) -> Option<PublicKey> {
    match signer {
        PPMID => Some(*key(1).public()),
        HEAD_END => Some(*key(2).public()),
        _ => None,
    }
}

fn command(cra: Cra) -> Vec<u8> {
    let id = MessageId { originator: HEAD_END, target: METER, cra, counter: Counter(1000) };
    Message::plain(GroupingHeader::new(id, MessageCode(0x0019)), vec![0xD9, 0x20, 0, 0, 0, 0, 0, 0]).encode()
}

fn release() -> Release {
    let command = command(Cra::Command);
    let warrant = Warrant {
        delivery: DeliveryId([7; 16]),
        attempt: 1,
        command_hash: RustCrypto.sha256(&[&command]),
        target: METER,
        code: MessageCode(0x0019),
        ppmid: PPMID,
        nonce: Nonce([9; 16]),
        not_after: Time(2_000),
    };
    Release { head_end: HEAD_END, warrant, command }
}

fn checks() -> Checks {
    Checks { ppmid: PPMID, now: Time(1_000), nonce: NonceStanding::Fresh, max_command: 1500 }
}

fn check(release: &Release, checks: Checks) -> Result<gbcs::Route, Reason> {
    release.warrant.check(&release.command, &RustCrypto, &checks)
}

#[test]
fn a_release_in_order_is_allowed_up_to_its_last_moment() {
    let release = release();
    let route = check(&release, checks()).unwrap();
    assert_eq!((route.id.target, route.code), (METER, MessageCode(0x0019)));
    assert!(check(&release, Checks { now: Time(2_000), ..checks() }).is_ok());
    assert_eq!(check(&release, Checks { now: Time(2_001), ..checks() }), Err(Reason::Expired));
}

#[test]
fn each_fault_of_a_release_has_its_own_reason() {
    let with = |change: &dyn Fn(&mut Release), checks: Checks| {
        let mut release = release();
        change(&mut release);
        check(&release, checks).unwrap_err()
    };
    let command_of = |octets: Vec<u8>| {
        move |release: &mut Release| {
            release.warrant.command_hash = RustCrypto.sha256(&[&octets]);
            release.command = octets.clone();
        }
    };
    let unchanged = |_: &mut Release| {};
    assert_eq!(with(&|r| r.warrant.ppmid = METER, checks()), Reason::NotThisCarrier);
    for (nonce, reason) in [
        (NonceStanding::Unknown, Reason::UnknownNonce),
        (NonceStanding::Stale, Reason::StaleNonce),
        (NonceStanding::Used, Reason::UsedNonce),
    ] {
        assert_eq!(with(&unchanged, Checks { nonce, ..checks() }), reason);
    }
    let len = command(Cra::Command).len();
    assert_eq!(with(&unchanged, Checks { max_command: len - 1, ..checks() }), Reason::TooLong);
    assert_eq!(with(&|r| r.command[40] ^= 1, checks()), Reason::CommandChanged);
    assert_eq!(with(&command_of(vec![0xDF, 1, 2]), checks()), Reason::NotACommand);
    assert_eq!(with(&command_of(vec![]), checks()), Reason::NotACommand);
    assert_eq!(with(&command_of(command(Cra::Response)), checks()), Reason::NotACommand);
    assert_eq!(with(&command_of(command(Cra::Alert)), checks()), Reason::NotACommand);
    assert_eq!(with(&|r| r.warrant.target = PPMID, checks()), Reason::WrongTarget);
    assert_eq!(with(&|r| r.warrant.code = MessageCode(0x001A), checks()), Reason::WrongCode);
}

#[test]
fn a_warrant_by_another_key_or_for_another_purpose_does_not_open() {
    let release = release();
    let by_ppmid = release.seal(&RustCrypto, &key(1)).unwrap();
    assert_eq!(Release::open(&by_ppmid, &RustCrypto, key_of), Err(Error::BadSignature(HEAD_END)));
    let stranger = Release { head_end: METER, ..release.clone() }.seal(&RustCrypto, &key(2)).unwrap();
    assert_eq!(Release::open(&stranger, &RustCrypto, key_of), Err(Error::UnknownSigner(METER)));
    assert_eq!(SealedRelease::parse(&by_ppmid).unwrap().claimed(), &release.warrant);
    // The direction is signed too: what is valid downward says nothing upward, even with one key for both.
    let hello = hello().seal(&RustCrypto, &key(1)).unwrap();
    assert!(Release::open(&hello, &RustCrypto, key_of).is_err());
}

#[test]
fn another_carriers_key_identifier_does_not_verify() {
    let mut sealed = hello().seal(&RustCrypto, &key(1)).unwrap();
    let kid = sealed.windows(8).position(|octets| octets == PPMID.0).unwrap();
    sealed[kid..kid + 8].copy_from_slice(&HEAD_END.0);
    assert_eq!(Upward::open(&sealed, &RustCrypto, key_of), Err(Error::BadSignature(HEAD_END)));
}

#[test]
fn an_oversized_message_is_refused_before_it_is_read() {
    assert_eq!(Upward::open(&[0; 65_537], &RustCrypto, key_of), Err(Error::TooLong(65_537)));
    let long = Release { command: vec![0; 65_536], ..release() }.seal(&RustCrypto, &key(2)).unwrap();
    assert_eq!(Release::open(&long, &RustCrypto, key_of), Err(Error::TooLong(long.len())));
}

/// Other CBOR for the same meaning, signed by the right key: refused all the same.
#[test]
fn only_the_deterministic_encoding_is_a_message() {
    let payload = hex::decode("8201a301500909090909090909090909090909090902190bb80380").unwrap();
    let variants = [
        ("an unknown key", "8201a401500909090909090909090909090909090902190bb803800400"),
        ("keys out of order", "8201a302190bb8015009090909090909090909090909090909 0380"),
        (
            "a repeated key",
            "8201a40150090909090909090909090909090909090150090909090909090909090909090909 0902190bb80380",
        ),
        ("an indefinite map", "8201bf01500909090909090909090909090909090902190bb80380ff"),
        ("an indefinite array", "8201a301500909090909090909090909090909090902190bb8039fff"),
        ("a long integer", "8201a3015009090909090909090909090909090909021a00000bb80380"),
        ("octets left over", "8201a301500909090909090909090909090909090902190bb8038000"),
    ];
    let open = |payload: &[u8]| Upward::open(&coset_seal(payload), &RustCrypto, key_of);
    assert_eq!(open(&payload), Ok(Upward::Hello(Hello { open: vec![], ..hello() })));
    for (what, variant) in variants {
        let variant = hex::decode(variant.replace(' ', "")).unwrap();
        assert_eq!(open(&variant), Err(Error::NotDeterministic), "{what}");
    }
    assert!(matches!(open(&payload[..payload.len() - 1]), Err(Error::Malformed { .. })));
}

/// A COSE_Sign1 by the PPMID, made by another implementation.
fn coset_seal(payload: &[u8]) -> Vec<u8> {
    use coset::{CborSerializable, TaggedCborSerializable, iana};
    let protected = coset::HeaderBuilder::new().algorithm(iana::Algorithm::ES256).key_id(PPMID.0.to_vec()).build();
    let sign1 = coset::CoseSign1Builder::new()
        .protected(protected)
        .payload(payload.to_vec())
        .create_signature(UPWARD_LABEL, |data| RustCrypto.sign(&key(1), data).unwrap().0.to_vec())
        .build();
    assert!(sign1.clone().to_vec().is_ok());
    sign1.to_tagged_vec().unwrap()
}

#[test]
fn another_implementation_of_cose_makes_the_same_octets_and_verifies_ours() {
    use coset::TaggedCborSerializable;
    let ours = hello().seal(&RustCrypto, &key(1)).unwrap();
    let sign1 = coset::CoseSign1::from_tagged_slice(&ours).unwrap();
    sign1
        .verify_signature(UPWARD_LABEL, |signature, data| {
            RustCrypto.verify(key(1).public(), data, &gbcs::crypto::Signature(signature.try_into().unwrap()))
        })
        .unwrap();
    // RustCrypto signs deterministically (RFC 6979), so the whole message is comparable.
    assert_eq!(coset_seal(sign1.payload.as_ref().unwrap()), ours);
}

fn hello() -> Hello {
    Hello {
        ppmid: PPMID,
        nonce: Nonce([9; 16]),
        time: Time(3_000),
        open: vec![DeliveryId([1; 16]), DeliveryId([2; 16])],
    }
}

fn any_stage() -> impl Strategy<Value = Stage> {
    prop_oneof![
        Just(Stage::Held),
        Just(Stage::OnHan),
        any::<u16>().prop_map(|number| Stage::Refused(Reason::from_number(number)))
    ]
}

fn any_upward() -> impl Strategy<Value = Upward> {
    let ids = || any::<[u8; 16]>();
    prop_oneof![
        (ids(), any::<u64>(), prop::collection::vec(ids().prop_map(DeliveryId), 0..5)).prop_map(
            |(nonce, time, open)| {
                Upward::Hello(Hello { ppmid: PPMID, nonce: Nonce(nonce), time: Time(time), open })
            }
        ),
        (ids(), any::<u32>(), any::<[u8; 32]>(), any_stage(), any::<[u64; 2]>(), ids()).prop_map(
            |(delivery, attempt, command_hash, stage, [at, time], nonce)| {
                Upward::Receipt(Receipt {
                    ppmid: PPMID,
                    delivery: DeliveryId(delivery),
                    attempt,
                    command_hash,
                    stage,
                    at: Time(at),
                    time: Time(time),
                    nonce: Nonce(nonce),
                })
            }
        ),
        (ids(), any::<[u8; 32]>(), prop::collection::vec(any::<u8>(), 0..300), any::<u64>()).prop_map(
            |(delivery, command_hash, response, time)| {
                Upward::Answer(Answer {
                    ppmid: PPMID,
                    delivery: DeliveryId(delivery),
                    command_hash,
                    response,
                    time: Time(time),
                })
            }
        ),
    ]
}

fn any_release() -> impl Strategy<Value = Release> {
    let warrant =
        (any::<[u8; 16]>(), any::<u32>(), any::<[u8; 32]>(), any::<[u64; 3]>(), any::<u16>(), any::<[u8; 16]>());
    (warrant, prop::collection::vec(any::<u8>(), 0..300)).prop_map(
        |((delivery, attempt, command_hash, [target, ppmid, not_after], code, nonce), command)| Release {
            head_end: HEAD_END,
            warrant: Warrant {
                delivery: DeliveryId(delivery),
                attempt,
                command_hash,
                target: Eui64::from_u64(target),
                code: MessageCode(code),
                ppmid: Eui64::from_u64(ppmid),
                nonce: Nonce(nonce),
                not_after: Time(not_after),
            },
            command,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn what_a_carrier_seals_opens_as_it_was(message in any_upward()) {
        let sealed = message.seal(&RustCrypto, &key(1)).unwrap();
        prop_assert_eq!(Upward::open(&sealed, &RustCrypto, key_of), Ok(message));
    }

    #[test]
    fn what_a_head_end_seals_opens_as_it_was(release in any_release()) {
        let sealed = release.seal(&RustCrypto, &key(2)).unwrap();
        prop_assert_eq!(Release::open(&sealed, &RustCrypto, key_of), Ok(release));
    }

    #[test]
    fn any_changed_octet_of_a_carriers_message_is_refused(
        message in any_upward(), at in any::<prop::sample::Index>(), change in 1u8..,
    ) {
        let mut sealed = message.seal(&RustCrypto, &key(1)).unwrap();
        let at = at.index(sealed.len());
        sealed[at] ^= change;
        prop_assert!(Upward::open(&sealed, &RustCrypto, key_of).is_err(), "octet {}", at);
    }

    #[test]
    fn any_changed_octet_of_a_release_is_refused(at in any::<prop::sample::Index>(), change in 1u8..) {
        let mut sealed = release().seal(&RustCrypto, &key(2)).unwrap();
        let at = at.index(sealed.len());
        sealed[at] ^= change;
        if let Ok(opened) = Release::open(&sealed, &RustCrypto, key_of) {
            prop_assert_eq!(check(&opened, checks()), Err(Reason::CommandChanged), "octet {}", at);
        }
    }

    #[test]
    fn a_cut_message_is_refused(message in any_upward(), at in any::<prop::sample::Index>()) {
        let sealed = message.seal(&RustCrypto, &key(1)).unwrap();
        prop_assert!(Upward::open(&sealed[..at.index(sealed.len())], &RustCrypto, key_of).is_err());
    }
}

proptest! {
    #[test]
    fn arbitrary_octets_never_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Upward::open(&octets, &RustCrypto, key_of).is_err());
        prop_assert!(Release::open(&octets, &RustCrypto, key_of).is_err());
    }

    /// The payload is only read once it is authentic, but authentic does not mean sane.
    #[test]
    fn arbitrary_signed_octets_never_panic(octets in prop::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(message) = Upward::open(&coset_seal(&octets), &RustCrypto, key_of) {
            prop_assert_eq!(message.ppmid(), PPMID);
        }
    }
}
