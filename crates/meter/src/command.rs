//! One Command, from octets to Response: check, record, execute, answer (GBCS 6.2.4).
use crate::config::Kind;
use crate::event::Event;
use crate::meter::Meter;
use crate::pipeline::{Authentic, authenticate};
use crate::prepayment::Account;
use crate::refusal::Refusal;
use crate::register::changes;
use crate::response;
use crate::state::Model;
use crate::top_up::{Credited, Till, TopUpRefusal};
use crate::work::{Executed, Origin, Outcome, Tools, Work};
use crate::{asn1, esme, gsme};
use alloc::vec::Vec;
use device::counters::{Rule, UtrnCache};
use gbcs::asn1::Content;
use gbcs::block::Block;
use gbcs::catalogue::{Family, Protection};
use gbcs::certificate::{Certificate, KeyUsage};
use gbcs::crypto::{Crypto, Key128, SharedSecret};
use gbcs::dlms::{AccessRequest, InvokeId};
use gbcs::envelope::Supplementary;
use gbcs::protect::{self, Mode};
use gbcs::{Eui64, MessageCode, Time, gbz};

/// HAN Command actioned, and not actioned (GBCS 16.1).
const ACTIONED: u16 = 0x8154;
const NOT_ACTIONED: u16 = 0x8155;
/// Credit added locally, which is what a PPMID's top-up (PCS01) is.
const CREDIT_ADDED_LOCALLY: u16 = 0x810E;
const TOP_UP_BY_PPMID: MessageCode = MessageCode(0x009B);

/// Take a message, or a block of one. The Response when it was a Command or completed one; nothing when it was discarded.
pub(crate) fn handle<C: Crypto>(meter: &mut Meter<C>, now: Time, octets: &[u8]) -> Option<Vec<u8>> {
    if !Block::begins(octets) {
        return handle_whole(meter, now, octets);
    }
    let message = meter.take_block(now, octets)?;
    let response = handle_whole(meter, now, &message);
    if response.is_none() {
        meter.forget_blocks(&message);
    }
    response
}

fn handle_whole<C: Crypto>(meter: &mut Meter<C>, now: Time, message: &[u8]) -> Option<Vec<u8>> {
    let checked = authenticate(&meter.crypto, &meter.config, &mut meter.secrets, &meter.state.counters, message);
    // Step 9 costs a gas meter's battery whether the signature verifies or not.
    match &checked {
        Ok(command) if command.view.signature().is_some() => meter.state.books.battery.verify(),
        Err(Refusal::BadSignature) => meter.state.books.battery.verify(),
        _ => {}
    }
    let handled = checked.and_then(|command| execute(meter, now, &command));
    handled.map_err(|refusal| meter.refuse(now, message, refusal)).ok()
}

/// The payload, read as the family of the use case.
enum Request {
    Dlms(AccessRequest),
    Gbz(gbz::Payload),
    Asn1(Content),
}

fn execute<C: Crypto>(meter: &mut Meter<C>, now: Time, command: &Authentic<'_>) -> Result<Vec<u8>, Refusal> {
    let Authentic { view, rules, role } = command;
    let id = view.id();
    // Recorded before anything is executed, so that nothing that follows can make it acceptable again.
    meter.state.counters.record(rules.replay, *role, rules.code, id.counter);
    let request = template(meter, command)?;

    let registers = meter.state.registers();
    let before = meter.state.books.account.clone();
    let (executed, refused_top_up) = match &request {
        Request::Asn1(content) => (asn1::execute(meter, now, command, content)?, None),
        _ => objects(meter, now, command, &request)?,
    };
    let response = response::make(meter, now, command, &executed)?;
    record(meter, now, command, &executed, refused_top_up);
    meter.notice(now, &before, rules.code, id.counter);
    let changes = changes(&registers, &meter.state.registers());
    let Executed { outcome, stored, .. } = executed;
    let (use_case, title) = (rules.name, rules.title);
    meter.event(Event::Executed { id, code: rules.code, use_case, title, outcome, stored, changes });
    Ok(response)
}

/// Execute what the object models know: rows and components. With it, why a top-up in them was not taken.
fn objects<C: Crypto>(
    meter: &mut Meter<C>,
    now: Time,
    command: &Authentic<'_>,
    request: &Request,
) -> Result<(Executed, Option<TopUpRefusal>), Refusal> {
    let Authentic { view, rules, role } = command;
    let id = view.id();
    let macs = rules.response == Protection::Mac;
    if macs && meter.secrets.with(&meter.crypto, &meter.config, id.originator).is_none() {
        return Err(Refusal::NoReaderKey(id.originator));
    }
    let encryption = encryption_key(meter, now, command);
    let till = meter.secrets.top_up(&meter.crypto, &meter.config).map(|(eui, secret)| (eui, secret.clone()));

    let state = &mut meter.state;
    let mut toolbox = Toolbox {
        crypto: &meter.crypto,
        meter: meter.config.eui,
        supplier: till,
        utrns: &mut state.counters.utrns,
        // The counter of a Command that brings a UTRN is the one the UTRN was made with; a PPMID's is its own.
        command: (rules.replay == Rule::TopUp).then_some(id.counter),
        encryption,
        refused_top_up: None,
    };
    let origin = Origin { originator: id.originator, role: *role, code: rules.code, counter: id.counter };
    let mut work = Work {
        now,
        device: meter.config.eui,
        origin,
        books: &mut state.books,
        sizes: meter.config.sizes,
        pending: &mut state.pending,
        tools: &mut toolbox,
    };
    let executed = match (&mut state.model, request) {
        (Model::Esme(store), Request::Dlms(request)) => esme::execute(store, &mut work, request),
        (Model::Gsme(store), Request::Gbz(payload)) => {
            gsme::execute(store, &mut work, payload, &|n, answer| rules.response_form(payload, n, answer))
        }
        _ => Err(Refusal::NotModelled(rules.code)),
    }?;
    Ok((executed, toolbox.refused_top_up))
}

/// Step 11: the payload is that of the use case, row by row.
fn template<C: Crypto>(meter: &Meter<C>, command: &Authentic<'_>) -> Result<Request, Refusal> {
    let (view, rules) = (&command.view, &command.rules);
    let (request, fits) = match meter.config.kind {
        _ if rules.use_case.family == Family::Der => {
            let content = asn1::parse(rules.code, view.payload()).map_err(Refusal::BadPayload)?;
            (Request::Asn1(content), true)
        }
        Kind::Esme => {
            let request = AccessRequest::parse(view.payload()).map_err(Refusal::BadPayload)?;
            let fits = request.invoke == InvokeId::of(view.id().counter)
                && rules.matches_rows(&request, meter.config.strict_rows);
            (Request::Dlms(request), fits)
        }
        Kind::Gsme => {
            let payload = gbz::Payload::parse(view.payload()).map_err(Refusal::BadPayload)?;
            let fits = rules.use_case.matches_components(&payload);
            (Request::Gbz(payload), fits)
        }
    };
    if fits { Ok(request) } else { Err(Refusal::WrongRows) }
}

/// The key for sensitive attributes of the Response, where the meter holds a key of whoever reads them: the supplementary
/// party, else the originator (gbcs-messages 7).
fn encryption_key<C: Crypto>(meter: &mut Meter<C>, now: Time, command: &Authentic<'_>) -> Option<Key128> {
    let id = command.view.id();
    let reader = match command.view.other_information().supplementary {
        Supplementary::None => id.originator,
        Supplementary::Party(party)
        | Supplementary::Request(party, _)
        | Supplementary::Response(party, ..)
        | Supplementary::Certificate(party, ..) => party,
    };
    // A party that the meter does not know brings its certificate; the ACB's MAC vouches for it.
    if let Supplementary::Certificate(party, _, certificate) = command.view.other_information().supplementary {
        let counter = response::supplementary_counter(&meter.state, now);
        let secret = agreed_with(meter, party, certificate)?;
        return Some(protect::derive(&meter.crypto, &secret, Mode::Encryption, meter.config.eui, counter, party));
    }
    let secret = meter.secrets.with(&meter.crypto, &meter.config, reader)?;
    Some(protect::derive(&meter.crypto, secret, Mode::Encryption, meter.config.eui, id.counter, reader))
}

/// The secret with the holder of a key agreement certificate.
fn agreed_with<C: Crypto>(meter: &Meter<C>, party: Eui64, certificate: &[u8]) -> Option<SharedSecret> {
    let certificate = Certificate::parse(certificate).ok()?;
    if certificate.entity != Some(party) || certificate.usage != KeyUsage::KeyAgreement {
        return None;
    }
    let key = meter.crypto.public_key(&certificate.point).ok()?;
    meter.crypto.agree(&meter.config.keys.key_agreement, &key).ok()
}

/// Event log lines of an executed Command.
fn record<C: Crypto>(
    meter: &mut Meter<C>,
    now: Time,
    command: &Authentic<'_>,
    executed: &Executed,
    refused_top_up: Option<TopUpRefusal>,
) {
    let (code, counter) = (command.rules.code, command.view.id().counter);
    let line = if executed.outcome == Outcome::Success { ACTIONED } else { NOT_ACTIONED };
    meter.state.books.event_log.push(now, line, code, counter);
    if executed.outcome == Outcome::Success && code == TOP_UP_BY_PPMID {
        meter.state.books.event_log.push(now, CREDIT_ADDED_LOCALLY, code, counter);
    }
    if let Some(refusal) = refused_top_up {
        if let Some(log) = refusal.log_code() {
            meter.state.books.event_log.push(now, log, code, counter);
        }
        meter.event(Event::TopUpRefused(refusal));
    }
}

/// The tools of one execution.
pub(crate) struct Toolbox<'a, C> {
    pub crypto: &'a C,
    pub meter: Eui64,
    pub supplier: Option<(Eui64, SharedSecret)>,
    pub utrns: &'a mut UtrnCache,
    pub command: Option<gbcs::Counter>,
    pub encryption: Option<Key128>,
    pub refused_top_up: Option<TopUpRefusal>,
}

impl<C: Crypto> Tools for Toolbox<'_, C> {
    fn top_up(&mut self, account: &mut Account, digits: &[u8]) -> Result<Credited, TopUpRefusal> {
        let mut till = Till {
            crypto: self.crypto,
            meter: self.meter,
            supplier: self.supplier.as_ref().map(|(eui, secret)| (*eui, secret)),
            utrns: self.utrns,
            command: self.command,
        };
        let entered = till.enter(account, digits);
        self.refused_top_up = entered.err();
        entered
    }

    fn encrypt(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        let key = self.encryption.as_ref()?;
        Some(protect::encrypt(self.crypto, key, self.meter, plain))
    }
}
