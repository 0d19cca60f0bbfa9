//! What happens to the devices, in words.
use comms_hub::{Decision, Source};
use sim::PartEvent;

/// One line for an event; events of no interest to a person are told too, for logs.
pub fn tell(event: &PartEvent) -> String {
    match event {
        PartEvent::Hub(event) => hub(event),
        PartEvent::Ppmid(event) => ppmid(event),
        PartEvent::Meter(event) => meter(event),
    }
}

fn hub(event: &comms_hub::Event) -> String {
    use comms_hub::Event;
    match event {
        Event::TunnelOpened { peer, tunnel } => format!("hub: tunnel {tunnel} with {peer} is open"),
        Event::TunnelClosed { peer, reason } => format!("hub: the tunnel with {peer} is closed: {reason:?}"),
        Event::TunnelRefused { peer, status } => format!("hub: no tunnel with {peer}: {status:?}"),
        Event::Routed { source, route, decision } => {
            let to = match decision {
                Decision::ToDevice(device) => format!("down the tunnel of {device}"),
                Decision::ToGsmeMailbox(gsme) => format!("into the mailbox of {gsme}"),
                Decision::ToWan { copies } if copies.is_empty() => "to the WAN".into(),
                Decision::ToWan { copies } => format!("to the WAN and back to {}", copies[0]),
                other => format!("{other:?}"),
            };
            format!("hub: {} {} from {} goes {to}", route.code, route.id, brought_by(*source))
        }
        Event::Discarded { source, route, reason } => {
            let what = route.map_or("octets".into(), |route| format!("{} {}", route.code, route.id));
            format!("hub: refused {what} from {}: {reason}", brought_by(*source))
        }
        Event::Delivered { target, route } => format!("hub: {target} has {} {}", route.code, route.id),
        Event::Undelivered { target, route, reason } => {
            format!("hub: {target} never got {} {}: {reason}", route.code, route.id)
        }
        Event::CopyLost { carrier, reason } => format!("hub: a copy for {carrier} was lost: {reason:?}"),
        Event::WanOverflow(id) => format!("hub: too much waits for the WAN, {id} was dropped"),
        Event::Local { function, source, octets } => {
            format!("hub: {} octets for {function:?} from {}", octets.len(), brought_by(*source))
        }
        Event::Tapped { gsme, code, told: Ok(_) } => format!("hub: the GPF shows what {gsme} took of {code}"),
        Event::Tapped { gsme, code, told: Err(fault) } => format!("hub: the GPF, of {code} to {gsme}: {fault}"),
        Event::MirrorUpdated { gsme, cluster, attributes } => {
            format!("hub: {gsme} reported {attributes} attributes of cluster {cluster:04X}")
        }
        Event::HistoryPushed { gsme, cluster, command } => {
            format!("hub: {gsme} pushed command {command:02X} of cluster {cluster:04X} to its mirror")
        }
        Event::GpfLogged(entry) => format!("hub: log of the GPF {:04X} {:?}", entry.code, entry.message),
        Event::Logged(entry) => format!("hub: event log {:04X} {:?}", entry.code, entry.message),
        Event::CloseRefused { peer, status } => format!("hub: {peer} may not close that tunnel: {status:?}"),
        Event::ChfExecuted { code, results } => format!("hub: the CHF executed {code}: {results:?}"),
        Event::ChfRefused(refusal) => format!("hub: the CHF refused a Command: {refusal}"),
        Event::GpfExecuted { code, succeeded } => {
            format!("hub: the GPF answered {code}{}", if *succeeded { "" } else { ", but for what it was never told" })
        }
        Event::Actioned { function, code, succeeded } => {
            let how = if *succeeded { "carried out" } else { "failed to carry out" };
            format!("hub: {function:?} {how} {code}, whose time has come")
        }
        Event::GpfRefused(refusal) => format!("hub: the GPF refused a Command: {refusal}"),
        Event::JoiningOpen { device, .. } => format!("hub: {device} may join now"),
        Event::JoiningRefused(device) => format!("hub: {device} asked to join and may not, or its key does not fit"),
        Event::DeviceJoined(device) => format!("hub: {device} joined: it shares a link key with the hub"),
        Event::PartnerKeyGiven { requester, partner, .. } => {
            format!("hub: {requester} and {partner} share a new link key")
        }
        Event::PartnerKeyRefused { requester, partner } => {
            format!("hub: {requester} asked for a link key with {partner}, which has not joined")
        }
        Event::PartnerKeyUndelivered { requester, partner } => {
            format!("hub: the link key for {requester} and {partner} did not reach both")
        }
        Event::HhtAsked { hht, answer } => format!("hub: the HHT {hht} asked to be listed: {answer:?}"),
        Event::DeviceAdded(device) => format!("hub: {device} is in the Device Log"),
        Event::DeviceRemoved(device) => format!("hub: {device} left the Device Log"),
        Event::FrameRefused { from, reason } => format!("hub: a frame of {from:?} was refused: {reason:?}"),
    }
}

fn brought_by(source: Source) -> String {
    match source {
        Source::Wan => "the WAN".into(),
        Source::Device(eui) => eui.to_string(),
        Source::Function(function) => format!("{function:?}"),
    }
}

fn ppmid(event: &ppmid::Event) -> String {
    use ppmid::Event;
    match event {
        Event::LinkUp => "ppmid: the head end is there".into(),
        Event::LinkDown => "ppmid: the head end is away".into(),
        Event::Released { delivery, attempt, target, code, octets } => {
            format!("ppmid: took {code} for {target}, {octets} octets, delivery {delivery} attempt {attempt}")
        }
        Event::Refused { delivery, attempt, reason } => {
            format!("ppmid: refused delivery {delivery} attempt {attempt}: {reason}")
        }
        Event::OnHan { delivery, .. } => format!("ppmid: the hub took delivery {delivery}"),
        Event::Answered { delivery, octets } => format!("ppmid: {octets} octets answer delivery {delivery}"),
        Event::Sent { delivery, attempt, transfer } => {
            format!("ppmid: handed delivery {delivery} attempt {attempt} to the hub, transfer {transfer}")
        }
        Event::Customer { id, wish, fuel, heard } => {
            format!("ppmid: request {}, {wish}, {fuel}: {}", id.0, crate::process::words(heard))
        }
        Event::DisplayChanged => "ppmid: the display changed".into(),
        Event::Joined(hub) => format!("ppmid: joined the network of {hub}"),
        Event::PartnerKey(meter) => format!("ppmid: shares a new link key with {meter}"),
        Event::Executed { originator, code, succeeded } => {
            format!("ppmid: executed {code} of {originator}{}", if *succeeded { "" } else { ", without success" })
        }
        Event::CommandRefused(refusal) => format!("ppmid: refused a Command: {refusal}"),
        Event::TunnelOpened => "ppmid: the tunnel to the hub is open".into(),
        Event::Unmatched { octets } => format!("ppmid: {octets} octets from the hub answer nothing of ours"),
        other => format!("ppmid: {other:?}"),
    }
}

fn meter(event: &meter::Event) -> String {
    use meter::Event;
    match event {
        Event::Executed { id, use_case, title, outcome, changes, .. } => {
            let mut line = format!("meter {}: executed {use_case} {title}: {outcome:?}", id.target);
            for change in changes {
                line += &format!("; {} {} > {}", change.name, change.before, change.after);
            }
            line
        }
        Event::Refused { id, code, refusal } => {
            let what = match (id, code) {
                (Some(id), Some(code)) => format!("{code} {id}"),
                _ => "octets".into(),
            };
            format!("meter: refused {what}: {refusal}")
        }
        Event::Woke { messages_waiting: true } => "meter: woke, messages wait at the hub".into(),
        Event::Woke { messages_waiting: false } => "meter: woke, nothing waits at the hub".into(),
        Event::Asked { by, code, done } => {
            let what = match code.0 {
                0x0116 => "a top-up",
                0x0117 => "emergency credit",
                _ => "supply to be turned on",
            };
            format!("meter: {by} asked for {what}: {}", if *done { "done" } else { "not done" })
        }
        Event::HandedOver => "meter: the hub has the Response".into(),
        Event::PartnerKey(device) => format!("meter: shares a new link key with {device}"),
        other => format!("meter: {other:?}"),
    }
}
