//! Deliveries while they move: redrawn in place on a terminal, plain lines elsewhere. It goes to stderr; results go to stdout.
use super::Delivery;
use crate::process::now;
use delivery::Kind;
use gbcs::Time;
use headend::Progress;
use std::io::{IsTerminal, Write};

/// What a person watches.
pub struct View {
    mode: Mode,
    began: Time,
    /// Lines that the next drawing overwrites.
    drawn: usize,
}

#[derive(PartialEq, Eq)]
enum Mode {
    Silent,
    Lines,
    Table,
}

impl View {
    /// Silent where a program reads.
    pub fn new(json: bool, began: Time) -> Self {
        let mode = match (json, std::io::stderr().is_terminal()) {
            (true, _) => Mode::Silent,
            (false, true) => Mode::Table,
            (false, false) => Mode::Lines,
        };
        Self { mode, began, drawn: 0 }
    }

    /// A delivery moved.
    pub fn update(&mut self, deliveries: &[Delivery], moved: &Progress) {
        match self.mode {
            Mode::Silent => {}
            Mode::Table => self.draw(deliveries),
            Mode::Lines => {
                if let Some(delivery) = deliveries.iter().find(|d| d.id == moved.delivery) {
                    let elapsed = moved.at.since(self.began).as_secs_f64();
                    // Digests and attempts are in the evidence; who refuses has to say why at once.
                    let why = moved.detail.as_deref().filter(|_| moved.event.contains("Refused")).unwrap_or_default();
                    let (name, kind, event) = (&delivery.name, delivery.kind, &moved.event);
                    let line = format!("{elapsed:7.3} s  {name:<26} {kind:<10} {event} {why}");
                    eprintln!("{}", line.trim_end());
                }
            }
        }
    }

    /// Something else happened.
    pub fn say(&mut self, line: &str) {
        if self.mode == Mode::Silent {
            return;
        }
        self.erase();
        eprintln!("{:7.3} s  {line}", now().since(self.began).as_secs_f64());
    }

    /// The last drawing stays.
    pub fn finish(&mut self, deliveries: &[Delivery]) {
        if self.mode == Mode::Table {
            self.draw(deliveries);
            self.drawn = 0;
        }
    }

    fn draw(&mut self, deliveries: &[Delivery]) {
        self.erase();
        let mut out = std::io::stderr().lock();
        for delivery in deliveries {
            let colour = match delivery.kind {
                Kind::Confirmed => "\x1b[32m",
                Kind::Unknown => "\x1b[33m",
                kind if kind.is_terminal() => "\x1b[31m",
                _ => "\x1b[36m",
            };
            let elapsed = delivery.elapsed().as_secs_f64();
            // A terminal that is gone is no reason to stop.
            let _ = writeln!(
                out,
                "{elapsed:7.3} s  {:<26} {colour}{:<10}\x1b[0m {}",
                delivery.name,
                delivery.kind,
                hop(delivery.kind)
            );
        }
        self.drawn = deliveries.len();
    }

    fn erase(&mut self) {
        if self.drawn > 0 {
            eprint!("\x1b[{}A\x1b[J", self.drawn);
            self.drawn = 0;
        }
    }
}

/// Where a Command in this state is.
fn hop(kind: Kind) -> &'static str {
    match kind {
        Kind::Requested => "head end > DCC: transform",
        Kind::Prepared => "head end > DCC: signed Pre-Command",
        Kind::Queued => "at the head end, waits for its turn",
        Kind::Released => "head end > PPMID",
        Kind::Held => "PPMID > Communications Hub",
        Kind::OnHan => "Communications Hub > meter",
        Kind::Answered => "the Response is being verified",
        Kind::Unknown => "the meter may have executed it",
        Kind::Confirmed => "the meter's Response is proved",
        _ => "",
    }
}
