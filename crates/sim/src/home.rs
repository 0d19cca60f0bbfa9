//! The devices of a home and the air between them.
use crate::air::{Air, AirConfig};
use crate::part::{Effect, Part, PartId, PartOutput};
use crate::station::Station;
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

/// A home: hub, PPMID, electricity meter, gas meter, and stations that visit.
pub struct Home<C: Crypto> {
    hub: Hub<C>,
    ppmid: Ppmid<C>,
    esme: Meter<C>,
    gsme: Meter<C>,
    air: Air,
    capture: Option<Capture>,
    timeouts: [Option<Time>; PartId::ALL.len()],
    /// Visitors, and when they want to be called.
    stations: Vec<(Station, Option<Time>)>,
    /// Radios that are out of reach.
    away: Vec<usize>,
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
            stations: Vec::new(),
            away: Vec::new(),
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
        let stations = self.stations.iter().map(|(_, at)| *at);
        self.timeouts.iter().copied().chain(stations).chain([self.air.next()]).flatten().min()
    }

    /// A station comes into reach; gives its number.
    pub fn add_station(&mut self, station: Station) -> usize {
        self.air.add_radio();
        self.stations.push((station, None));
        let number = self.stations.len() - 1;
        self.drain_station(number);
        number
    }

    /// A station, to read.
    pub fn station(&self, number: usize) -> &Station {
        &self.stations[number].0
    }

    /// Give a station an input.
    pub fn station_input(&mut self, number: usize, input: impl FnOnce(&mut Station, Time)) {
        input(&mut self.stations[number].0, self.now);
        self.drain_station(number);
    }

    /// A device neither hears nor is heard, or is back.
    pub fn set_reachable(&mut self, id: PartId, reachable: bool) {
        self.away.retain(|radio| *radio != id as usize);
        if !reachable {
            self.away.push(id as usize);
        }
    }

    /// Let this share of receptions be lost from now on.
    pub fn set_loss(&mut self, per_10_000: u32) {
        self.air.set_loss(per_10_000);
    }

    /// The PPMID, to read.
    pub fn ppmid(&self) -> &Ppmid<C> {
        &self.ppmid
    }

    /// The hub loses power; another life of it begins.
    pub fn replace_hub(&mut self, hub: Hub<C>) {
        self.hub = hub;
        self.drain(PartId::Hub);
    }

    /// The PPMID loses power; another life of it begins.
    pub fn replace_ppmid(&mut self, ppmid: Ppmid<C>) {
        self.ppmid = ppmid;
        self.drain(PartId::Ppmid);
    }

    /// A meter loses power; another life of it begins.
    pub fn replace_meter(&mut self, meter: Meter<C>) {
        let id = if meter.kind() == meter::Kind::Esme { PartId::Esme } else { PartId::Gsme };
        match id {
            PartId::Esme => self.esme = meter,
            _ => self.gsme = meter,
        }
        self.drain(id);
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

    /// The devices alone: hub, PPMID, electricity meter, gas meter.
    pub fn into_parts(self) -> (Hub<C>, Ppmid<C>, Meter<C>, Meter<C>) {
        (self.hub, self.ppmid, self.esme, self.gsme)
    }

    /// What the devices want of the world outside, in order.
    pub fn poll(&mut self) -> Option<(PartId, PartOutput)> {
        self.outputs.pop_front()
    }

    fn step(&mut self) {
        let now = self.now;
        while let Some(arrival) = self.air.arrival(now) {
            if self.away.contains(&arrival.to) {
                continue;
            }
            match PartId::ALL.get(arrival.to) {
                Some(id) => {
                    self.part(*id).handle_frame(now, &arrival.frame);
                    self.drain(*id);
                }
                None => {
                    let number = arrival.to - PartId::ALL.len();
                    self.stations[number].0.handle_frame(now, &arrival.frame);
                    self.drain_station(number);
                }
            }
        }
        for number in 0..self.stations.len() {
            if self.stations[number].1.is_some_and(|at| at <= now) {
                self.stations[number].0.handle_timeout(now);
                self.drain_station(number);
            }
        }
        for id in PartId::ALL {
            if self.timeouts[id as usize].is_some_and(|at| at <= now) {
                self.part(id).handle_timeout(now);
                self.drain(id);
            }
        }
    }

    fn drain(&mut self, id: PartId) {
        loop {
            match self.part(id).poll() {
                Effect::Transmit(frame) => self.transmit(id as usize, frame),
                Effect::Output(output) => self.outputs.push_back((id, output)),
                Effect::Timeout(at) => {
                    self.timeouts[id as usize] = at;
                    return;
                }
            }
        }
    }

    fn drain_station(&mut self, number: usize) {
        let now = self.now;
        let (frames, timeout) = self.stations[number].0.drain(now);
        self.stations[number].1 = timeout;
        for frame in frames {
            self.transmit(PartId::ALL.len() + number, frame);
        }
    }

    fn transmit(&mut self, radio: usize, frame: Vec<u8>) {
        if self.away.contains(&radio) {
            return;
        }
        let start = self.air.transmit(self.now, radio, frame.clone());
        if let Some(capture) = &mut self.capture {
            capture(start, &frame);
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
