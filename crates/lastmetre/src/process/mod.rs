//! The parts as processes of one home: DCC, head end, hub, PPMID, meters.
mod customer;
mod part;
mod radio;
pub mod servers;

pub use customer::{HELP as CUSTOMER_HELP, Screen, words};
pub use part::{Running, now};
pub use radio::CHANNEL;

use crate::failure::Failure;
use crate::home::{DeviceCrypto, Home, RadioNode};
use comms_hub::Hub;
use dcc::wan::{HubEvent, HubLink};
use gbcs::Time;
use link::{Carrier, CarrierEvent};
use ppmid::Ppmid;
use sim::{Part, PartOutput};
use std::convert::Infallible;
use std::path::Path;
use std::process::ExitCode;
use tokio::sync::mpsc;
use tracing::info;

/// Run a part, which has no end of its own, until it fails or Ctrl-C.
fn run(work: impl Future<Output = Result<Infallible, Failure>>) -> Result<ExitCode, Failure> {
    crate::log_to_stderr("info");
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::input)?;
    runtime.block_on(async {
        tokio::select! {
            ended = work => ended.map(|never| match never {}),
            _ = tokio::signal::ctrl_c() => {
                info!("stopped");
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

/// Ends with Ctrl-C or SIGTERM.
type Stopped = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Run a part that ends what it has begun when it is told to stop.
fn run_until_stopped(work: impl AsyncFnOnce(Stopped) -> Result<(), Failure>) -> Result<ExitCode, Failure> {
    crate::log_to_stderr("info");
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::input)?;
    runtime.block_on(async { work(Box::pin(stopped())).await })?;
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

async fn stopped() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// `lastmetre dcc`.
pub fn dcc(dir: &Path) -> Result<ExitCode, Failure> {
    let home = Home::open(dir)?;
    run_until_stopped(async |stopped: Stopped| {
        let dcc = servers::start_dcc(&home).await?;
        info!(services = %home.dcc_url(), wan = %dcc.wan_addr, "the DCC stand-in listens");
        home.in_force()?.iter().for_each(|line| info!("{line}"));
        stopped.await;
        dcc.stop().await;
        Ok(())
    })
}

/// `lastmetre headend`.
pub fn headend(dir: &Path) -> Result<ExitCode, Failure> {
    let home = Home::open(dir)?;
    run(async {
        let headend = servers::start_headend(&home, home.file.headend.deadlines).await?;
        info!(api = %headend.api_addr(), mqtt = %headend.mqtt_addr(), "the head end listens");
        Ok(std::future::pending().await)
    })
}

/// `lastmetre hub`.
pub fn hub(dir: &Path) -> Result<ExitCode, Failure> {
    let home = Home::open(dir)?;
    let core = home.hub(now(), home.load_state("hub")?.as_deref())?;
    run(live_hub(&home, core))
}

async fn live_hub(home: &Home, core: Hub<DeviceCrypto>) -> Result<Infallible, Failure> {
    let mut hub = Running::start(home, "hub", home.file.han.hub, core).await?;
    let (wan, mut events) = HubLink::start(home.file.dcc.wan_listen, home.file.identities.chf);
    info!(profile = ?home.file.hub.profile, "the Communications Hub is on the air");
    loop {
        for output in hub.outputs() {
            match output {
                PartOutput::Wan(octets) => wan.send(octets),
                output => log(&output),
            }
        }
        tokio::select! {
            woke = hub.wait() => hub.process(woke).await?,
            Some(event) = events.recv() => {
                // The hub's record is stored when this returns.
                hub.input(|hub, now| hear_wan(hub, now, &event)).await?;
                acknowledge_wan(&wan, &event);
            }
        }
    }
}

/// Give a hub what the WAN brings.
pub fn hear_wan(hub: &mut Hub<DeviceCrypto>, now: Time, event: &HubEvent) {
    match event {
        HubEvent::Up => hub.set_wan(now, true),
        HubEvent::Down => hub.set_wan(now, false),
        HubEvent::Received(octets) => hub.handle_wan(now, octets),
        HubEvent::Stored(octets) => hub.wan_taken(now, octets),
    }
}

/// Tell the DCC that the hub has what it brought.
pub fn acknowledge_wan(wan: &HubLink, event: &HubEvent) {
    if matches!(event, HubEvent::Received(_)) {
        wan.taken();
    }
}

/// `lastmetre ppmid`.
pub fn ppmid(dir: &Path, screen: Screen) -> Result<ExitCode, Failure> {
    let home = Home::open(dir)?;
    let refresh = Some(ppmid::Refresh::default());
    let core = home.ppmid(now(), home.load_state("ppmid")?.as_deref(), refresh)?;
    run(live_ppmid(&home, core, screen))
}

async fn live_ppmid(home: &Home, core: Ppmid<DeviceCrypto>, screen: Screen) -> Result<Infallible, Failure> {
    let mut ppmid = Running::start(home, "ppmid", home.file.han.ppmid, core).await?;
    let (carrier, mut events) = servers::start_carrier(home)?;
    let (tell_stored, mut stored) = mpsc::unbounded_channel();
    let mut keys = customer::keys()?;
    info!("the PPMID is on the air");
    loop {
        for output in ppmid.outputs() {
            match output {
                PartOutput::Up { id, payload } => publish(&carrier, id, payload, &tell_stored),
                PartOutput::Event(sim::PartEvent::Ppmid(event)) => {
                    screen.event(now(), &event, ppmid.core.shown());
                    log(&PartOutput::Event(sim::PartEvent::Ppmid(event)));
                }
                output => log(&output),
            }
        }
        tokio::select! {
            woke = ppmid.wait() => ppmid.process(woke).await?,
            Some(id) = stored.recv() => ppmid.input(|ppmid, _| ppmid.up_stored(id)).await?,
            Some(line) = keys.recv() => match line.parse() {
                Ok(customer::Key::Do(action)) => {
                    let mut begun = None;
                    ppmid.input(|ppmid, now| begun = Some(ppmid.customer(now, &action))).await?;
                    begun.into_iter().for_each(|begun| screen.begun(begun));
                }
                Ok(customer::Key::Show) => screen.display(now(), ppmid.core.shown()),
                Ok(customer::Key::Refresh) => ppmid.input(Ppmid::refresh_display).await?,
                Err(bad) => screen.begun(Err(bad)),
            },
            Some(event) = events.recv() => {
                ppmid.input(|ppmid, now| hear_head_end(ppmid, now, &event)).await?;
                acknowledge(event);
            }
        }
    }
}

/// Give a PPMID what its link to the head end brings.
pub fn hear_head_end(ppmid: &mut Ppmid<DeviceCrypto>, now: Time, event: &CarrierEvent) {
    match event {
        CarrierEvent::Connected => ppmid.link_up(now),
        CarrierEvent::Disconnected { reason, .. } => {
            info!(%reason, "no link to the head end");
            ppmid.link_down(now);
        }
        CarrierEvent::Down { payload, .. } => ppmid.handle_down(now, payload),
    }
}

/// The PPMID is drained: what the event led to is stored.
pub fn acknowledge(event: CarrierEvent) {
    if let CarrierEvent::Down { ack, .. } = event {
        ack.stored();
    }
}

/// A meter as a process.
pub fn meter<P: Part>(home: &Home, name: &'static str, node: RadioNode, core: P) -> Result<ExitCode, Failure> {
    run(live_meter(home, name, node, core))
}

async fn live_meter<P: Part>(home: &Home, name: &'static str, node: RadioNode, core: P) -> Result<Infallible, Failure> {
    let mut meter = Running::start(home, name, node, core).await?;
    info!(name, "the meter is on the air");
    loop {
        meter.outputs().iter().for_each(log);
        let woke = meter.wait().await;
        meter.process(woke).await?;
    }
}

/// Publish a message of the PPMID's outbox; when the head end has stored it, its number comes back through `tell_stored`.
pub fn publish(carrier: &Carrier, id: u64, payload: Vec<u8>, tell_stored: &mpsc::UnboundedSender<u64>) {
    match carrier.publish(payload) {
        Ok(sent) => {
            let tell_stored = tell_stored.clone();
            tokio::spawn(async move {
                if sent.await.is_ok() {
                    let _ = tell_stored.send(id);
                }
            });
        }
        // The outbox offers it again at the next connection.
        Err(error) => tracing::warn!(%error, "not published"),
    }
}

fn log(output: &PartOutput) {
    if let PartOutput::Event(event) = output {
        info!("{}", crate::demo::story::tell(event));
    }
}
