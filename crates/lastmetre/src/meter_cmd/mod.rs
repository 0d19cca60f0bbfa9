//! `lastmetre meter`: the meters of a home, offline or on the air.
mod chart;
mod live;
mod show;

use crate::HomeArg;
use crate::failure::Failure;
use crate::home::{DeviceCrypto, Home};
use crate::input;
use crate::process::{self, now};
use gbcs::MessageView;
use meter::{Event, Output};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to do with meters.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Give Commands (hex lines) to the meter each is addressed to; print its Responses and what changed
    Answer {
        /// The home's folder
        #[arg(long, value_name = "DIR")]
        home: PathBuf,
        /// One JSON object per Command
        #[arg(long)]
        json: bool,
        /// Let the meters keep what the Commands changed; otherwise they only say what they would do
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
    // What each meter keeps, from its record on; later Commands of the input meet what earlier ones left.
    let mut records = BTreeMap::new();
    for which in [Which::Esme, Which::Gsme] {
        records.insert(which, home.load_state(which.name())?);
    }
    let mut all_answered = true;
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let bad = |what: String| Failure::input(format!("line {}: {what}", n + 1));
        let command = hex::decode(line.trim()).map_err(|e| bad(format!("not hex: {e}")))?;
        let view = MessageView::parse(&command).map_err(|e| bad(e.to_string()))?;
        let which = match view.id().target {
            target if target == home.file.identities.esme => Which::Esme,
            target if target == home.file.identities.gsme => Which::Gsme,
            target => return Err(bad(format!("{target} is no meter of this home"))),
        };
        let answer = answer_one(home, which, &command, records.entry(which).or_default())?;
        all_answered &= answer.response.is_some();
        if as_json {
            say!("{}", answer.json(line.trim()));
        } else {
            answer.print();
        }
    }
    if keep {
        for (which, record) in records {
            record.map_or(Ok(()), |record| home.save_state(which.name(), &record))?;
        }
    }
    Ok(if all_answered { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Answer {
    response: Option<Vec<u8>>,
    events: Vec<Event>,
}

fn answer_one(home: &Home, which: Which, command: &[u8], record: &mut Option<Vec<u8>>) -> Result<Answer, Failure> {
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
            Output::Event(event) => events.push(event),
            // Offline there is no air.
            Output::Transmit(_) => {}
            Output::Timeout(_) => return Ok(Answer { response, events }),
        }
    }
}

impl Answer {
    fn json(&self, command: &str) -> serde_json::Value {
        let mut outcome = "no answer".to_owned();
        let mut changes = Vec::new();
        for event in &self.events {
            match event {
                Event::Executed { outcome: how, changes: what, .. } => {
                    outcome = format!("{how:?}");
                    changes
                        .extend(what.iter().map(|c| json!({ "name": c.name, "before": c.before, "after": c.after })));
                }
                Event::Refused { refusal, .. } => outcome = format!("refused: {refusal}"),
                _ => {}
            }
        }
        let response = self.response.as_ref().map(hex::encode_upper);
        json!({ "command": command, "response": response, "outcome": outcome, "changes": changes })
    }

    fn print(&self) {
        for event in &self.events {
            say!("{}", crate::demo::story::tell(&sim::PartEvent::Meter(event.clone())));
        }
        match &self.response {
            Some(response) => say!("{}", hex::encode_upper(response)),
            None => say!("no answer"),
        }
    }
}
