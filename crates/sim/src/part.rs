//! What all device cores have in common, seen from the world around them.
use comms_hub::Hub;
use gbcs::Time;
use gbcs::crypto::Crypto;
use meter::Meter;
use ppmid::Ppmid;

/// The devices of a home; their numbers are those of their radios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names of the field
pub enum PartId {
    Hub = 0,
    Ppmid = 1,
    Esme = 2,
    Gsme = 3,
}

impl PartId {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Hub, Self::Ppmid, Self::Esme, Self::Gsme];
}

/// A device core with a radio.
pub trait Part {
    /// A frame was heard.
    fn handle_frame(&mut self, now: Time, frame: &[u8]);
    /// The time of the last [`Effect::Timeout`] has come.
    fn handle_timeout(&mut self, now: Time);
    /// What it wants done next; to be drained up to [`Effect::Timeout`] after every input.
    fn poll(&mut self) -> Effect;
}

/// What a core wants done.
#[derive(Debug)]
pub enum Effect {
    /// Put a frame on the air.
    Transmit(Vec<u8>),
    /// Something for the world outside the HAN.
    Output(PartOutput),
    /// Nothing more now; call back then.
    Timeout(Option<Time>),
}

/// What a core wants of the world outside the HAN.
#[derive(Debug)]
pub enum PartOutput {
    /// A message for the head end (PPMID); it is offered again after a restart until it is known to be stored.
    Up {
        /// Names it in the answer.
        id: u64,
        /// A handover message.
        payload: Vec<u8>,
    },
    /// A GBCS message for the WAN (hub).
    Wan(Vec<u8>),
    /// The whole state: store it before anything that follows is done.
    Persist(Vec<u8>),
    /// What gas meters told the hub: likewise, in a place of its own.
    PersistGas(Vec<u8>),
    /// Something a person may want to know.
    Event(PartEvent),
}

/// Something a person may want to know.
#[derive(Debug)]
pub enum PartEvent {
    /// Of the hub.
    Hub(comms_hub::Event),
    /// Of the PPMID.
    Ppmid(ppmid::Event),
    /// Of a meter.
    Meter(meter::Event),
}

macro_rules! part {
    ($core:ident, $module:ident, $event:ident, { $($pattern:pat => $output:expr),* }) => {
        impl<C: Crypto> Part for $core<C> {
            fn handle_frame(&mut self, now: Time, frame: &[u8]) {
                $core::handle_frame(self, now, frame);
            }

            fn handle_timeout(&mut self, now: Time) {
                $core::handle_timeout(self, now);
            }

            fn poll(&mut self) -> Effect {
                use $module::Output;
                match $core::poll(self) {
                    Output::Transmit(frame) => Effect::Transmit(frame),
                    Output::Persist(state) => Effect::Output(PartOutput::Persist(state)),
                    Output::Event(event) => Effect::Output(PartOutput::Event(PartEvent::$event(event))),
                    Output::Timeout(at) => Effect::Timeout(at),
                    $($pattern => Effect::Output($output)),*
                }
            }
        }
    };
}

part!(Hub, comms_hub, Hub, {
    Output::Wan(octets) => PartOutput::Wan(octets),
    Output::PersistGas(record) => PartOutput::PersistGas(record)
});
part!(Ppmid, ppmid, Ppmid, { Output::Up { id, payload } => PartOutput::Up { id, payload } });
part!(Meter, meter, Meter, {});
