//! A device core that lives in a process of its own: real time, ZEP radio, state in the home's folder.
use super::radio::Radio;
use crate::failure::Failure;
use crate::home::{GAS_RECORD, Home, RadioNode};
use gbcs::Time;
use sim::{Effect, Part, PartOutput};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time on this machine's clock.
pub fn now() -> Time {
    Time(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64))
}

/// A core, its radio, and the file its state is in.
pub struct Running<'h, P> {
    /// The core.
    pub core: P,
    home: &'h Home,
    name: &'static str,
    radio: Radio,
    timeout: Option<Time>,
    outputs: Vec<PartOutput>,
}

/// What woke a running part.
pub enum Woke {
    /// A frame, or the end of the radio.
    Frame(std::io::Result<Vec<u8>>),
    /// Its time.
    Timeout,
}

impl<'h, P: Part> Running<'h, P> {
    /// Put the core on the air.
    pub async fn start(home: &'h Home, name: &'static str, node: RadioNode, core: P) -> Result<Self, Failure> {
        let han = &home.file.han;
        let all = [han.hub, han.ppmid, han.esme, han.gsme].map(|node| node.zep);
        let others = all.into_iter().filter(|zep| *zep != node.zep).collect();
        let radio = Radio::bind(node.short, node.zep, others).await.map_err(|e| {
            Failure::input(format!("{name}: cannot listen on {}: {e}", node.zep))
                .hint("is this part running already? its address is in home.toml, [han]")
        })?;
        let mut running = Self { core, home, name, radio, timeout: None, outputs: Vec::new() };
        running.drain().await?;
        Ok(running)
    }

    /// Give the core an input from outside the HAN.
    pub async fn input(&mut self, input: impl FnOnce(&mut P, Time)) -> Result<(), Failure> {
        input(&mut self.core, now());
        self.drain().await
    }

    /// What the core said since the last call.
    pub fn outputs(&mut self) -> Vec<PartOutput> {
        std::mem::take(&mut self.outputs)
    }

    /// Wait for the air or the core's own timer. Nothing is lost when this is cut short.
    pub async fn wait(&self) -> Woke {
        let wait = match self.timeout {
            Some(at) => at.since(now()),
            None => Duration::from_secs(3600),
        };
        tokio::select! {
            frame = self.radio.receive() => Woke::Frame(frame),
            () = tokio::time::sleep(wait) => Woke::Timeout,
        }
    }

    /// Process what [`wait`](Self::wait) brought.
    pub async fn process(&mut self, woke: Woke) -> Result<(), Failure> {
        match woke {
            Woke::Frame(Ok(frame)) => self.core.handle_frame(now(), &frame),
            Woke::Frame(Err(error)) => return Err(Failure::did_not_hold(format!("{}: the radio: {error}", self.name))),
            Woke::Timeout if self.timeout.is_some_and(|at| at <= now()) => self.core.handle_timeout(now()),
            Woke::Timeout => return Ok(()),
        }
        self.drain().await
    }

    async fn drain(&mut self) -> Result<(), Failure> {
        loop {
            match self.core.poll() {
                Effect::Transmit(frame) => self.radio.transmit(now(), &frame).await,
                Effect::Output(PartOutput::Persist(state)) => self.home.save_state(self.name, &state)?,
                Effect::Output(PartOutput::PersistGas(record)) => self.home.save_state(GAS_RECORD, &record)?,
                Effect::Output(output) => self.outputs.push(output),
                Effect::Timeout(at) => {
                    self.timeout = at;
                    return Ok(());
                }
            }
        }
    }
}
