//! How a hand held terminal comes to be listed: inter-PAN frames within an hour of power-on (han.md 7).
//!
//! The HHT establishes a key with the hub, then sends its name and install code under it. The command for that is not public
//! (UNSURE 6): 0xF0 and 0xF1 of the Key Establishment cluster, with manufacturer code 0xFFFF, are ours. The key that protects the
//! install code comes from a simulated key establishment (see [`han::cbke`]) between two that share no secret yet: it gives the
//! real dialogue and no secrecy.
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use gbcs::{Eui64, Time};
use han::cbke::{self, Exchange};
use han::interpan::Frame as InterPan;
use han::mac::{self, PanId};
use han::zcl::{Direction, Frame};
use han::{InstallCode, Key};

/// Command of the HHT: EUI-64 (little-endian), install code, check.
pub const REGISTER: u8 = 0xF0;
/// Command of the hub: how it went.
pub const REGISTERED: u8 = 0xF1;
/// The manufacturer code of both.
pub const MANUFACTURER: u16 = 0xFFFF;
/// What two that share nothing have in common.
const NO_SECRET: [u8; 16] = [0; 16];

/// What the hub says to a registration; the number on the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Registration {
    /// Listed: it may join the network now.
    Listed = 0,
    /// The CHF Device Log is full.
    LogFull = 1,
    /// The check of the install code does not match, or the name is not the sender's.
    BadCode = 2,
    /// The hour since power-on is over.
    WindowClosed = 3,
}

/// The payload of a [`REGISTER`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// The HHT's name.
    pub hht: Eui64,
    /// Its install code and check.
    pub code: [u8; 18],
}

impl Register {
    /// Reads the payload.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (hht, code) = payload.split_first_chunk::<8>()?;
        Some(Self { hht: Eui64::from_le(*hht), code: code.try_into().ok()? })
    }

    /// Length of the payload.
    pub const fn encoded_len(&self) -> usize {
        26
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.hht.to_le());
        out.extend(self.code);
    }
}

/// The ZCL frame of a registration command.
pub fn to_zcl(command: u8, tsn: u8, payload: &[u8]) -> Vec<u8> {
    Frame {
        cluster_specific: true,
        manufacturer: Some(MANUFACTURER),
        direction: if command == REGISTER { Direction::ToServer } else { Direction::ToClient },
        disable_default_response: true,
        tsn,
        command,
        payload,
    }
    .to_vec()
}

/// The secret that both sides of an inter-PAN key establishment start from.
pub fn inter_pan_secret() -> Key {
    Key::new(NO_SECRET)
}

/// What the door wants done, in order.
pub(crate) enum Output {
    Transmit(Vec<u8>),
    /// An HHT proved that it holds the key and gave this install code: list it, then say how it went by [`Door::answer`].
    Register(Eui64, InstallCode),
    /// An HHT was refused.
    Refused(Eui64, Registration),
}

/// Where HHTs knock.
pub(crate) struct Door {
    chf: Eui64,
    pan: PanId,
    closes: Time,
    /// One HHT at a time: the latest that knocked.
    session: Option<Session>,
    outputs: VecDeque<Output>,
}

struct Session {
    hht: Eui64,
    exchange: Exchange,
    key: Option<Key>,
    /// The lowest counter taken from the HHT under the key.
    floor: u32,
    /// The last counter used towards it.
    counter: u32,
    tsn: u8,
}

/// What became of a frame at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Not inter-PAN, or not for this hub.
    NotOurs,
    /// The window is closed: no answer, not even an acknowledgement.
    Closed,
    /// Taken, or refused with an answer of its own.
    Taken,
    /// Nothing that can be answered.
    Refused,
}

impl Door {
    pub const fn new(chf: Eui64, pan: PanId, closes: Time) -> Self {
        Self { chf, pan, closes, session: None, outputs: VecDeque::new() }
    }

    /// `ephemeral` makes a fresh random value; `sequence` gives MAC sequence numbers.
    pub fn handle_frame(
        &mut self,
        now: Time,
        psdu: &[u8],
        ephemeral: impl FnOnce() -> [u8; cbke::EPHEMERAL_LEN],
        mut sequence: impl FnMut() -> u8,
    ) -> Heard {
        let Ok(mac) = mac::Frame::parse(psdu) else { return Heard::NotOurs };
        let ours = |frame: &InterPan<'_>| {
            frame.destination == self.chf && (frame.pan == self.pan || frame.pan == PanId::BROADCAST)
        };
        let Some(frame) = InterPan::parse(&mac).ok().filter(ours) else { return Heard::NotOurs };
        if now >= self.closes {
            return Heard::Closed;
        }
        self.outputs.push_back(Output::Transmit(mac::Frame::ack(frame.sequence, false).to_vec()));
        if frame.cluster != cbke::CLUSTER {
            return Heard::Refused;
        }
        match frame.security {
            None => self.establish(now, &frame, ephemeral, &mut sequence),
            Some(aux) => self.register(&frame, aux.counter, &mut sequence),
        }
    }

    fn establish(
        &mut self,
        now: Time,
        frame: &InterPan<'_>,
        ephemeral: impl FnOnce() -> [u8; cbke::EPHEMERAL_LEN],
        sequence: &mut impl FnMut() -> u8,
    ) -> Heard {
        let hht = frame.source;
        let begins = Frame::parse(frame.payload).is_ok_and(|zcl| zcl.cluster_specific && zcl.command == 0);
        if begins || self.session.as_ref().is_none_or(|session| session.hht != hht) {
            let exchange = Exchange::respond(self.chf, hht, inter_pan_secret(), ephemeral());
            self.session = Some(Session { hht, exchange, key: None, floor: 0, counter: 0, tsn: 0 });
        }
        let Some(session) = &mut self.session else { return Heard::Refused };
        session.exchange.handle_zcl(now, frame.payload);
        loop {
            match session.exchange.poll() {
                cbke::Output::Send(zcl) => {
                    let answer = InterPan {
                        source: self.chf,
                        destination: hht,
                        pan: PanId::BROADCAST,
                        sequence: sequence(),
                        cluster: cbke::CLUSTER,
                        security: None,
                        payload: &zcl,
                    };
                    self.outputs.push_back(Output::Transmit(answer.to_psdu()));
                }
                cbke::Output::Established(key) => session.key = Some(key),
                cbke::Output::Failed(_) => return Heard::Refused,
                cbke::Output::Timeout(_) => return Heard::Taken,
            }
        }
    }

    fn register(&mut self, frame: &InterPan<'_>, counter: u32, sequence: &mut impl FnMut() -> u8) -> Heard {
        let Some(session) = self.session.as_mut().filter(|session| session.hht == frame.source) else {
            return Heard::Refused;
        };
        let Some(key) = session.key.as_ref().filter(|_| counter >= session.floor && counter < u32::MAX) else {
            return Heard::Refused;
        };
        let Ok(zcl) = frame.open(key) else { return Heard::Refused };
        session.floor = counter + 1;
        let Some(zcl) = Frame::parse(&zcl)
            .ok()
            .filter(|zcl| zcl.cluster_specific && zcl.manufacturer == Some(MANUFACTURER) && zcl.command == REGISTER)
        else {
            return Heard::Refused;
        };
        session.tsn = zcl.tsn;
        let hht = session.hht;
        let code = Register::parse(zcl.payload).filter(|register| register.hht == hht);
        match code.and_then(|register| InstallCode::checked(register.code).ok()) {
            Some(code) => self.outputs.push_back(Output::Register(hht, code)),
            None => {
                self.outputs.push_back(Output::Refused(hht, Registration::BadCode));
                self.answer(Registration::BadCode, sequence);
            }
        }
        Heard::Taken
    }

    /// Tell the HHT how its registration went, under the key.
    pub fn answer(&mut self, how: Registration, mut sequence: impl FnMut() -> u8) {
        let Some(session) = &mut self.session else { return };
        let Some(key) = &session.key else { return };
        session.counter += 1;
        let zcl = to_zcl(REGISTERED, session.tsn, &[how as u8]);
        let answer = InterPan {
            source: self.chf,
            destination: session.hht,
            pan: PanId::BROADCAST,
            sequence: sequence(),
            cluster: cbke::CLUSTER,
            security: Some(InterPan::link_key_security(session.counter)),
            payload: &zcl,
        };
        if let Ok(psdu) = answer.seal(key) {
            self.outputs.push_back(Output::Transmit(psdu));
        }
    }

    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }
}
