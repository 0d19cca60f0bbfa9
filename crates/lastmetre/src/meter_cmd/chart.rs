//! The balance curve of a meter as an SVG of our own: a line for each day's end, no library, no script.
use gbcs::Time;
use std::fmt::Write;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;
/// Lines across the chart, at most.
const GRID: i64 = 8;

/// A curve: what it shows, its colour, its value at each moment in thousandths of a penny.
pub struct Curve {
    pub name: &'static str,
    pub colour: &'static str,
    pub values: Vec<i64>,
}

/// Draw curves over the same moments; `None` unless they are two or more, in order.
pub fn draw(title: &str, moments: &[Time], curves: &[Curve]) -> Option<String> {
    let (first, last) = (moments.first()?.0, moments.last()?.0);
    if !moments.is_sorted() || first == last {
        return None;
    }
    let all = || curves.iter().flat_map(|curve| &curve.values).copied();
    let (low, high) = (all().min()?.min(0), all().max()?.max(100_000));
    let step = step(high - low);
    let (low, high) = (low.div_euclid(step) * step, (high + step - 1).div_euclid(step) * step);
    let x = |at: Time| LEFT + (at.0 - first) as f64 / (last - first) as f64 * (WIDTH - LEFT - RIGHT);
    let y = |value: i64| TOP + (high - value) as f64 / (high - low) as f64 * (HEIGHT - TOP - BOTTOM);
    let mut out = String::new();
    let _ = writeln!(
        out,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">"##
    );
    let _ = writeln!(out, r##"<rect width="100%" height="100%" fill="#fff"/>"##);
    let _ = writeln!(out, r##"<text x="{LEFT}" y="22" font-size="15">{}</text>"##, escaped(title));
    let mut value = low;
    while value <= high {
        let (y, ink) = (y(value), if value == 0 { "#555" } else { "#ddd" });
        let _ = writeln!(out, r##"<line x1="{LEFT}" x2="{}" y1="{y:.1}" y2="{y:.1}" stroke="{ink}"/>"##, WIDTH - RIGHT);
        let pounds = value as f64 / 100_000.0;
        let _ = writeln!(out, r##"<text x="{}" y="{:.1}" text-anchor="end">£{pounds:.0}</text>"##, LEFT - 6.0, y + 4.0);
        value += step;
    }
    for at in months(moments) {
        let (x, text) = (x(at), at.to_string());
        let _ = writeln!(out, r##"<line x1="{x:.1}" x2="{x:.1}" y1="{TOP}" y2="{}" stroke="#eee"/>"##, HEIGHT - BOTTOM);
        let _ = writeln!(
            out,
            r##"<text x="{x:.1}" y="{}" text-anchor="middle">{}</text>"##,
            HEIGHT - BOTTOM + 18.0,
            &text[..7]
        );
    }
    for (n, curve) in curves.iter().enumerate() {
        let points: Vec<_> =
            moments.iter().zip(&curve.values).map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
        let (colour, name) = (curve.colour, escaped(curve.name));
        let _ = writeln!(
            out,
            r##"<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{}"/>"##,
            points.join(" ")
        );
        let at = LEFT + n as f64 * 170.0;
        let _ = writeln!(out, r##"<rect x="{at}" y="{}" width="12" height="12" fill="{colour}"/>"##, HEIGHT - 22.0);
        let _ = writeln!(out, r##"<text x="{}" y="{}">{name}</text>"##, at + 18.0, HEIGHT - 12.0);
    }
    out.push_str("</svg>\n");
    Some(out)
}

/// A round amount that divides a span into no more than so many lines.
fn step(span: i64) -> i64 {
    let mut step = 100_000;
    while span / step > GRID {
        step = match step.to_string().as_bytes()[0] {
            b'1' => step * 2,
            b'2' => step / 2 * 5,
            _ => step * 2,
        };
    }
    step
}

/// The first moment of each month; every other or fewer where they are many.
fn months(moments: &[Time]) -> Vec<Time> {
    let month = |at: &Time| (at.civil().year, at.civil().month);
    let starts: Vec<_> =
        moments.windows(2).filter(|pair| month(&pair[0]) != month(&pair[1])).map(|pair| pair[1]).collect();
    let every = starts.len().div_ceil(13).max(1);
    starts.into_iter().step_by(every).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_a_point_for_every_day_and_a_line_at_nothing() {
        let days: Vec<_> = (0..365).map(|n| Time::from_seconds(1_767_225_600 + n * 86_400)).collect();
        let values = (0..365).map(|n| (n % 20) * 100_000 - 300_000).collect();
        let curve = Curve { name: "balance <x>", colour: "#06c", values };
        let svg = draw("a & b", &days, &[curve]).unwrap();
        let points = svg.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(points.split(' ').count(), 365);
        assert!(svg.contains("a &amp; b") && svg.contains("balance &lt;x&gt;") && svg.contains(">£0<"));
        assert!(svg.contains(">2026-02<") && svg.ends_with("</svg>\n"));
        assert!(draw("", &days[..1], &[]).is_none());
    }

    #[test]
    fn steps_are_round_and_few() {
        for (span, expected) in
            [(100_000, 100_000), (800_000, 100_000), (900_000, 200_000), (4_000_000, 500_000), (8_000_000, 1_000_000)]
        {
            assert_eq!(step(span), expected, "{span}");
        }
    }
}
