//! A device's answer or alert as one tree of values, and how each part of it went.
use gbcs::catalogue::{self, RowTemplate, UseCase};
use gbcs::dlms::{AccessResponse, Apdu, Choice, Data, DataAccessResult, DataNotification};
use gbcs::gbz::zcl::{AttributeRecord, Body, Command, Status};
use gbcs::gbz::{self, AlertData, Component, Content};
use gbcs::verify::{EncryptedPart, Plain};
use gbcs::{MessageView, Payload};

use super::node::{Node, Struct};

/// What an answer or an alert says.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Its values, by the names of the catalogue.
    pub values: Struct,
    /// How its parts went, in their order.
    pub parts: Vec<Part>,
    /// Parts that no value could be made of.
    pub pieces: Vec<Piece>,
}

/// How a part went.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// A row.
    Row { choice: Choice, result: DataAccessResult },
    /// A command of a cluster.
    Command { cluster: u16, command: u8, status: Status },
    /// An attribute of a cluster.
    Attribute { cluster: u16, attribute: u16, status: Status },
}

impl Part {
    fn is_success(&self) -> bool {
        match self {
            Self::Row { result, .. } => result.is_success(),
            // A log that has nothing of the time asked for is no failure (GBCS 7.2.10).
            Self::Command { status, .. } => status.is_success() || *status == Status::NOT_FOUND,
            Self::Attribute { status, .. } => status.is_success(),
        }
    }
}

/// A part of a message, or all of it, in its octets.
#[derive(Debug)]
pub(super) struct Piece {
    pub name: String,
    /// As `GBCSDataType` of the schema calls it.
    pub kind: &'static str,
    pub encrypted: bool,
    pub octets: Vec<u8>,
}

impl Answer {
    /// Whether nothing failed.
    pub fn is_success(&self) -> bool {
        self.parts.iter().all(Part::is_success)
    }

    /// What a message of this payload says; `opened` are its encrypted parts.
    pub fn of(view: &MessageView<'_>, payload: &Payload, opened: &[EncryptedPart]) -> Self {
        let mut answer = Self::default();
        let use_case = catalogue::find(view.message_code());
        match payload {
            Payload::Dlms(Apdu::Response(response)) => answer.rows(view, use_case, response, opened),
            Payload::Dlms(Apdu::Notification(alert)) => answer.dlms_alert(view, use_case, alert, opened),
            Payload::Gbz(payload) => {
                for (place, component) in payload.components.iter().enumerate() {
                    answer.component(component, opened.iter().find(|part| part.place == place));
                }
            }
            Payload::GbzAlert(alert) => answer.gbz_alert(alert, opened),
            Payload::Dlms(Apdu::Request(_)) | Payload::Asn1(_) | Payload::Der(_) => {}
        }
        answer
    }

    fn add_fields(&mut self, node: Option<Node>) {
        if let Some(Node::Struct(fields)) = node {
            fields.into_fields().into_iter().for_each(|(name, node)| self.values.add(name, node));
        }
    }

    fn rows(
        &mut self,
        view: &MessageView<'_>,
        use_case: Option<&'static UseCase>,
        response: &AccessResponse,
        opened: &[EncryptedPart],
    ) {
        let answers = &response.answers;
        let templates = use_case.and_then(|use_case| use_case.answered_rows(answers.len()));
        for (place, answer) in answers.iter().enumerate() {
            self.parts.push(Part::Row { choice: answer.choice, result: answer.result });
            if answer.data.is_null() {
                continue;
            }
            let template: Option<&'static RowTemplate> = templates.map(|templates| &templates[place]);
            let part = opened.iter().find(|part| part.place == place);
            let name = template.map_or_else(|| format!("row {}", place + 1), |template| template.member.full_name());
            match (template, part.and_then(|part| part.plain.as_ref())) {
                (Some(_), Some(Plain::Dlms(data))) => {
                    let field = use_case.and_then(|use_case| use_case.plaintext(view.cra(), place));
                    match field.filter(|field| field.fitting(data).of.fits(data)) {
                        Some(field) => self.add_fields(Node::of_data(field, data)),
                        None => self.piece(name, "dlms", encoded(data)),
                    }
                }
                (_, Some(Plain::Unknown(octets))) => self.piece(name, "dlms", octets.clone()),
                (Some(template), None) if part.is_none() && template.response.of.fits(&answer.data) => {
                    let member = template.member;
                    if let (Some(node), Some(object)) =
                        (Node::of_data(&template.response, &answer.data), self.values.member(member.object))
                    {
                        object.add(member.name, node);
                    }
                }
                _ => match (part, answer.data.as_structure()) {
                    (Some(_), Some([_, blob])) => {
                        let octets = blob.as_octets().unwrap_or_default().to_vec();
                        self.pieces.push(Piece { name, kind: "dlms", encrypted: true, octets });
                    }
                    _ => self.piece(name, "dlms", encoded(&answer.data)),
                },
            }
        }
    }

    fn dlms_alert(
        &mut self,
        view: &MessageView<'_>,
        use_case: Option<&'static UseCase>,
        alert: &DataNotification,
        opened: &[EncryptedPart],
    ) {
        if let Some(part) = opened.first() {
            let pushed = use_case.and_then(|use_case| use_case.plaintext(view.cra(), part.place));
            match (&part.plain, pushed) {
                (Some(Plain::Dlms(data)), Some(field)) => return self.add_fields(Node::of_data(field, data)),
                (Some(Plain::Dlms(data)), None) => return self.piece("alert data".into(), "dlms", encoded(data)),
                (Some(Plain::Unknown(octets)), _) => return self.piece("alert data".into(), "dlms", octets.clone()),
                (Some(Plain::Zcl(_)) | None, _) => {}
            }
            let octets = alert.further.last().and_then(Data::as_octets).unwrap_or_default().to_vec();
            return self.pieces.push(Piece { name: "alert data".into(), kind: "dlms", encrypted: true, octets });
        }
        let fields = use_case.map_or(&[][..], |use_case| use_case.further);
        for (place, data) in alert.further.iter().enumerate() {
            match fields.get(place).and_then(|field| Some((field.name, Node::of_data(field, data)?))) {
                Some((name, node)) => self.values.add(name, node),
                None => self.piece(format!("alert data {}", place + 1), "dlms", encoded(data)),
            }
        }
    }

    fn component(&mut self, component: &Component, part: Option<&EncryptedPart>) {
        let (cluster, command) = (component.cluster, component.command);
        let opened = match (&component.content, part.and_then(|part| part.plain.as_ref())) {
            (Content::Plain(body), _) => Some(body),
            (Content::Encrypted { .. }, Some(Plain::Zcl(body))) => Some(body),
            _ => None,
        };
        let name = || {
            let known = gbz::zcl::command_name(cluster, component.frame_control, command);
            known.map_or_else(|| format!("{cluster:04X}/{command:02X}"), str::to_owned)
        };
        let done = Part::Command { cluster, command, status: Status::SUCCESS };
        match (opened, &component.content) {
            (Some(Body::ReadAttributesResponse(records)), _) => {
                records.iter().for_each(|record| self.attribute(cluster, record));
            }
            (Some(Body::DefaultResponse { command, status }), _) => {
                self.parts.push(Part::Command { cluster, command: *command, status: *status });
            }
            (Some(Body::Cluster(command)), _) => {
                let status = status_of(command);
                self.parts.push(Part::Command { cluster, command: component.command, status });
                self.values.push(&name_of(command.name()), Node::of_command(command));
            }
            (Some(Body::Unknown(octets)), _) => {
                self.parts.push(done);
                self.piece(name(), "zigbeePlain", octets.to_vec());
            }
            (Some(Body::ReadAttributes(_)), _) => self.parts.push(done),
            (None, Content::Encrypted { blob, .. }) => {
                self.parts.push(done);
                let plain = part.and_then(|part| part.plain.as_ref());
                if let Some(Plain::Unknown(octets)) = plain {
                    self.piece(name(), "zigbeePlain", octets.clone());
                } else {
                    let octets = blob.clone();
                    self.pieces.push(Piece { name: name(), kind: "zigbeeCiphered", encrypted: true, octets });
                }
            }
            (None, Content::Plain(_)) => {}
        }
    }

    fn attribute(&mut self, cluster: u16, record: &AttributeRecord) {
        let known = catalogue::zcl_attribute(cluster, record.id);
        let status = match &record.value {
            Ok(value) => {
                match known.zip(Node::of_attribute(value)) {
                    Some((known, node)) => self.values.add(known.name, node),
                    None => {
                        let octets = [record.id.to_be_bytes().as_slice(), &[value.tag()]].concat();
                        self.piece(format!("{cluster:04X}/{:04X}", record.id), "zigbeePlain", octets);
                    }
                }
                Status::SUCCESS
            }
            Err(status) => *status,
        };
        self.parts.push(Part::Attribute { cluster, attribute: record.id, status });
    }

    fn gbz_alert(&mut self, alert: &gbz::Alert, opened: &[EncryptedPart]) {
        let number = |n: u64| Node::Octets(n.to_be_bytes().to_vec());
        match &alert.data {
            AlertData::None => {}
            AlertData::FutureDated { message_code, counter, cluster, frame_control, command } => {
                let instruction = Struct::of([
                    ("message_code", Node::Octets(message_code.0.to_be_bytes().to_vec())),
                    ("counter", number(counter.0)),
                    ("cluster", Node::Octets(cluster.to_be_bytes().to_vec())),
                    ("frame_control", Node::Octets(vec![*frame_control])),
                    ("command", Node::Octets(vec![*command])),
                ]);
                self.values.add("instruction", Node::Struct(instruction));
            }
            AlertData::FirmwareHash(hash) => self.values.add("image_hash", Node::Octets(hash.to_vec())),
            AlertData::Component(component) => self.component(component, opened.first()),
            AlertData::Other(octets) => self.values.add("information", Node::Octets(octets.to_vec())),
        }
    }

    fn piece(&mut self, name: String, kind: &'static str, octets: Vec<u8>) {
        self.pieces.push(Piece { name, kind, encrypted: false, octets });
    }
}

/// How a response command says it went.
fn status_of(command: &Command) -> Status {
    match command {
        // Accepted, or accepted and what became of the supply (GBCS messages 14.4).
        Command::ConsumerTopUpResponse(response) if !matches!(response.result, 0 | 0x10..=0x12) => Status::FAILURE,
        // No log is cleared, no sampling begun.
        Command::ClearEventLogResponse(response) if response.cleared == 0 => Status::FAILURE,
        Command::StartSamplingResponse(response) if response.sample == 0xFFFF => Status::FAILURE,
        _ => Status::SUCCESS,
    }
}

/// The name of a command as a path has it: `publish_snapshot`.
pub(super) fn name_of(command: &str) -> String {
    command.to_ascii_lowercase().replace(' ', "_")
}

fn encoded(data: &Data) -> Vec<u8> {
    let mut octets = Vec::with_capacity(data.encoded_len());
    data.encode(&mut octets);
    octets
}
