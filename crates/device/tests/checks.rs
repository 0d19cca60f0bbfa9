//! The checks of a Command, in their order, for a device of each kind that executes everything the catalogue has for it.
use device::check::{Abilities, Authentic, Fault, Rules, authenticate};
use device::counters::Rule;
use device::{Counters, Known, Role, Secrets, TrustAnchor, Usage};
use gbcs::catalogue::{self, DeviceType};
use gbcs::crypto::{Crypto, PrivateKey, RustCrypto};
use gbcs::envelope::GroupingHeader;
use gbcs::{Counter, Cra, Eui64, Message, MessageCode, MessageId, MessageView, protect};
use proptest::prelude::*;

const DEVICE: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A3);
const ACB: Eui64 = Eui64::from_u64(0x90B3_D51F_3000_0002);
const SUPPLIER: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_0000);
const NETWORK: Eui64 = Eui64::from_u64(0x90B3_D51F_3002_0000);
const STRANGER: Eui64 = Eui64::from_u64(0x90B3_D51F_3099_0000);
/// CS02b, a supplier by itself; CS02a; CS02b, the ACB by itself.
const SUPPLIER_BY_SUPPLIER: u16 = 0x0102;
const HELD: u16 = 0x0008;
const ACB_BY_ACB: u16 = 0x0104;

fn key(n: u8) -> PrivateKey {
    RustCrypto.private_key(&[n; 32]).unwrap()
}

fn anchors() -> Vec<TrustAnchor> {
    let anchor = |role, usage, eui, n| {
        let (prepayment, key_id) = (false, [n; 8]);
        TrustAnchor { role, usage, prepayment, eui, key: *key(n).public(), key_id }
    };
    vec![
        anchor(Role::AccessControlBroker, Usage::KeyAgreement, ACB, 1),
        anchor(Role::Supplier, Usage::DigitalSignature, SUPPLIER, 2),
        anchor(Role::Supplier, Usage::KeyAgreement, SUPPLIER, 3),
        // Known, and without a key to verify its signatures with.
        anchor(Role::NetworkOperator, Usage::KeyAgreement, NETWORK, 4),
    ]
}

fn check<'a>(counters: &Counters, octets: &'a [u8]) -> Result<Authentic<'a>, Fault> {
    let anchors = anchors();
    let known = Known { device: DEVICE, acb: ACB, ppmid: None, anchors: &anchors };
    // It has no logs.
    let abilities =
        Abilities { device: DeviceType::Gpf, executes: &|rules| rules.use_case.code != MessageCode(0x008D) };
    authenticate(&RustCrypto, &key(9), &known, &mut Secrets::default(), counters, abilities, octets)
}

#[derive(Clone, Copy)]
struct Asked {
    by: Eui64,
    of: Eui64,
    cra: Cra,
    code: u16,
    counter: u64,
    /// By whose key.
    signed: Option<u8>,
    maced: bool,
}

impl Asked {
    /// A critical Command of the supplier's.
    const GOOD: Self = Self {
        by: SUPPLIER,
        of: DEVICE,
        cra: Cra::Command,
        code: SUPPLIER_BY_SUPPLIER,
        counter: 5,
        signed: Some(2),
        maced: true,
    };

    fn octets(self) -> Vec<u8> {
        let id = MessageId { originator: self.by, target: self.of, cra: self.cra, counter: Counter(self.counter) };
        let plain = Message::plain(GroupingHeader::new(id, MessageCode(self.code)), vec![0x30, 0]).encode();
        let signed = self.signed.map_or(plain.clone(), |n| protect::sign(&RustCrypto, &key(n), &plain).unwrap());
        let z = RustCrypto.agree(&key(1), key(9).public()).unwrap();
        if self.maced { protect::add_mac(&RustCrypto, &z, &signed).unwrap() } else { signed }
    }
}

#[test]
fn each_check_refuses_by_its_name_and_the_first_that_fails_is_told() {
    use Fault::*;
    let good = Asked::GOOD;
    let read = Asked { by: ACB, code: HELD, signed: None, ..good };
    let mut counters = Counters::default();
    let code = MessageCode(SUPPLIER_BY_SUPPLIER);
    assert!(check(&counters, &good.octets()).is_ok());
    counters.record(Rule::FutureDated, Role::Supplier, code, Counter(5));
    let replayed = Replayed { stored: Counter(5), found: Counter(5) };
    let good = Asked { counter: 6, ..good };
    let (unauthorised, unknown) = (MessageCode(ACB_BY_ACB), MessageCode(0x001A));
    let mut bad_mac = good.octets();
    *bad_mac.last_mut().unwrap() ^= 1;
    for (octets, fault) in [
        (Asked { of: STRANGER, by: STRANGER, ..good }.octets(), NotForUs(STRANGER)),
        (Asked { cra: Cra::Response, code: 0x001A, ..good }.octets(), NotACommand(Cra::Response)),
        (Asked { cra: Cra::Alert, ..good }.octets(), NotACommand(Cra::Alert)),
        // ECS02, of an electricity meter.
        (Asked { code: 0x001A, by: STRANGER, ..good }.octets(), UnknownUseCase(unknown)),
        (Asked { code: 0xFFFF, ..good }.octets(), UnknownUseCase(MessageCode(0xFFFF))),
        (Asked { code: 0x008D, by: STRANGER, ..good }.octets(), NotModelled(MessageCode(0x008D))),
        (Asked { by: STRANGER, maced: false, ..good }.octets(), UnknownOriginator(STRANGER)),
        (
            Asked { code: ACB_BY_ACB, maced: false, ..good }.octets(),
            Unauthorised { role: Role::Supplier, code: unauthorised },
        ),
        // A critical Command without MAC, without signature; a read by the ACB with a signature too many.
        (Asked { maced: false, ..good }.octets(), WrongForm),
        (Asked { signed: None, ..good }.octets(), WrongForm),
        (Asked { signed: Some(1), ..read }.octets(), WrongForm),
        (bad_mac, BadMac),
        (Asked { counter: 5, ..good }.octets(), replayed.clone()),
        // The counter before the signature: a replay costs no elliptic curve.
        (Asked { counter: 5, signed: Some(1), ..good }.octets(), replayed),
        (Asked { signed: Some(1), ..good }.octets(), BadSignature),
        (Asked { by: NETWORK, code: 0x0103, signed: Some(4), ..good }.octets(), BadSignature),
    ] {
        assert_eq!(check(&counters, &octets).map(|_| ()), Err(fault));
    }
    assert!(check(&counters, &good.octets()).is_ok_and(|command| command.role == Role::Supplier));
    assert!(check(&counters, &read.octets()).is_ok_and(|command| command.role == Role::AccessControlBroker));
    for octets in [&b""[..], &[0xDF], &good.octets()[1..]] {
        assert!(matches!(check(&counters, octets), Err(Malformed(_))));
    }
}

/// The catalogue names who may ask for what; whoever holds a cell of another role may not.
#[test]
fn of_every_command_only_the_roles_of_its_use_case_are_allowed() {
    for use_case in catalogue::all() {
        for device in [DeviceType::Esme, DeviceType::Gsme, DeviceType::Chf, DeviceType::Gpf] {
            let Some(rules) = Rules::of(device, use_case.code) else { continue };
            assert!(!rules.allows(Role::Root), "{}", use_case.id);
            for role in (0..=u8::MAX).filter_map(Role::from_number) {
                let named = role.originator().is_some_and(|originator| use_case.allows(originator));
                assert_eq!(rules.allows(role), named, "{} {role:?}", use_case.id);
            }
        }
    }
}

proptest! {
    #[test]
    fn no_arbitrary_octets_are_authentic(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(check(&Counters::default(), &octets).is_err());
    }

    /// Whatever one octet is changed to, or wherever it ends: it is refused, or it is no other Command.
    #[test]
    fn no_corrupted_command_is_authentic(at in any::<proptest::sample::Index>(), with in 1u8.., cut in any::<bool>()) {
        let good = Asked::GOOD.octets();
        let mut octets = good.clone();
        let at = at.index(octets.len());
        if cut { octets.truncate(at) } else { octets[at] ^= with }
        if let Ok(command) = check(&Counters::default(), &octets) {
            let good = MessageView::parse(&good).unwrap();
            prop_assert_eq!(command.view.inner_octets(), good.inner_octets());
        }
    }
}
