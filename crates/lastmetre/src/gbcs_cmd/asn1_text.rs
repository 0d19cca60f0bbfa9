//! ASN.1 payloads for people.
use super::text::line;
use gbcs::asn1::{
    Cell, CellUsage, CertificateDer, Content, CredentialsUpdate, KeyUsages, LogEntry, PartyFloor, Payload,
    RoleCredentials, SpecialistFloor, UpdateControl, UpdateOutcome,
};
use gbcs::certificate::Role;
use std::fmt::Display;

pub(super) fn describe(payload: &Payload, out: &mut String) {
    let mut page = Page { out };
    match payload.content() {
        Content::RequestCredentials(request) => {
            page.title("which credentials do you hold");
            page.field("asked by", cell(&request.requester));
            page.field("of", request.roles.iter().map(|role| self::role(*role)).collect::<Vec<_>>().join(", "));
        }
        Content::Credentials(roles) => {
            page.title("credentials held");
            roles.iter().for_each(|role| page.credentials(role));
        }
        Content::UpdateCredentials(update) => page.update(update),
        Content::CredentialsUpdateAccepted => page.title("accepted, not yet executed"),
        Content::CredentialsUpdated(outcome) => {
            page.title("credentials replaced");
            page.outcome(outcome);
        }
        Content::CredentialsUpdateAlert(alert) => {
            page.alert(alert.code, alert.time);
            page.outcome(&alert.outcome);
        }
        Content::IssueCredentials(request) => page.one("make a key for", request.usage),
        Content::CertificationRequest(request) => {
            page.one("certification request", format_args!("{} octets", request.octets().len()));
        }
        Content::IssueRefused(refusal) => page.one("no certification request", refusal),
        Content::Certificate(certificate) => page.one("certificate", self::certificate(certificate)),
        Content::CertificateUpdated(status) => page.one("certificate", status),
        Content::ProvideCertificate(request) => page.one("give the certificate for", request.usage),
        Content::ProvideRefused(refusal) => page.one("no certificate", refusal),
        Content::Join(join) => {
            page.title("join");
            page.field("with", format_args!("{} ({})", join.device, join.kind));
            page.field("method", join.method);
            if let Some(certificate) = &join.certificate {
                page.field("certificate", self::certificate(certificate));
            }
        }
        Content::Joined(status) => page.one("join", status),
        Content::Unjoin(device) => page.one("unjoin from", device),
        Content::Unjoined(status) => page.one("unjoin", status),
        Content::ActivateFirmware(command) => {
            page.title("activate firmware");
            page.field("hash", hex::encode(command.hash.0));
            page.field("counter", command.counter);
            page.execution(command.execution);
        }
        Content::ActivationAccepted => page.title("accepted, not yet executed"),
        Content::FirmwareActivated(outcome) => {
            page.one("firmware", outcome.status);
            page.field("runs now", outcome.version);
        }
        Content::ActivationAlert(alert) => {
            page.alert(alert.code, alert.time);
            page.field("of counter", alert.counter);
            page.field("firmware", alert.outcome.status);
            page.field("runs now", alert.outcome.version);
        }
        Content::ReadJoinDetails => page.title("read join details"),
        Content::JoinDetails(details) => {
            page.one("join details", details.status);
            details.log.iter().flatten().for_each(|entry| page.entry(entry, None));
        }
        Content::ReadFirmwareVersion => page.title("read firmware version"),
        Content::FirmwareReport(report) => {
            page.one("firmware", report.version);
            page.field("last activation", report.status);
        }
        Content::FirmwareAlert(alert) => {
            page.alert(alert.code, alert.time);
            page.field("activation", alert.status);
            page.field("runs now", alert.version);
        }
        Content::TransferAlert(alert) => {
            page.alert(alert.code, alert.time);
            page.field("device", alert.device);
            page.field("firmware", alert.version);
            page.field("transfer", alert.status);
        }
        Content::SetClock(command) => {
            page.title("set clock");
            page.field("not before", command.from);
            page.field("not after", command.to);
        }
        Content::ClockReport(report) => {
            page.one("clock", report.time);
            page.field("status", report.status);
        }
        Content::RestoreDeviceLog(log) => {
            page.title("restore device log");
            log.entries.iter().for_each(|entry| page.entry(entry, None));
        }
        Content::DeviceLogRestored(log) => {
            page.title("device log restored");
            log.outcomes.iter().for_each(|outcome| page.entry(&outcome.entry, Some(&outcome.status)));
        }
        Content::DeviceLogAlert(alert) => {
            page.alert(alert.code, alert.time);
            alert.entries.iter().for_each(|entry| page.entry(entry, None));
        }
    }
}

struct Page<'a> {
    out: &'a mut String,
}

impl Page<'_> {
    fn title(&mut self, text: &str) {
        line(2, text, self.out);
    }

    fn one(&mut self, title: &str, value: impl Display) {
        line(2, &format!("{title}: {value}"), self.out);
    }

    fn field(&mut self, name: &str, value: impl Display) {
        line(4, &format!("{name:<16} {value}"), self.out);
    }

    fn alert(&mut self, code: u16, time: impl Display) {
        line(2, &format!("alert       0x{code:04X} at {time}"), self.out);
    }

    fn execution(&mut self, time: Option<gbcs::asn1::DateTime>) {
        match time {
            None => self.field("when", "at once"),
            Some(gbcs::asn1::DateTime::NEVER) => self.field("when", "never: cancels what waits"),
            Some(time) => self.field("when", time),
        }
    }

    fn entry(&mut self, entry: &LogEntry, status: Option<&dyn Display>) {
        let status = status.map_or(String::new(), |status| format!(": {status}"));
        line(4, &format!("{} ({}){status}", entry.device, entry.kind), self.out);
    }

    fn credentials(&mut self, credentials: &RoleCredentials) {
        let RoleCredentials { role, status, held } = credentials;
        let Some(held) = held else { return self.field(&self::role(*role), status) };
        self.field(&self::role(*role), format_args!("{status}, counter {}", held.counter));
        for cell in &held.cells {
            let (subject, key) = (cell.subject, hex::encode(cell.key.0));
            line(6, &format!("{:<34} {subject}, key {key}", usage(cell.usage, cell.cell_usage)), self.out);
        }
    }

    fn update(&mut self, update: &CredentialsUpdate) {
        let UpdateControl { mode, authorising, counter, .. } = &update.control;
        self.one("replace credentials", mode);
        if let Some(authorising) = authorising {
            self.field("authorised by", cell(authorising));
        }
        self.field("counter", counter);
        if let Some(checks) = update.control.path_validity_checks {
            self.field("validity checks", checks);
        }
        if let Some(key) = &update.control.symmetric_key {
            self.field("symmetric key", format_args!("{} octets", key.expose().len()));
        }
        if let Some(floor) = update.control.floor {
            self.field("counter floor", floor);
        }
        for special in update.control.specialist_floors.iter().flatten() {
            self.field("counter floor", specialist(special));
        }
        update.control.other_floors.iter().flatten().for_each(|floor| self.floor(floor));
        self.execution(update.execution);
        for replacement in &update.replacements {
            self.field("new", cell(&replacement.cell));
            line(6, &certificate(&replacement.certificate), self.out);
        }
        for issuer in &update.path {
            self.field("path", certificate(issuer));
        }
    }

    fn floor(&mut self, floor: &PartyFloor) {
        let special = floor.specialist_floors.iter().flatten().map(|s| format!("; {}", specialist(s)));
        self.field(
            "counter floor",
            format_args!("{} {}{}", role(floor.role), floor.floor, special.collect::<String>()),
        );
    }

    fn outcome(&mut self, outcome: &UpdateOutcome) {
        self.field("mode", outcome.mode);
        self.field("of counter", outcome.counter);
        outcome.floors.iter().for_each(|floor| self.floor(floor));
        for part in &outcome.cells {
            self.field("cell", format_args!("{}: {}", cell(&part.cell), part.status));
            line(6, &format!("was {}, key {}", part.old_subject, hex::encode(part.old_key.0)), self.out);
            line(6, &format!("is  {}, key {}", part.new_subject, hex::encode(part.new_key.0)), self.out);
        }
    }
}

fn role(role: Role) -> String {
    role.name().map_or_else(|| format!("role {}", role.number()), str::to_owned)
}

fn cell(cell: &Cell) -> String {
    format!("{} {}", role(cell.role), usage(cell.usage, cell.cell_usage))
}

fn usage(usage: KeyUsages, cell_usage: CellUsage) -> String {
    if cell_usage.is_management() { usage.to_string() } else { format!("{usage} for {cell_usage}") }
}

fn specialist(floor: &SpecialistFloor) -> String {
    format!("{} {}", floor.specialist, floor.floor)
}

/// Whose it is, where it can be read.
fn certificate(der: &CertificateDer) -> String {
    match der.read() {
        Err(error) => format!("{} octets that cannot be read: {error}", der.octets().len()),
        Ok(read) => {
            let who = read.entity.map_or_else(|| "an issuer".into(), |entity| entity.to_string());
            let role = read.role.map_or(String::new(), |role| format!(" ({})", self::role(role)));
            format!("of {who}{role}, {}, key {}", read.usage, hex::encode(&read.key_identifier))
        }
    }
}
