//! `lastmetre meter`: the meters of a home, offline or on the air.
mod chart;
mod live;
mod show;

use crate::HomeArg;
use crate::failure::Failure;
use crate::home::{DeviceCrypto, Home};
use crate::input;
use crate::process::{self, now};
use comms_hub::Event as HubEvent;
use gbcs::MessageView;
use meter::{Event, Outcome, Output};
use serde_json::json;
use sim::PartEvent;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to do with meters.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Give Commands (hex lines) to the meter, or function of the hub, each is addressed to; print its Responses and what changed
    Answer {
        /// The home's folder
        #[arg(long, value_name = "DIR")]
        home: PathBuf,
        /// One JSON object per Command
        #[arg(long)]
        json: bool,
        /// Let the devices keep what the Commands changed; otherwise they only say what they would do
        #[arg(long)]
        keep: bool,
        /// A file of hex lines; `-` or nothing reads standard input
        file: Option<PathBuf>,
    },
    /// Show what the meters hold: registers, tariff, logs; draw the balance
    Show {
        /// The home's folder
        #[arg(long, value_name = "DIR")]
        home: PathBuf,
        /// Which meter; both without it
        #[arg(long, value_enum)]
        meter: Option<Which>,
        /// One JSON object per meter
        #[arg(long)]
        json: bool,
        /// Draw the balance at the end of each day into this SVG file
        #[arg(long, value_name = "FILE", requires = "meter")]
        chart: Option<PathBuf>,
    },
    /// Let days pass for the meters, on virtual time: a household consumes and tops up; the meters keep what became of them
    Live {
        /// The home's folder
        #[arg(long, value_name = "DIR")]
        home: PathBuf,
        /// Which meter; both without it
        #[arg(long, value_enum)]
        meter: Option<Which>,
        #[command(flatten)]
        life: live::Life,
    },
    /// Live on the air of a home as a process
    Run {
        /// Which home
        #[command(flatten)]
        home: HomeArg,
        /// Which meter
        #[arg(long, value_enum)]
        meter: Which,
    },
}

/// The two meters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Which {
    /// Electricity
    Esme,
    /// Gas
    Gsme,
}

impl Which {
    /// That one, or both.
    fn of(one: Option<Self>) -> Vec<Self> {
        one.map_or(vec![Self::Esme, Self::Gsme], |which| vec![which])
    }

    /// The meter, as it was left.
    fn meter(self, home: &Home) -> Result<meter::Meter<DeviceCrypto>, Failure> {
        let record = home.load_state(self.name())?;
        Ok(match self {
            Self::Esme => home.esme(record.as_deref())?,
            Self::Gsme => home.gsme(record.as_deref())?,
        })
    }

    /// The same, in a household that consumes.
    fn living(self, home: &Home) -> Result<meter::Meter<DeviceCrypto>, Failure> {
        let mut meter = self.meter(home)?;
        meter.set_load(Some(crate::home::load(live::kind(self))));
        meter.set_second_load(Some(meter::Load::SECOND_ELEMENT));
        meter.set_grid(Some(meter::Grid::BRITISH));
        Ok(meter)
    }

    /// The name of its state in the home.
    fn name(self) -> &'static str {
        match self {
            Self::Esme => "esme",
            Self::Gsme => "gsme",
        }
    }
}

/// Run the command.
pub fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Answer { home, json, keep, file } => answer(&Home::open(home)?, *json, *keep, file.as_deref()),
        Command::Show { home, meter, json, chart } => {
            show::show(&Home::open(home)?, &Which::of(*meter), *json, chart.as_deref())
        }
        Command::Live { home, meter, life } => live::live(&Home::open(home)?, &Which::of(*meter), life, now()),
        Command::Run { home, meter: which } => {
            let home = Home::open(&home.dir())?;
            let record = home.load_state(which.name())?;
            match which {
                Which::Esme => process::meter(&home, "esme", home.file.han.esme, home.esme(record.as_deref())?),
                Which::Gsme => process::meter(&home, "gsme", home.file.han.gsme, home.gsme(record.as_deref())?),
            }
        }
    }
}

fn answer(home: &Home, as_json: bool, keep: bool, file: Option<&Path>) -> Result<ExitCode, Failure> {
    let text = input::read(file)?;
    // What each device keeps, from its record on; later Commands of the input meet what earlier ones left.
    let mut records = BTreeMap::new();
    for device in Addressee::ALL {
        records.insert(device, home.load_state(device.name())?);
    }
    let mut all_answered = true;
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let bad = |what: String| Failure::input(format!("line {}: {what}", n + 1));
        let command = hex::decode(line.trim()).map_err(|e| bad(format!("not hex: {e}")))?;
        let view = MessageView::parse(&command).map_err(|e| bad(e.to_string()))?;
        let target = view.id().target;
        let device = Addressee::of(home, target);
        let device =
            device.ok_or_else(|| bad(format!("{target} is no meter of this home, nor a function of its hub")))?;
        let answer = answer_one(home, device, &command, records.entry(device).or_default())?;
        all_answered &= answer.response.is_some();
        if as_json {
            say!("{}", answer.json(line.trim()));
        } else {
            answer.print();
        }
    }
    if keep {
        for (device, record) in records {
            record.map_or(Ok(()), |record| home.save_state(device.name(), &record))?;
        }
    }
    Ok(if all_answered { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Who answers a Command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Addressee {
    Meter(Which),
    /// CHF or GPF.
    Hub,
}

impl Addressee {
    const ALL: [Self; 3] = [Self::Meter(Which::Esme), Self::Meter(Which::Gsme), Self::Hub];

    fn of(home: &Home, target: gbcs::Eui64) -> Option<Self> {
        let who = &home.file.identities;
        Some(match target {
            target if target == who.esme => Self::Meter(Which::Esme),
            target if target == who.gsme => Self::Meter(Which::Gsme),
            target if target == who.chf || target == who.gpf => Self::Hub,
            _ => return None,
        })
    }

    /// The name of its state in the home.
    fn name(self) -> &'static str {
        match self {
            Self::Meter(which) => which.name(),
            Self::Hub => "hub",
        }
    }
}

fn answer_one(home: &Home, device: Addressee, command: &[u8], record: &mut Option<Vec<u8>>) -> Result<Answer, Failure> {
    match device {
        Addressee::Meter(which) => answer_of_meter(home, which, command, record),
        Addressee::Hub => answer_of_hub(home, command, record),
    }
}

fn answer_of_meter(home: &Home, which: Which, command: &[u8], record: &mut Option<Vec<u8>>) -> Result<Answer, Failure> {
    let mut meter = match which {
        Which::Esme => home.esme(record.as_deref())?,
        Which::Gsme => home.gsme(record.as_deref())?,
    };
    // A meter for which days have passed on virtual time lives on from there.
    let now = meter.passed().map_or(now(), |passed| passed.max(now()));
    let response = meter.handle_message(now, command);
    let mut events = Vec::new();
    loop {
        match meter.poll() {
            Output::Persist(state) => *record = Some(state),
            Output::Event(event) => events.push(PartEvent::Meter(event)),
            // Offline there is no air.
            Output::Transmit(_) => {}
            Output::Timeout(_) => return Ok(Answer { response, events }),
        }
    }
}

/// What the hub's function says to the WAN of this Command.
fn answer_of_hub(home: &Home, command: &[u8], record: &mut Option<Vec<u8>>) -> Result<Answer, Failure> {
    let now = now();
    let mut hub = home.hub(now, record.as_deref())?;
    let asked = MessageView::parse(command).map(|view| view.id().answer()).ok();
    hub.set_wan(now, true);
    hub.handle_wan(now, command);
    let (mut response, mut events) = (None, Vec::new());
    loop {
        match hub.poll() {
            comms_hub::Output::Persist(state) => *record = Some(state),
            comms_hub::Output::Event(event) => events.push(PartEvent::Hub(event)),
            comms_hub::Output::Wan(said) => {
                // What else waits for the WAN goes on waiting for it.
                if MessageView::parse(&said).is_ok_and(|view| Some(view.id()) == asked) {
                    hub.wan_taken(now, &said);
                    response = Some(said);
                }
            }
            // What gas meters told changes on the air alone.
            comms_hub::Output::Transmit(_) | comms_hub::Output::PersistGas(_) => {}
            comms_hub::Output::Timeout(_) => return Ok(Answer { response, events }),
        }
    }
}

struct Answer {
    response: Option<Vec<u8>>,
    events: Vec<PartEvent>,
}

impl Answer {
    fn json(&self, command: &str) -> serde_json::Value {
        let mut outcome = "no answer".to_owned();
        let mut changes = Vec::new();
        for event in &self.events {
            match event {
                PartEvent::Meter(Event::Executed { outcome: how, changes: what, .. }) => {
                    outcome = format!("{how:?}");
                    changes
                        .extend(what.iter().map(|c| json!({ "name": c.name, "before": c.before, "after": c.after })));
                }
                PartEvent::Meter(Event::Refused { refusal, .. }) => outcome = format!("refused: {refusal}"),
                PartEvent::Hub(HubEvent::ChfExecuted { results, .. }) => {
                    let failed = results.iter().copied().enumerate().find(|(_, result)| *result != 0);
                    let how = failed.map_or(Outcome::Success, |(row, result)| Outcome::Failed { row, result });
                    outcome = format!("{how:?}");
                }
                PartEvent::Hub(HubEvent::GpfExecuted { succeeded, .. }) => {
                    outcome = if *succeeded { "Success" } else { "Failed" }.to_owned();
                }
                PartEvent::Hub(HubEvent::ChfRefused(refusal) | HubEvent::GpfRefused(refusal)) => {
                    outcome = format!("refused: {refusal}");
                }
                _ => {}
            }
        }
        let response = self.response.as_ref().map(hex::encode_upper);
        json!({ "command": command, "response": response, "outcome": outcome, "changes": changes })
    }

    fn print(&self) {
        for event in &self.events {
            say!("{}", crate::demo::story::tell(event));
        }
        match &self.response {
            Some(response) => say!("{}", hex::encode_upper(response)),
            None => say!("no answer"),
        }
    }
}
