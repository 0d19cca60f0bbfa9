//! A dialogue drawn with characters: a column for each device, an arrow for each step, words beside it.
use super::dialogue::Dialogue;
use gbcs::Time;
use han::capture::dissect::Tally;
use std::io::{self, Write};

/// Characters from one column to the next.
const WIDTH: usize = 10;
/// Silence longer than this is drawn as a gap.
const GAP: std::time::Duration = std::time::Duration::from_secs(60);

/// Who takes part, then every step.
pub fn print(out: &mut impl Write, dialogue: &Dialogue, tally: &Tally) -> io::Result<()> {
    let devices = dialogue.devices();
    writeln!(
        out,
        "{} frames, {:.3} s on the air; {} steps between {} devices",
        tally.traffic.frames,
        tally.traffic.time.as_secs_f64(),
        dialogue.steps().count(),
        devices.len()
    )?;
    for device in devices {
        let eui = device.eui.map_or("-".into(), |eui| eui.to_string());
        writeln!(out, "  {:8} {:7} {eui}", device.name(), device.address())?;
    }
    writeln!(out)?;
    let heads: String = devices.iter().map(|device| format!("{:WIDTH$}", clip(&device.name()))).collect();
    writeln!(out, "{:>12}  {}", "seconds", heads.trim_end())?;
    let start = dialogue.steps().next().map_or(Time(0), |step| step.at);
    let mut last = start;
    for step in dialogue.steps() {
        if step.at.since(last) > GAP {
            writeln!(out, "{:>12}", "...")?;
        }
        last = step.at;
        let seconds = step.at.since(start).as_secs_f64();
        writeln!(out, "{seconds:12.3}  {}  {}", arrow(step.from, step.to, devices.len()), step.what.text)?;
    }
    Ok(())
}

fn clip(name: &str) -> String {
    name.chars().take(WIDTH - 1).collect()
}

/// `|---->|     |`: a line for each device, an arrow from one to another, or `*` to all.
fn arrow(from: usize, to: Option<usize>, devices: usize) -> String {
    let mut line: Vec<char> = vec![' '; devices.saturating_sub(1) * WIDTH + 1];
    (0..devices).for_each(|at| line[at * WIDTH] = '|');
    match to {
        Some(to) if to != from => {
            let (left, right) = (from.min(to) * WIDTH, from.max(to) * WIDTH);
            line[left + 1..right].fill('-');
            if to > from { line[right - 1] = '>' } else { line[left + 1] = '<' }
        }
        _ => line[from * WIDTH] = '*',
    }
    line.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_point_from_the_sender_to_the_receiver_across_columns() {
        assert_eq!(arrow(0, Some(1), 3), "|-------->|         |");
        assert_eq!(arrow(2, Some(0), 3), "|<------------------|");
        assert_eq!(arrow(1, None, 3), "|         *         |");
        assert_eq!(arrow(0, None, 1), "*");
    }
}
