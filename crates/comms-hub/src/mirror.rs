//! The gas mirror: what a gas meter last reported, and the flags it is told in return (GBCS 10.3; han.md 5.1).
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use gbcs::Eui64;
use han::zcl::attributes::{ReadAttributes, ReadAttributesResponse, ReportAttributes, Value};
use han::zcl::mirror::{
    CLUSTER as METERING, FromMeter, FromMirror, Notifications, PUSH_HISTORY, TUNNEL_MESSAGE_PENDING,
};
use han::zcl::{Direction, Frame, Status, global};

/// Endpoint of the Energy Service Interface, at which a mirror is asked for.
pub const ESI_ENDPOINT: u8 = 1;
/// Endpoint of the mirror.
pub const MIRROR_ENDPOINT: u8 = 2;
/// Attribute ReportingStatus: 1 when a report is the last of its kind, 0 when more follow.
const REPORTING_STATUS: u16 = 0xFFFE;
/// Attributes kept for all gas meters together.
const ATTRIBUTES: usize = 128;
/// Octets of a value that is kept.
const VALUE_MAX: usize = 64;

/// The latest value of each reported attribute.
#[derive(Clone, Debug, Default)]
pub struct Mirror {
    /// By gas meter, cluster and attribute: data type and octets.
    values: BTreeMap<(Eui64, u16, u16), (u8, Vec<u8>)>,
    tsn: u8,
}

/// What came of a frame for the mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reaction {
    /// Frames to answer with, from the endpoint the frame was for.
    pub answers: Vec<Vec<u8>>,
    /// Attributes that were reported.
    pub reported: usize,
    /// The report was the last of its kind.
    pub last: bool,
}

/// What the mirror tells a gas meter that reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// A message waits for it.
    pub pending: bool,
    /// Nothing of its logs is here: it is to push them.
    pub wants_history: bool,
}

impl Mirror {
    /// Take a frame of a gas meter for ESI or mirror.
    pub fn handle(&mut self, gsme: Eui64, endpoint: u8, cluster: u16, frame: &Frame<'_>, flags: Flags) -> Reaction {
        if frame.as_default_response().is_some() {
            return Reaction::default();
        }
        if frame.cluster_specific && cluster == METERING && frame.direction == Direction::ToClient {
            return match (FromMeter::parse(frame.command, frame.payload), endpoint) {
                (Ok(FromMeter::RequestMirror), _) => {
                    let response = FromMirror::RequestMirrorResponse(MIRROR_ENDPOINT.into());
                    Reaction::answer(encode(&response, frame.tsn))
                }
                (Ok(FromMeter::ConfigureMirror(_)), MIRROR_ENDPOINT) => Reaction::status(frame, Status::Success),
                (Ok(_), _) => Reaction::status(frame, Status::NotFound),
                (Err(han::ParseError::Unsupported(_)), _) => Reaction::status(frame, Status::UnsupportedClusterCommand),
                (Err(_), _) => Reaction::status(frame, Status::MalformedCommand),
            };
        }
        if !frame.cluster_specific && frame.command == global::REPORT_ATTRIBUTES && endpoint == MIRROR_ENDPOINT {
            return match ReportAttributes::parse(frame.payload) {
                Ok(report) => self.report(gsme, cluster, frame, &report, flags),
                Err(_) => Reaction::status(frame, Status::MalformedCommand),
            };
        }
        self.read(gsme, cluster, frame)
    }

    /// Answer a read of what `gsme` reported, from any device; anything else is not supported here.
    pub fn read(&self, gsme: Eui64, cluster: u16, frame: &Frame<'_>) -> Reaction {
        if frame.as_default_response().is_some() {
            return Reaction::default();
        }
        if frame.cluster_specific {
            return Reaction::status(frame, Status::UnsupportedClusterCommand);
        }
        if frame.command != global::READ_ATTRIBUTES {
            return Reaction::status(frame, Status::UnsupportedGeneralCommand);
        }
        let Ok(ReadAttributes(wanted)) = ReadAttributes::parse(frame.payload) else {
            return Reaction::status(frame, Status::MalformedCommand);
        };
        // Sixteen at a time keep the answer below one datagram.
        let values = wanted
            .into_iter()
            .take(16)
            .map(|attribute| (attribute, self.value(gsme, cluster, attribute).ok_or(Status::UnsupportedAttribute)));
        let mut payload = Vec::new();
        ReadAttributesResponse(values.collect()).encode(&mut payload);
        let answer = Frame {
            cluster_specific: false,
            direction: frame.direction.reversed(),
            disable_default_response: true,
            command: global::READ_ATTRIBUTES_RESPONSE,
            payload: &payload,
            ..*frame
        };
        Reaction::answer(answer.to_vec())
    }

    /// The latest value of an attribute.
    pub fn value(&self, gsme: Eui64, cluster: u16, attribute: u16) -> Option<Value<'_>> {
        let (data_type, octets) = self.values.get(&(gsme, cluster, attribute))?;
        Value::new(*data_type, octets)
    }

    /// Every value: gas meter, cluster, attribute, data type, octets.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Eui64, u16, u16, u8, &[u8])> {
        self.values.iter().map(|((gsme, cluster, id), (kind, octets))| (*gsme, *cluster, *id, *kind, &octets[..]))
    }

    /// Keep a value, where there is room for it.
    pub(crate) fn insert(&mut self, gsme: Eui64, cluster: u16, attribute: u16, data_type: u8, octets: &[u8]) {
        let key = (gsme, cluster, attribute);
        let fits = self.values.len() < ATTRIBUTES || self.values.contains_key(&key);
        if fits && octets.len() <= VALUE_MAX {
            self.values.insert(key, (data_type, octets.to_vec()));
        }
    }

    /// Forget a gas meter.
    pub fn forget(&mut self, gsme: Eui64) {
        self.values.retain(|(eui, ..), _| *eui != gsme);
    }

    fn report(
        &mut self,
        gsme: Eui64,
        cluster: u16,
        frame: &Frame<'_>,
        report: &ReportAttributes<'_>,
        flags: Flags,
    ) -> Reaction {
        let mut last = true;
        for (attribute, value) in &report.0 {
            if *attribute == REPORTING_STATUS {
                last = value.unsigned() != Some(0);
            }
            self.insert(gsme, cluster, *attribute, value.data_type(), value.octets());
        }
        let mut reaction = Reaction::status(frame, Status::Success);
        reaction.reported = report.0.len();
        if last {
            // One answer to the last report; a report that does not say whether it is counts as the last.
            self.tsn = self.tsn.wrapping_add(1);
            reaction.last = true;
            let pending = if flags.pending { TUNNEL_MESSAGE_PENDING } else { 0 };
            let flags = pending | if flags.wants_history { PUSH_HISTORY } else { 0 };
            reaction
                .answers
                .push(encode(&FromMirror::ReportAttributeResponse(Notifications::functional(flags)), self.tsn));
        }
        reaction
    }
}

impl Reaction {
    fn answer(frame: Vec<u8>) -> Self {
        Self { answers: alloc::vec![frame], ..Self::default() }
    }

    fn status(frame: &Frame<'_>, status: Status) -> Self {
        if status == Status::Success && frame.disable_default_response {
            return Self::default();
        }
        Self::answer(frame.default_response(status))
    }
}

/// A command of the mirror's side, which is the client of the Metering cluster.
fn encode(command: &FromMirror, tsn: u8) -> Vec<u8> {
    let mut payload = Vec::with_capacity(command.encoded_len());
    command.encode(&mut payload);
    Frame {
        cluster_specific: true,
        manufacturer: None,
        direction: Direction::ToServer,
        disable_default_response: true,
        tsn,
        command: command.command(),
        payload: &payload,
    }
    .to_vec()
}
