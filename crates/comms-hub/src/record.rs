//! What a hub keeps across a restart, as one CBOR record.
use crate::config::{DeviceEntry, DeviceKind};
use crate::device_log::{DeviceLog, Historic, Listed};
use crate::event::LogEntry;
use crate::gpf::Gpf;
use crate::identity::IdentityRecord;
use crate::letter::Letter;
use crate::memory::Carried;
use crate::routing::{Function, Source};
use crate::store_forward::Parcel;
use alloc::vec::Vec;
use gbcs::{Counter, Cra, Eui64, MessageCode, MessageId, Route, Time};
use han::Key;
use han::node::FrameCounters;
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

/// The layout below; a record of another is refused.
const VERSION: u8 = 3;

/// The octets are no record of this version.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// No CBOR of this shape.
    #[error("the stored record is damaged: {0}")]
    Damaged(minicbor::decode::Error),
    /// Another version.
    #[error("the stored record is of version {0}, not {VERSION}")]
    Version(u8),
    /// A message in it does not parse.
    #[error("a message in the stored record is damaged: {0}")]
    Message(gbcs::ParseError),
    /// A number in it has no meaning.
    #[error("a number in the stored record has no meaning")]
    Number,
}

/// Everything kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub frame_counters: FrameCounters,
    pub devices: DeviceLog,
    pub join_timeout: u16,
    pub chf: IdentityRecord,
    pub gpf_identity: IdentityRecord,
    pub wan: Vec<Parcel>,
    /// Messages in mailboxes, with whose it is.
    pub mailboxes: Vec<(Eui64, Letter)>,
    /// Messages on their way through tunnels, with whose it is.
    pub transits: Vec<(Eui64, Letter)>,
    pub carriers: Vec<Carried>,
    pub taps: Vec<Vec<Vec<u8>>>,
    pub gpf: Gpf,
    pub log: Vec<LogEntry>,
    pub gpf_log: Vec<LogEntry>,
}

impl Record {
    pub fn encode(&self) -> Vec<u8> {
        let letters = |letters: &[(Eui64, Letter)]| letters.iter().map(|(eui, l)| LetterRecord::of(*eui, l)).collect();
        let stored = Stored {
            version: VERSION,
            frame_counters: self.frame_counters.clone(),
            devices: self.devices.iter().map(DeviceRecord::of_listed).collect(),
            historic: self.devices.historic().map(DeviceRecord::of_historic).collect(),
            chf: self.chf.clone(),
            gpf_identity: self.gpf_identity.clone(),
            join_timeout: self.join_timeout,
            gpf: self.gpf.clone(),
            wan: self
                .wan
                .iter()
                .map(|p| ParcelRecord { octets: p.octets.clone().into(), of_ppmid: p.of_ppmid })
                .collect(),
            mailboxes: letters(&self.mailboxes),
            transits: letters(&self.transits),
            carriers: self.carriers.iter().map(CarriedRecord::of).collect(),
            taps: self.taps.iter().map(|parts| parts.iter().map(|p| p.clone().into()).collect()).collect(),
            log: self.log.iter().map(LogRecord::of).collect(),
            gpf_log: self.gpf_log.iter().map(LogRecord::of).collect(),
        };
        minicbor::to_vec(&stored).unwrap_or_else(|never: minicbor::encode::Error<core::convert::Infallible>| {
            unreachable!("a Vec takes everything: {never}")
        })
    }

    pub fn decode(octets: &[u8]) -> Result<Self, RecordError> {
        let stored: Stored = minicbor::decode(octets).map_err(RecordError::Damaged)?;
        if stored.version != VERSION {
            return Err(RecordError::Version(stored.version));
        }
        let parcel = |p: ParcelRecord| {
            let id = Route::parse(&p.octets).map_err(RecordError::Message)?.id;
            Ok(Parcel { id, octets: p.octets.into(), of_ppmid: p.of_ppmid })
        };
        Ok(Self {
            frame_counters: stored.frame_counters,
            devices: device_log(&stored.devices, &stored.historic)?,
            join_timeout: stored.join_timeout,
            gpf: stored.gpf,
            chf: stored.chf,
            gpf_identity: stored.gpf_identity,
            wan: stored.wan.into_iter().map(parcel).collect::<Result<_, RecordError>>()?,
            mailboxes: stored.mailboxes.into_iter().map(LetterRecord::letter).collect::<Result<_, _>>()?,
            transits: stored.transits.into_iter().map(LetterRecord::letter).collect::<Result<_, _>>()?,
            carriers: stored.carriers.iter().map(CarriedRecord::carried).collect::<Result<_, _>>()?,
            taps: stored.taps.into_iter().map(|parts| parts.into_iter().map(Vec::from).collect()).collect(),
            log: stored.log.iter().map(LogRecord::entry).collect(),
            gpf_log: stored.gpf_log.iter().map(LogRecord::entry).collect(),
        })
    }
}

#[derive(Encode, Decode)]
struct Stored {
    #[n(0)]
    version: u8,
    #[n(1)]
    frame_counters: FrameCounters,
    #[n(2)]
    devices: Vec<DeviceRecord>,
    #[n(3)]
    chf: IdentityRecord,
    #[n(4)]
    wan: Vec<ParcelRecord>,
    #[n(5)]
    mailboxes: Vec<LetterRecord>,
    #[n(6)]
    transits: Vec<LetterRecord>,
    #[n(7)]
    carriers: Vec<CarriedRecord>,
    #[n(8)]
    taps: Vec<Vec<ByteVec>>,
    #[n(9)]
    log: Vec<LogRecord>,
    #[n(10)]
    historic: Vec<DeviceRecord>,
    #[n(11)]
    gpf_identity: IdentityRecord,
    #[n(12)]
    join_timeout: u16,
    #[n(13)]
    gpf: Gpf,
    #[n(14)]
    gpf_log: Vec<LogRecord>,
}

/// A device of either log. Its keys are what the hub needs to go on speaking with it.
#[derive(Encode, Decode)]
struct DeviceRecord {
    #[n(0)]
    eui: u64,
    /// Place in [`DeviceKind::ALL`].
    #[n(1)]
    kind: u8,
    #[n(2)]
    short: u16,
    #[n(3)]
    sleepy: bool,
    #[n(4)]
    last_heard: u64,
    #[n(5)]
    link_key: Option<ByteArray<16>>,
    #[n(6)]
    install_key: Option<ByteArray<16>>,
}

impl DeviceRecord {
    fn of(entry: &DeviceEntry, last_heard: Time, link_key: Option<&Key>, install_key: Option<&Key>) -> Self {
        let kind = DeviceKind::ALL.iter().position(|kind| *kind == entry.kind).unwrap_or_default() as u8;
        let key = |key: Option<&Key>| key.map(|key| ByteArray::from(*key.octets()));
        let DeviceEntry { eui, short, sleepy, .. } = *entry;
        let (link_key, install_key) = (key(link_key), key(install_key));
        Self { eui: eui.to_u64(), kind, short, sleepy, last_heard: last_heard.0, link_key, install_key }
    }

    fn of_listed(listed: &Listed) -> Self {
        Self::of(&listed.entry, listed.last_heard, listed.link_key.as_ref(), listed.install_key.as_ref())
    }

    fn of_historic(old: &Historic) -> Self {
        Self::of(&old.entry, Time(0), Some(&old.link_key), None)
    }

    fn entry(&self) -> Result<DeviceEntry, RecordError> {
        let kind = *DeviceKind::ALL.get(usize::from(self.kind)).ok_or(RecordError::Number)?;
        Ok(DeviceEntry { eui: Eui64::from_u64(self.eui), kind, short: self.short, sleepy: self.sleepy })
    }
}

fn device_log(devices: &[DeviceRecord], historic: &[DeviceRecord]) -> Result<DeviceLog, RecordError> {
    let key = |octets: &Option<ByteArray<16>>| octets.as_ref().map(|octets| Key::new(**octets));
    let mut log = DeviceLog::default();
    for device in devices {
        let entry = device.entry()?;
        log.insert(Time(device.last_heard), entry).map_err(|_| RecordError::Number)?;
        if let Some(key) = key(&device.install_key) {
            log.set_install_key(entry.eui, key);
        }
        if let Some(key) = key(&device.link_key) {
            log.set_link_key(entry.eui, key);
        }
    }
    for device in historic {
        let link_key = key(&device.link_key).ok_or(RecordError::Number)?;
        log.archive(Historic { entry: device.entry()?, link_key });
    }
    Ok(log)
}

#[derive(Encode, Decode)]
struct ParcelRecord {
    #[n(0)]
    octets: ByteVec,
    #[n(1)]
    of_ppmid: bool,
}

#[derive(Encode, Decode)]
struct SourceRecord {
    #[n(0)]
    kind: u8,
    #[n(1)]
    eui: u64,
}

impl SourceRecord {
    fn of(source: Source) -> Self {
        let (kind, eui) = match source {
            Source::Wan => (0, 0),
            Source::Device(eui) => (1, eui.to_u64()),
            Source::Function(Function::Chf) => (2, 0),
            Source::Function(Function::Gpf) => (3, 0),
        };
        Self { kind, eui }
    }

    fn source(&self) -> Result<Source, RecordError> {
        Ok(match self.kind {
            0 => Source::Wan,
            1 => Source::Device(Eui64::from_u64(self.eui)),
            2 => Source::Function(Function::Chf),
            3 => Source::Function(Function::Gpf),
            _ => return Err(RecordError::Number),
        })
    }
}

#[derive(Encode, Decode)]
struct LetterRecord {
    #[n(0)]
    eui: u64,
    #[n(1)]
    octets: ByteVec,
    #[n(2)]
    source: SourceRecord,
    #[n(3)]
    taken: u64,
}

impl LetterRecord {
    fn of(eui: Eui64, letter: &Letter) -> Self {
        Self {
            eui: eui.to_u64(),
            octets: letter.octets.clone().into(),
            source: SourceRecord::of(letter.source),
            taken: letter.taken.0,
        }
    }

    fn letter(self) -> Result<(Eui64, Letter), RecordError> {
        let route = Route::parse(&self.octets).map_err(RecordError::Message)?;
        let source = self.source.source()?;
        Ok((Eui64::from_u64(self.eui), Letter { route, octets: self.octets.into(), source, taken: Time(self.taken) }))
    }
}

#[derive(Encode, Decode)]
struct CarriedRecord {
    #[n(0)]
    originator: u64,
    #[n(1)]
    target: u64,
    #[n(2)]
    cra: u8,
    #[n(3)]
    counter: u64,
    #[n(4)]
    source: SourceRecord,
    #[n(5)]
    by_ppmid: bool,
    #[n(6)]
    at: u64,
}

impl CarriedRecord {
    fn of(carried: &Carried) -> Self {
        let MessageId { originator, target, cra, counter } = carried.command;
        Self {
            originator: originator.to_u64(),
            target: target.to_u64(),
            cra: cra as u8,
            counter: counter.0,
            source: SourceRecord::of(carried.source),
            by_ppmid: carried.by_ppmid,
            at: carried.at.0,
        }
    }

    fn carried(&self) -> Result<Carried, RecordError> {
        let command = MessageId {
            originator: Eui64::from_u64(self.originator),
            target: Eui64::from_u64(self.target),
            cra: Cra::from_octet(self.cra).ok_or(RecordError::Number)?,
            counter: Counter(self.counter),
        };
        Ok(Carried { command, source: self.source.source()?, by_ppmid: self.by_ppmid, at: Time(self.at) })
    }
}

#[derive(Encode, Decode)]
struct LogRecord {
    #[n(0)]
    time: u64,
    #[n(1)]
    code: u16,
    #[n(2)]
    message: Option<u16>,
}

impl LogRecord {
    fn of(entry: &LogEntry) -> Self {
        Self { time: entry.time.0, code: entry.code, message: entry.message.map(|message| message.0) }
    }

    fn entry(&self) -> LogEntry {
        LogEntry { time: Time(self.time), code: self.code, message: self.message.map(MessageCode) }
    }
}
