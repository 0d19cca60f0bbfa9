//! The steps of a dialogue: who said what to whom, in the field's own words.
use gbcs::{Eui64, Route, Time, catalogue};
use han::capture::dissect::{Dissector, Said, Station, What};
use han::join::MacCommand;
use han::tunnel::gsme::GsmeData;
use han::zcl::tunneling::{self, ToClient, ToServer, to_client, to_server};
use han::zcl::{Direction, Frame, global, mirror};
use han::{cbke, zdo};
use serde_json::{Map, Value, json};

/// A dialogue, as far as it was told.
pub struct Dialogue {
    labels: Vec<String>,
    steps: Vec<Recorded>,
    devices: Vec<Device>,
}

/// A device that said or was told something.
pub struct Device {
    station: Station,
    /// What the label of its link key calls it.
    label: Option<String>,
    pub eui: Option<Eui64>,
}

struct Recorded {
    at: Time,
    from: usize,
    /// None: everybody.
    to: Option<usize>,
    what: Words,
}

/// What was said, in words and in parts.
pub struct Words {
    pub text: String,
    fields: Map<String, Value>,
}

/// A step, with all that there is to tell of it.
pub struct Step<'a> {
    pub at: Time,
    pub from: usize,
    pub to: Option<usize>,
    pub what: &'a Words,
    dialogue: &'a Dialogue,
}

impl Dialogue {
    /// An empty one; the labels are those of the keys that open its frames.
    pub fn new(labels: Vec<String>) -> Self {
        Self { labels, steps: Vec::new(), devices: Vec::new() }
    }

    pub fn push(&mut self, said: &Said) {
        let Some(what) = words(&said.what) else { return };
        let from = self.device(said.from);
        let to = (said.to != Station::All).then(|| self.device(said.to));
        if let What::Datagram { key: Some(key), .. } = said.what
            && let Some(to) = to
            && let Some(label) = self.labels.get(key)
        {
            // A link key is shared with the hub: it names the other of the two.
            let label = label.trim_end_matches(" link").to_owned();
            for (device, other) in [(from, to), (to, from)] {
                if !self.devices[device].is_hub() && self.devices[other].is_hub() {
                    self.devices[device].label = Some(label.clone());
                }
            }
        }
        self.steps.push(Recorded { at: said.at, from, to, what });
    }

    /// Two names of one device become one, now that the whole capture told which are.
    pub fn name_devices(&mut self, dissector: &Dissector) {
        for device in &mut self.devices {
            device.eui = dissector.eui(device.station);
        }
        let mut same: Vec<usize> = (0..self.devices.len()).collect();
        for (at, device) in self.devices.iter().enumerate() {
            if let Station::Extended(eui) = device.station
                && let Some(short) = dissector.short(eui)
                && let Some(other) = self.devices.iter().position(|d| d.station == Station::Short(short))
            {
                same[at] = other;
            }
        }
        for step in &mut self.steps {
            step.from = same[step.from];
            step.to = step.to.map(|to| same[to]);
        }
        // Only those that still say something stay.
        let kept: Vec<usize> = (0..self.devices.len()).filter(|at| same[*at] == *at).collect();
        let place = |at: usize| kept.iter().position(|kept| *kept == at).unwrap_or_default();
        for step in &mut self.steps {
            step.from = place(step.from);
            step.to = step.to.map(place);
        }
        let mut at = 0;
        self.devices.retain(|_| {
            at += 1;
            same[at - 1] == at - 1
        });
    }

    pub fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        self.steps.iter().map(|s| Step { at: s.at, from: s.from, to: s.to, what: &s.what, dialogue: self })
    }

    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    fn device(&mut self, station: Station) -> usize {
        self.devices.iter().position(|device| device.station == station).unwrap_or_else(|| {
            self.devices.push(Device { station, label: None, eui: None });
            self.devices.len() - 1
        })
    }
}

impl Device {
    /// The coordinator of a network is the hub.
    fn is_hub(&self) -> bool {
        self.station == Station::Short(han::ShortAddress::COORDINATOR)
    }

    /// A short name for the head of a column.
    pub fn name(&self) -> String {
        match (&self.label, self.station) {
            (Some(label), _) => label.clone(),
            (None, _) if self.is_hub() => "hub".into(),
            (None, Station::Short(short)) => format!("{short:?}"),
            (None, Station::Extended(eui)) => eui.to_string()[15..].to_owned(),
            (None, Station::All) => "all".into(),
        }
    }

    /// Its address in the network, if it has one.
    pub fn address(&self) -> String {
        match self.station {
            Station::Short(short) => format!("{short:?}"),
            _ => "-".into(),
        }
    }
}

impl Step<'_> {
    pub fn to_json(&self) -> Value {
        let devices = &self.dialogue.devices;
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
        put("at", json!(self.at.0 as f64 / 1000.0));
        put("from", json!(devices[self.from].name()));
        put("to", json!(self.to.map_or("all".to_owned(), |to| devices[to].name())));
        if let Some(eui) = devices[self.from].eui {
            put("from_eui", json!(eui.to_string()));
        }
        if let Some(eui) = self.to.and_then(|to| devices[to].eui) {
            put("to_eui", json!(eui.to_string()));
        }
        object.extend(self.what.fields.clone());
        Value::Object(object)
    }
}

impl Words {
    fn new(kind: &str, text: impl Into<String>) -> Self {
        let mut fields = Map::new();
        fields.insert("kind".into(), json!(kind));
        Self { text: text.into(), fields }
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }
}

/// What was said, or nothing where it says nothing of the dialogue.
fn words(what: &What) -> Option<Words> {
    Some(match what {
        What::Datagram { ends, payload, .. } if ends.profile == zdo::PROFILE => device_profile(ends.cluster, payload),
        What::Datagram { ends, payload, .. } => cluster(ends.cluster, payload),
        What::InterPan { cluster: id, payload: Some(payload) } => {
            let Words { text, fields } = cluster(*id, payload);
            Words { text: format!("inter-PAN: {text}"), fields }.with("inter_pan", true)
        }
        What::InterPan { payload: None, .. } => Words::new("inter-pan", "inter-PAN: under a key that is not known"),
        What::Beacon(beacon) => {
            let open = if beacon.permits_joining { "joining is open" } else { "joining is closed" };
            Words::new("beacon", format!("beacon of {}: {open}", beacon.extended_pan))
        }
        What::Mac(MacCommand::BeaconRequest) => Words::new("beacon-request", "who is there?"),
        What::Mac(MacCommand::AssociationRequest(_)) => Words::new("association-request", "association request"),
        What::Mac(MacCommand::AssociationResponse(short, 0)) => {
            Words::new("association-response", format!("association response: address {short:?}"))
        }
        What::Mac(MacCommand::AssociationResponse(_, status)) => {
            Words::new("association-response", format!("association response: refused, status {status}"))
        }
        What::Mac(MacCommand::DataRequest) => return None,
        What::TransportKey(device) => Words::new("transport-key", format!("Transport-Key: network key for {device}")),
        What::RequestKey(partner) => Words::new("request-key", format!("Request-Key: a link key with {partner}")),
        What::LinkKey(partner) => Words::new("link-key", format!("Transport-Key: link key with {partner}")),
    })
}

fn device_profile(cluster: u16, payload: &[u8]) -> Words {
    use zdo::Command::*;
    let Ok(frame) = zdo::Frame::parse(cluster, payload) else {
        return Words::new("zdo", format!("ZDO command {cluster:04X}"));
    };
    let text = match &frame.command {
        AddressRequest { eui } => format!("where is {eui}?"),
        AddressResponse { eui, short, .. } => format!("address of {eui}: {short:?}"),
        DeviceAnnounce { eui, .. } => format!("device announce: {eui}"),
        SimpleDescriptorRequest { endpoint, .. } => format!("what is endpoint {endpoint}?"),
        ActiveEndpointsRequest { .. } => "which endpoints are there?".into(),
        MatchDescriptorRequest { inputs, .. } => format!("match descriptor: who serves {}?", hex(inputs)),
        SimpleDescriptorResponse { status, .. } => format!("simple descriptor: {status:?}"),
        ActiveEndpointsResponse { endpoints, .. } => format!("endpoints {endpoints:?}"),
        MatchDescriptorResponse { endpoints, .. } => format!("match descriptor: endpoints {endpoints:?}"),
    };
    Words::new("zdo", text)
}

fn hex(clusters: &[u16]) -> String {
    clusters.iter().map(|cluster| format!("{cluster:04X}")).collect::<Vec<_>>().join(" ")
}

fn cluster(id: u16, zcl: &[u8]) -> Words {
    let Ok(frame) = Frame::parse(zcl) else { return Words::new("zcl", format!("no ZCL frame, cluster {id:04X}")) };
    if let Some(response) = frame.as_default_response() {
        let to = match (id, frame.direction) {
            (tunneling::CLUSTER, Direction::ToServer) => to_client_name(response.command),
            (tunneling::CLUSTER, Direction::ToClient) => to_server_name(response.command),
            _ => None,
        };
        let to = to.map_or_else(|| format!("command {:02X}", response.command), str::to_owned);
        let status = format!("{:?}", response.status);
        return Words::new("default-response", format!("Default Response: {to} {status}"))
            .with("command", to)
            .with("status", status);
    }
    match (id, frame.cluster_specific) {
        (tunneling::CLUSTER, true) => tunnel(&frame),
        (cbke::CLUSTER, true) => key_establishment(&frame),
        (mirror::CLUSTER, true) => metering(&frame),
        (_, true) => Words::new("zcl", format!("{} command {:02X}", cluster_name(id), frame.command)),
        (_, false) => {
            let what = match frame.command {
                global::READ_ATTRIBUTES => "Read Attributes".to_owned(),
                global::READ_ATTRIBUTES_RESPONSE => "Read Attributes Response".to_owned(),
                global::REPORT_ATTRIBUTES => "Report Attributes".to_owned(),
                other => format!("general command {other:02X}"),
            };
            Words::new("zcl", format!("{}: {what}", cluster_name(id)))
        }
    }
    .with("cluster", format!("{id:04X}"))
}

fn tunnel(frame: &Frame<'_>) -> Words {
    let said = match frame.direction {
        Direction::ToServer => ToServer::parse(frame.command, frame.payload).map(to_server_words),
        Direction::ToClient => ToClient::parse(frame.command, frame.payload).map(to_client_words),
    };
    said.unwrap_or_else(|error| Words::new("tunnel", format!("a Tunneling command that is none: {error}")))
}

fn to_server_words(command: ToServer<'_>) -> Words {
    let name = to_server_name(command.command()).unwrap_or("Tunneling command");
    match command {
        ToServer::RequestTunnel(request) => {
            Words::new("request-tunnel", format!("{name}: protocol {}", request.protocol.id))
        }
        ToServer::TransferData(tunnel, data) => transfer(tunnel, data),
        ToServer::TransferDataError(tunnel, status) => error(tunnel, &format!("{status:?}")),
        ToServer::CloseTunnel(tunnel) => Words::new("close-tunnel", format!("{name} {tunnel}")).with("tunnel", tunnel),
        _ => Words::new("tunnel", name),
    }
}

fn to_client_words(command: ToClient<'_>) -> Words {
    let name = to_client_name(command.command()).unwrap_or("Tunneling command");
    match command {
        ToClient::RequestTunnelResponse { tunnel, status, .. } => {
            let granted = if tunnel == tunneling::NO_TUNNEL { String::new() } else { format!(", tunnel {tunnel}") };
            Words::new("request-tunnel-response", format!("{name}: {status:?}{granted}"))
                .with("tunnel", tunnel)
                .with("status", format!("{status:?}"))
        }
        ToClient::TransferData(tunnel, data) => transfer(tunnel, data),
        ToClient::TransferDataError(tunnel, status) => error(tunnel, &format!("{status:?}")),
        ToClient::TunnelClosureNotification(tunnel) => {
            Words::new("tunnel-closure-notification", format!("{name}: tunnel {tunnel}")).with("tunnel", tunnel)
        }
        _ => Words::new("tunnel", name),
    }
}

fn error(tunnel: u16, status: &str) -> Words {
    Words::new("transfer-data-error", format!("TransferDataError: tunnel {tunnel}, {status}"))
        .with("tunnel", tunnel)
        .with("status", status)
}

/// Data in a tunnel: a message, or a gas meter's header and a message.
fn transfer(tunnel: u16, data: &[u8]) -> Words {
    let (header, message, remaining) = match GsmeData::parse(data) {
        Ok(GsmeData::Get) => ("GET", &[][..], None),
        Ok(GsmeData::GetResponse { remaining, message: [] }) => {
            ("GET-RESPONSE, nothing waits", &[][..], Some(remaining))
        }
        Ok(GsmeData::GetResponse { remaining, message }) => ("GET-RESPONSE", message, Some(remaining)),
        Ok(GsmeData::Put(message)) => ("PUT", message, None),
        Err(_) => ("", data, None),
    };
    let mut text = format!("[{tunnel}]");
    if !header.is_empty() {
        text += &format!(" {header}");
    }
    let mut words = Words::new("transfer-data", "").with("tunnel", tunnel).with("octets", data.len());
    if !header.is_empty() {
        words = words.with("header", header.split(',').next().unwrap_or_default());
    }
    if let Some(remaining) = remaining {
        words = words.with("remaining", remaining);
        if remaining > 0 {
            text += &format!(" ({remaining} more)");
        }
    }
    if !message.is_empty() {
        match Route::parse(message) {
            Ok(route) => {
                let use_case = catalogue::find(route.code);
                let cra = format!("{:?}", route.id.cra);
                let name = use_case.map_or_else(|| route.code.to_string(), |u| format!("{} {}", u.id, u.title));
                text += &format!(" {cra}, {name}, counter {}, {} octets", route.id.counter.0, message.len());
                words = words
                    .with("cra", cra)
                    .with("code", format!("{:04X}", route.code.0))
                    .with("originator", route.id.originator.to_string())
                    .with("target", route.id.target.to_string())
                    .with("counter", route.id.counter.0);
                if let Some(use_case) = use_case {
                    words = words.with("use_case", use_case.id).with("title", use_case.title);
                }
                if let gbcs::envelope::RouteForm::Block { number, last } = route.form {
                    text += &format!(", block {number}{}", if last { ", the last" } else { "" });
                    words = words.with("block", number).with("last", last);
                }
            }
            Err(_) => text += &format!(" {} octets that are no GBCS message", message.len()),
        }
    }
    Words { text, ..words }
}

fn key_establishment(frame: &Frame<'_>) -> Words {
    let by = if frame.direction == Direction::ToServer { "" } else { " (answer)" };
    let text = match cbke::Command::parse(frame.command, frame.payload) {
        _ if frame.manufacturer.is_some() && frame.command == comms_hub::hht::REGISTER => "HHT registration".into(),
        _ if frame.manufacturer.is_some() => format!("HHT registration: status {:?}", frame.payload),
        Ok(cbke::Command::Initiate { suites, .. }) => format!("key establishment: initiate, suite {suites:04X}{by}"),
        Ok(cbke::Command::EphemeralData(_)) => format!("key establishment: ephemeral data{by}"),
        Ok(cbke::Command::ConfirmKeyData(_)) => format!("key establishment: confirm{by}"),
        Ok(cbke::Command::Terminate { refusal, .. }) => format!("key establishment: terminate, {refusal:?}"),
        Err(_) => format!("key establishment command {:02X}", frame.command),
    };
    Words::new("key-establishment", text)
}

fn metering(frame: &Frame<'_>) -> Words {
    use mirror::{FromMeter, FromMirror};
    let text = match frame.direction {
        Direction::ToClient => match FromMeter::parse(frame.command, frame.payload) {
            Ok(FromMeter::RequestMirror) => "RequestMirror".into(),
            Ok(FromMeter::ConfigureMirror(_)) => "ConfigureMirror".into(),
            Err(_) => format!("Metering command {:02X}", frame.command),
        },
        Direction::ToServer => match FromMirror::parse(frame.command, frame.payload) {
            Ok(FromMirror::RequestMirrorResponse(endpoint)) => format!("RequestMirrorResponse: endpoint {endpoint}"),
            Ok(FromMirror::ReportAttributeResponse(flags)) if flags.tunnel_message_pending() => {
                "MirrorReportAttributeResponse: a message waits".into()
            }
            Ok(FromMirror::ReportAttributeResponse(_)) => "MirrorReportAttributeResponse: nothing waits".into(),
            Err(_) => format!("Metering command {:02X}", frame.command),
        },
    };
    Words::new("metering", text)
}

const fn to_server_name(command: u8) -> Option<&'static str> {
    Some(match command {
        to_server::REQUEST_TUNNEL => "RequestTunnel",
        to_server::CLOSE_TUNNEL => "CloseTunnel",
        to_server::TRANSFER_DATA => "TransferData",
        to_server::TRANSFER_DATA_ERROR => "TransferDataError",
        to_server::ACK_TRANSFER_DATA => "AckTransferData",
        to_server::READY_DATA => "ReadyData",
        to_server::GET_SUPPORTED_TUNNEL_PROTOCOLS => "GetSupportedTunnelProtocols",
        _ => return None,
    })
}

const fn to_client_name(command: u8) -> Option<&'static str> {
    Some(match command {
        to_client::REQUEST_TUNNEL_RESPONSE => "RequestTunnelResponse",
        to_client::TRANSFER_DATA => "TransferData",
        to_client::TRANSFER_DATA_ERROR => "TransferDataError",
        to_client::ACK_TRANSFER_DATA => "AckTransferData",
        to_client::READY_DATA => "ReadyData",
        to_client::SUPPORTED_TUNNEL_PROTOCOLS_RESPONSE => "SupportedTunnelProtocolsResponse",
        to_client::TUNNEL_CLOSURE_NOTIFICATION => "TunnelClosureNotification",
        _ => return None,
    })
}

fn cluster_name(id: u16) -> String {
    match id {
        0x0000 => "Basic".into(),
        0x0025 => "Keep-Alive".into(),
        0x0700 => "Price".into(),
        0x0702 => "Metering".into(),
        0x0703 => "Messaging".into(),
        tunneling::CLUSTER => "Tunneling".into(),
        0x0705 => "Prepayment".into(),
        0x0707 => "Calendar".into(),
        0x0708 => "Device Management".into(),
        0x0709 => "Events".into(),
        cbke::CLUSTER => "Key Establishment".into(),
        other => format!("cluster {other:04X}"),
    }
}
