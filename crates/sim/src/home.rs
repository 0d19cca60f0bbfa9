//! The devices of a home and the air between them.
use crate::air::{Air, AirConfig};
use crate::part::{Effect, Part, PartId, PartOutput};
use comms_hub::Hub;
use gbcs::Time;
use gbcs::crypto::Crypto;
use meter::Meter;
use ppmid::Ppmid;
use std::collections::VecDeque;

/// How many events one instant may have before it is taken for a loop of two cores that answer each other forever.
const EVENTS_PER_INSTANT: usize = 100_000;

/// Sees every frame at the time it starts on the air.
pub type Capture = Box<dyn FnMut(Time, &[u8]) + Send>;

/// A home: hub, PPMID, electricity meter, gas meter.
pub struct Home<C: Crypto> {
    hub: Hub<C>,
    ppmid: Ppmid<C>,
    esme: Meter<C>,
    gsme: Meter<C>,
    air: Air,
    capture: Option<Capture>,
    timeouts: [Option<Time>; PartId::ALL.len()],
    now: Time,
    outputs: VecDeque<(PartId, PartOutput)>,
}

impl<C: Crypto> Home<C> {
    /// The devices at `now`; what they have to say at their start is drained.
    pub fn new(
        now: Time,
        hub: Hub<C>,
        ppmid: Ppmid<C>,
        esme: Meter<C>,
        gsme: Meter<C>,
        air: AirConfig,
        capture: Option<Capture>,
    ) -> Self {
        let mut home = Self {
            hub,
            ppmid,
            esme,
            gsme,
            air: Air::new(air, PartId::ALL.len()),
            capture,
            timeouts: [None; PartId::ALL.len()],
            now,
            outputs: VecDeque::new(),
        };
        PartId::ALL.into_iter().for_each(|id| home.drain(id));
        home
    }

    /// The virtual time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The electricity meter, to read.
    pub fn esme(&self) -> &Meter<C> {
        &self.esme
    }

    /// The gas meter, to read.
    pub fn gsme(&self) -> &Meter<C> {
        &self.gsme
    }

    /// The hub, to read.
    pub fn hub(&self) -> &Hub<C> {
        &self.hub
    }

    /// Whether a frame is on its way.
    pub fn on_air(&self) -> bool {
        self.air.next().is_some()
    }

    /// When something happens next of itself.
    pub fn next(&self) -> Option<Time> {
        self.timeouts.iter().copied().chain([self.air.next()]).flatten().min()
    }

    /// Give the hub an input.
    pub fn hub_input(&mut self, input: impl FnOnce(&mut Hub<C>, Time)) {
        input(&mut self.hub, self.now);
        self.drain(PartId::Hub);
    }

    /// Give the PPMID an input.
    pub fn ppmid_input(&mut self, input: impl FnOnce(&mut Ppmid<C>, Time)) {
        input(&mut self.ppmid, self.now);
        self.drain(PartId::Ppmid);
    }

    /// Give a meter an input.
    pub fn meter_input(&mut self, which: PartId, input: impl FnOnce(&mut Meter<C>, Time)) {
        match which {
            PartId::Esme => input(&mut self.esme, self.now),
            PartId::Gsme => input(&mut self.gsme, self.now),
            PartId::Hub | PartId::Ppmid => unreachable!("not a meter"),
        }
        self.drain(which);
    }

    /// Let time pass to `to`; everything due by then happens, in order.
    ///
    /// # Panics
    /// When one instant has no end of events: two cores answer each other in a loop, which is a fault of theirs.
    pub fn advance(&mut self, to: Time) {
        let mut in_this_instant = 0;
        while let Some(next) = self.next().filter(|next| *next <= to) {
            in_this_instant = if next > self.now { 0 } else { in_this_instant + 1 };
            assert!(in_this_instant < EVENTS_PER_INSTANT, "an instant without end at {}", self.now);
            self.now = self.now.max(next);
            self.step();
        }
        self.now = self.now.max(to);
    }

    /// What the devices want of the world outside, in order.
    pub fn poll(&mut self) -> Option<(PartId, PartOutput)> {
        self.outputs.pop_front()
    }

    fn step(&mut self) {
        let now = self.now;
        while let Some(arrival) = self.air.arrival(now) {
            let id = PartId::ALL[arrival.to];
            self.part(id).handle_frame(now, &arrival.frame);
            self.drain(id);
        }
        for id in PartId::ALL {
            if self.timeouts[id as usize].is_some_and(|at| at <= now) {
                self.part(id).handle_timeout(now);
                self.drain(id);
            }
        }
    }

    fn drain(&mut self, id: PartId) {
        let now = self.now;
        loop {
            match self.part(id).poll() {
                Effect::Transmit(frame) => {
                    let start = self.air.transmit(now, id as usize, frame.clone());
                    if let Some(capture) = &mut self.capture {
                        capture(start, &frame);
                    }
                }
                Effect::Output(output) => self.outputs.push_back((id, output)),
                Effect::Timeout(at) => {
                    self.timeouts[id as usize] = at;
                    return;
                }
            }
        }
    }

    fn part(&mut self, id: PartId) -> &mut dyn Part {
        match id {
            PartId::Hub => &mut self.hub,
            PartId::Ppmid => &mut self.ppmid,
            PartId::Esme => &mut self.esme,
            PartId::Gsme => &mut self.gsme,
        }
    }
}
