//! The home of the demo: its devices on virtual air, between real sockets.
//!
//! Virtual time follows the machine's clock while nothing happens, and runs ahead of it while a frame is on the air or a message
//! waits for the gas meter to wake: half an hour of sleep passes in an instant, every timer in its order.
use crate::failure::Failure;
use crate::home::{DeviceCrypto, Home};
use crate::process::{self, CHANNEL, now, publish, servers};
use dcc::wan::{HubEvent, HubLink};
use gbcs::Time;
use han::capture::dissect::Dissector;
use han::capture::{LinkType, keys, pcap, pcapng, zep};
use link::CarrierEvent;
use meter::Register;
use sim::{AirConfig, PartEvent, PartOutput};
use std::io::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// What the two meters hold.
#[derive(Clone, Debug)]
pub struct Readings {
    /// Which of the two is the gas meter.
    pub gas_meter: gbcs::Eui64,
    /// The electricity meter.
    pub esme: Vec<Register>,
    /// The gas meter.
    pub gsme: Vec<Register>,
}

/// The devices, running.
pub struct Devices {
    home: sim::Home<DeviceCrypto>,
    gsme: gbcs::Eui64,
    /// How far virtual time is ahead.
    ahead: Duration,
    wan: HubLink,
    wan_events: mpsc::UnboundedReceiver<HubEvent>,
    carrier: link::Carrier,
    carrier_events: mpsc::Receiver<CarrierEvent>,
    tell_stored: mpsc::UnboundedSender<u64>,
    stored: mpsc::UnboundedReceiver<u64>,
    events: mpsc::UnboundedSender<(Time, PartEvent)>,
}

impl Devices {
    /// Put the devices of a home on the air; what happens to them goes to `events`.
    pub fn start(
        home: &Home,
        capture: Option<sim::Capture>,
        events: mpsc::UnboundedSender<(Time, PartEvent)>,
    ) -> Result<Self, Failure> {
        let start = now();
        let (wan, wan_events) = HubLink::start(home.file.dcc.wan_listen, home.file.identities.chf);
        let (carrier, carrier_events) = servers::start_carrier(home)?;
        let (tell_stored, stored) = mpsc::unbounded_channel();
        let devices = sim::Home::new(
            start,
            home.hub(start, None)?,
            // The demo's capture is about deliveries: the display does not ask by itself.
            home.ppmid(start, None, None)?,
            home.esme(None)?,
            home.gsme(None)?,
            AirConfig::default(),
            capture,
        );
        Ok(Self {
            home: devices,
            gsme: home.file.identities.gsme,
            ahead: Duration::ZERO,
            wan,
            wan_events,
            carrier,
            carrier_events,
            tell_stored,
            stored,
            events,
        })
    }

    /// What the meters hold now.
    pub fn readings(&self) -> Readings {
        Readings { gas_meter: self.gsme, esme: self.home.esme().registers(), gsme: self.home.gsme().registers() }
    }

    /// Live until `stop` says so; gives what the meters hold then.
    pub async fn run(mut self, mut stop: tokio::sync::oneshot::Receiver<()>) -> Readings {
        loop {
            self.catch_up();
            let idle = self.home.next().map(|at| at.since(self.home.now()));
            tokio::select! {
                _ = &mut stop => return self.readings(),
                () = tokio::time::sleep(idle.unwrap_or(Duration::from_secs(3600))) => {}
                Some(id) = self.stored.recv() => self.home.ppmid_input(|ppmid, _| ppmid.up_stored(id)),
                Some(event) = self.wan_events.recv() => {
                    self.home.hub_input(|hub, now| process::hear_wan(hub, now, &event));
                    process::acknowledge_wan(&self.wan, &event);
                }
                Some(event) = self.carrier_events.recv() => {
                    self.home.ppmid_input(|ppmid, now| process::hear_head_end(ppmid, now, &event));
                    process::acknowledge(event);
                }
            }
        }
    }

    /// Bring virtual time to the clock, then ahead of it for as long as there is something on its way.
    fn catch_up(&mut self) {
        self.home.advance(now() + self.ahead);
        self.pass_on();
        while self.home.on_air() || self.home.hub().waiting_for_gsme(self.gsme) > 0 {
            let Some(next) = self.home.next() else { break };
            self.home.advance(next);
            self.pass_on();
        }
        self.ahead = self.home.now().since(now());
    }

    fn pass_on(&mut self) {
        while let Some((_, output)) = self.home.poll() {
            match output {
                PartOutput::Up { id, payload } => publish(&self.carrier, id, payload, &self.tell_stored),
                PartOutput::Wan(octets) => self.wan.send(octets),
                PartOutput::Event(event) => drop(self.events.send((self.home.now(), event))),
                // The demo's devices live as long as the demo.
                PartOutput::Persist(_) | PartOutput::PersistGas(_) => {}
            }
        }
    }
}

/// Writes a frame into a file of either format.
type Write = Box<dyn FnMut(Time, &[u8]) -> std::io::Result<()> + Send>;

/// A capture of what is on the air, and beside it the keys that open it in Wireshark.
pub struct Capture {
    file: std::fs::File,
    /// pcapng instead of pcap.
    next_generation: bool,
    /// Takes the protection off, and sees the keys that come by.
    dissector: Dissector,
    /// The frames without their protection are wanted.
    clear: bool,
    /// Where the keys are.
    keys: PathBuf,
}

impl Capture {
    /// `FILE` for the frames, in pcapng when it is named `*.pcapng`, `FILE.keys` for the keys. `clear`: without the protection of
    /// NWK and APS, for tools that have no keys.
    pub fn create(path: &Path, home: &Home, clear: bool) -> Result<Self, Failure> {
        let fault = |e: std::io::Error| Failure::input(format!("{}: {e}", path.display()));
        let file = std::fs::File::create(path).map_err(fault)?;
        let mut lines = Vec::new();
        let han = &home.keys.han;
        for (key, label) in han.all() {
            keys::write(&mut lines, &han::Key::new(key), label).map_err(fault)?;
        }
        std::fs::write(keys_beside(path), lines).map_err(fault)?;
        let given: Vec<_> = han.all().into_iter().map(|(key, _)| han::Key::new(key)).collect();
        let (dissector, keys) = (Dissector::new(given), keys_beside(path));
        let next_generation = path.extension().is_some_and(|extension| extension == "pcapng");
        Ok(Self { file, next_generation, dissector, clear, keys })
    }

    /// Writes each frame as it starts on the air, and a line for each key that the hub brings somebody.
    pub fn tap(self) -> Result<sim::Capture, Failure> {
        let link = LinkType::IEEE802_15_4;
        let mut write: Write = if self.next_generation {
            let application = concat!("lastmetre ", env!("CARGO_PKG_VERSION"));
            let mut writer = pcapng::Writer::new(self.file, link, application).map_err(Failure::input)?;
            Box::new(move |at, frame| writer.write(at, frame))
        } else {
            let mut writer = pcap::Writer::new(self.file, link).map_err(Failure::input)?;
            Box::new(move |at, frame| writer.write(at, frame))
        };
        let (mut dissector, clear, keys) = (self.dissector, self.clear, self.keys);
        let mut known = 0;
        Ok(Box::new(move |at, frame| {
            let cleared = dissector.cleared(frame);
            for key in &dissector.learnt()[known..] {
                if let Err(error) = append_key(&keys, key) {
                    tracing::warn!(%error, "a key is missing beside the capture");
                }
            }
            known = dissector.learnt().len();
            if let Err(error) = write(at, if clear { &cleared } else { frame }) {
                tracing::warn!(%error, "a frame is missing from the capture");
            }
        }))
    }
}

/// Sends each frame as ZEP v2 to this address as it starts on the air. Who is not there does not hear it.
pub fn stream(to: SocketAddr) -> Result<sim::Capture, Failure> {
    let own: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(own).map_err(|e| Failure::input(format!("--zep {to}: {e}")))?;
    let mut sequence = 0u32;
    Ok(Box::new(move |at, frame| {
        let packet = zep::Packet::new(CHANNEL, 0, at, sequence, frame).to_vec();
        sequence = sequence.wrapping_add(1);
        if let Err(error) = socket.send_to(&packet, to) {
            tracing::debug!(%to, %error, "not heard");
        }
    }))
}

fn append_key(path: &Path, key: &han::Key) -> std::io::Result<()> {
    let mut lines = Vec::new();
    keys::write(&mut lines, key, "brought by the hub")?;
    std::fs::OpenOptions::new().append(true).open(path)?.write_all(&lines)
}

/// Where the keys of a capture are.
pub fn keys_beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".keys");
    name.into()
}
