//! The handover protocol, both ways.
use crate::lenient::{Lenient, SIGNATURE, key};
use crate::within;
use gbcs::{Eui64, Time};
use handover::{Checks, MAX_COMMAND, NonceStanding, Release, SealedRelease, Upward, Warrant};

/// CBOR values of 16 octets in lists that grow by doubling, read, encoded for comparison, and taken over.
const FACTOR: usize = 64;

/// A COSE_Sign1 of `payload` by anybody, as [`Lenient`] signs.
pub fn sign1(signer: Eui64, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0xD2, 0x84, 0x4D, 0xA2, 0x01, 0x26, 0x04, 0x48];
    out.extend(signer.0);
    out.push(0xA0);
    byte_string(payload, &mut out);
    byte_string(&SIGNATURE.0, &mut out);
    out
}

fn byte_string(octets: &[u8], out: &mut Vec<u8>) {
    match octets.len() {
        n @ 0..24 => out.push(0x40 | n as u8),
        n @ 24..0x100 => out.extend([0x58, n as u8]),
        n @ 0x100..0x1_0000 => {
            out.push(0x59);
            out.extend((n as u16).to_be_bytes());
        }
        n => {
            out.push(0x5A);
            out.extend((n as u32).to_be_bytes());
        }
    }
    out.extend_from_slice(octets);
}

/// What a carrier and what a head end says: whatever opens is the one encoding of its meaning, so sealing it again gives the
/// same octets; and a warrant is checked for any nonce standing without harm.
///
/// The first octet: bit 0 the direction, bit 1 whether the rest is a whole message, or the payload of one that is signed; in a
/// Release the next two then tell how long the warrant is.
pub fn handover(input: &[u8]) {
    let Some((&mode, octets)) = input.split_first() else { return };
    let ours = |_| Some(*key(2).public());
    match mode & 3 {
        0 => open_upward(octets, ours),
        1 => open_release(octets, ours),
        2 => open_upward(&sign1(Eui64([7; 8]), octets), ours),
        _ => {
            let Some((&len, octets)) = octets.split_first_chunk() else { return };
            let (warrant, command) = octets.split_at(usize::from(u16::from_be_bytes(len)).min(octets.len()));
            let mut message = vec![0x83, 0x01];
            message.extend(sign1(Eui64([7; 8]), warrant));
            byte_string(command, &mut message);
            open_release(&message, ours);
        }
    }
}

fn open_upward(octets: &[u8], key_of: impl FnOnce(Eui64) -> Option<gbcs::crypto::PublicKey>) {
    within(octets.len(), FACTOR, || match Upward::open(octets, &Lenient, key_of) {
        Ok(message) => {
            assert_eq!(Upward::open(octets, &Lenient, |_| None).ok(), None);
            let again = message.seal(&Lenient, &key(2)).expect("nothing fails to be signed here");
            assert_eq!(without_signature(&again), without_signature(octets));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    });
}

/// A signature is the last thing in an upward message.
fn without_signature(octets: &[u8]) -> &[u8] {
    &octets[..octets.len() - 64]
}

fn open_release(octets: &[u8], key_of: impl FnOnce(Eui64) -> Option<gbcs::crypto::PublicKey>) {
    within(octets.len(), FACTOR, || {
        let sealed = match SealedRelease::parse(octets) {
            Ok(sealed) => sealed,
            Err(error) => return assert!(!error.to_string().is_empty()),
        };
        let claimed = sealed.claimed().clone();
        let Ok(release) = sealed.verify(&Lenient, key_of) else { return };
        assert_eq!(release.warrant, claimed);
        check(&release.warrant, &release.command);
        let again = release.seal(&Lenient, &key(2)).expect("nothing fails to be signed here");
        assert_eq!(again.len(), octets.len());
        assert_eq!(Release::open(&again, &Lenient, |_| Some(*key(2).public())), Ok(release));
    });
}

/// Whatever passes the check is a Command to the warrant's target under its code, not expired and not too long.
fn check(warrant: &Warrant, command: &[u8]) {
    for nonce in [NonceStanding::Fresh, NonceStanding::Stale, NonceStanding::Used, NonceStanding::Unknown] {
        let now = Time(1_800_000_000_000);
        let checks = Checks { ppmid: warrant.ppmid, now, nonce, max_command: MAX_COMMAND };
        if let Ok(route) = warrant.check(command, &Lenient, &checks) {
            assert_eq!(nonce, NonceStanding::Fresh);
            assert_eq!((route.id.target, route.code), (warrant.target, warrant.code));
            assert!(now <= warrant.not_after && command.len() <= MAX_COMMAND);
        }
    }
}
