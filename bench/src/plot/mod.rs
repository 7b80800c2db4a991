//! Line charts as SVG: ordered conditions along the bottom, a rate upwards, a median with its range for each point.
//!
//! Text stands beside the lines instead of in a legend, colours are told apart by people who see few of them, and each
//! series has a mark of its own, so that a print in grey still reads.

use std::fmt::Write as _;

#[cfg(test)]
mod tests;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
/// Room for the names of the series.
const RIGHT: f64 = 190.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 64.0;
/// Names of series are at least this far apart.
const NAME_STEP: f64 = 15.0;
/// Of Okabe and Ito, chosen to be told apart with any kind of colour vision.
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// One chart.
pub(crate) struct Chart {
    /// What it shows.
    pub title: String,
    /// Under what: a second, smaller line.
    pub subtitle: String,
    /// What stands along the bottom: `round-trip time`.
    pub along: String,
    /// The conditions, in order: `0 ms`, `10 ms`.
    pub conditions: Vec<String>,
    /// What goes upwards, with its unit: `Gbit/s`.
    pub upwards: String,
    /// Logarithmic upwards, for values of several orders of magnitude. Values must then be above zero.
    pub logarithmic: bool,
    /// A line across, with its name: the rate of the link.
    pub bound: Option<(f64, String)>,
    /// What is compared.
    pub series: Vec<Series>,
}

/// One line.
pub(crate) struct Series {
    /// Its name, written beside it.
    pub name: String,
    /// For each condition; `None` where nothing was measured.
    pub points: Vec<Option<Point>>,
}

/// A median and its range.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Point {
    /// Smallest sample.
    pub low: f64,
    /// Median.
    pub middle: f64,
    /// Largest sample.
    pub high: f64,
}

impl Point {
    /// Of samples; `None` of none.
    pub(crate) fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (*sorted.first()?, *sorted.last()?);
        let half = sorted.len() / 2;
        let middle = if sorted.len() % 2 == 1 { sorted[half] } else { (sorted[half - 1] + sorted[half]) / 2.0 };
        Some(Self { low, middle, high })
    }
}

/// Where values are on the paper.
struct Scale {
    logarithmic: bool,
    least: f64,
    most: f64,
}

impl Scale {
    fn of(chart: &Chart) -> Self {
        let points = || chart.series.iter().flat_map(|series| series.points.iter().flatten());
        let bound = chart.bound.as_ref().map(|(value, _)| *value);
        let most = points().map(|point| point.high).chain(bound).fold(0.0, f64::max);
        let most = if most > 0.0 { most } else { 1.0 };
        if !chart.logarithmic {
            return Self { logarithmic: false, least: 0.0, most: most * 1.05 };
        }
        let above_zero = points().map(|point| point.low).chain(bound).filter(|value| *value > 0.0);
        let least = above_zero.fold(most, f64::min);
        Self { logarithmic: true, least: 10f64.powf(least.log10().floor()), most: most * 1.3 }
    }

    fn y(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(self.least).log10() - self.least.log10()) / (self.most.log10() - self.least.log10())
        } else {
            value / self.most
        };
        HEIGHT - BOTTOM - share.clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
    }

    /// Round values for the lines across.
    fn ticks(&self) -> Vec<f64> {
        if self.logarithmic {
            let decades = self.least.log10().floor() as i32..=self.most.log10().floor() as i32;
            let all = decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(decade)));
            return all.filter(|value| (self.least..=self.most).contains(value)).collect();
        }
        let rough = self.most / 5.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|digit| digit * power).find(|step| *step >= rough);
        let step = step.unwrap_or(power * 10.0);
        (0..=6).map(|count| f64::from(count) * step).filter(|value| *value <= self.most).collect()
    }
}

impl Chart {
    /// The picture.
    pub(crate) fn svg(&self) -> String {
        let scale = Scale::of(self);
        let mut out = String::new();
        // Writing into memory cannot fail.
        let _ = writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n<title>{}</title>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
            escaped(&self.title)
        );
        text(&mut out, (LEFT, 22.0), "start", "font-size=\"15\" font-weight=\"bold\"", &self.title);
        text(&mut out, (LEFT, 40.0), "start", "fill=\"#555555\"", &self.subtitle);
        self.frame(&mut out, &scale);
        let names = self.name_heights(&scale);
        for (number, series) in self.series.iter().enumerate() {
            self.line(&mut out, &scale, number, series, names[number]);
        }
        out.push_str("</svg>\n");
        out
    }

    fn x(&self, condition: usize) -> f64 {
        let inner = WIDTH - LEFT - RIGHT - 40.0;
        let steps = self.conditions.len().saturating_sub(1).max(1) as f64;
        LEFT + 20.0 + condition as f64 / steps * inner
    }

    fn frame(&self, out: &mut String, scale: &Scale) {
        let (right, floor) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for tick in scale.ticks() {
            let y = scale.y(tick);
            let _ =
                writeln!(out, "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#e0e0e0\"/>");
            text(out, (LEFT - 8.0, y + 4.0), "end", "fill=\"#333333\"", &number(tick));
        }
        if let Some((value, name)) = &self.bound {
            let y = scale.y(*value);
            let _ = writeln!(
                out,
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#888888\" stroke-dasharray=\"6 4\"/>"
            );
            text(out, (LEFT + 4.0, y - 5.0), "start", "fill=\"#666666\"", name);
        }
        for (place, condition) in self.conditions.iter().enumerate() {
            text(out, (self.x(place), floor + 20.0), "middle", "fill=\"#333333\"", condition);
        }
        let middle = f64::midpoint(LEFT, right);
        text(out, (middle, floor + 44.0), "middle", "fill=\"#333333\"", &self.along);
        let turned = format!("fill=\"#333333\" transform=\"rotate(-90 18 {:.1})\"", f64::midpoint(TOP, floor));
        text(out, (18.0, f64::midpoint(TOP, floor)), "middle", &turned, &self.upwards);
    }

    fn line(&self, out: &mut String, scale: &Scale, number: usize, series: &Series, name_y: f64) {
        let colour = COLOURS[number % COLOURS.len()];
        // A little apart, so that equal lines are seen as two.
        let beside = (number as f64 - (self.series.len() as f64 - 1.0) / 2.0) * 5.0;
        let places: Vec<(f64, Point)> = series
            .points
            .iter()
            .enumerate()
            .filter_map(|(place, point)| Some((self.x(place) + beside, (*point)?)))
            .collect();
        let path: Vec<String> =
            places.iter().map(|(x, point)| format!("{x:.1},{:.1}", scale.y(point.middle))).collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        for (x, point) in &places {
            let (low, y, high) = (scale.y(point.low), scale.y(point.middle), scale.y(point.high));
            let _ = writeln!(
                out,
                "<line x1=\"{x:.1}\" y1=\"{low:.1}\" x2=\"{x:.1}\" y2=\"{high:.1}\" stroke=\"{colour}\" opacity=\"0.5\"/>"
            );
            mark(out, number, (*x, y), colour);
        }
        if let Some((x, point)) = places.last() {
            let (from, to) = (x + 6.0, WIDTH - RIGHT + 4.0);
            let _ = writeln!(
                out,
                "<line x1=\"{from:.1}\" y1=\"{:.1}\" x2=\"{to:.1}\" y2=\"{name_y:.1}\" stroke=\"{colour}\" opacity=\"0.35\"/>",
                scale.y(point.middle)
            );
            let style = format!("fill=\"{colour}\"");
            text(out, (WIDTH - RIGHT + 8.0, name_y + 4.0), "start", &style, &series.name);
        }
    }

    /// Where the names of the series stand: beside their last points, moved apart where they would cover each other.
    fn name_heights(&self, scale: &Scale) -> Vec<f64> {
        let last = |series: &Series| series.points.iter().flatten().last().map(|point| scale.y(point.middle));
        let mut order: Vec<(usize, f64)> =
            self.series.iter().enumerate().map(|(number, series)| (number, last(series).unwrap_or(TOP))).collect();
        order.sort_by(|a, b| a.1.total_cmp(&b.1));
        let mut heights = vec![TOP; self.series.len()];
        let mut least = TOP;
        for (number, wanted) in &order {
            heights[*number] = wanted.max(least);
            least = heights[*number] + NAME_STEP;
        }
        // What was pushed below the floor goes up again, with those above it.
        let mut most = HEIGHT - BOTTOM;
        for (number, _) in order.iter().rev() {
            heights[*number] = heights[*number].min(most);
            most = heights[*number] - NAME_STEP;
        }
        heights
    }
}

fn mark(out: &mut String, number: usize, (x, y): (f64, f64), colour: &str) {
    let _ = match number % 3 {
        0 => writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>"),
        1 => {
            writeln!(
                out,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"8\" height=\"8\" fill=\"{colour}\"/>",
                x - 4.0,
                y - 4.0
            )
        }
        _ => writeln!(
            out,
            "<polygon points=\"{x:.1},{:.1} {:.1},{:.1} {:.1},{:.1}\" fill=\"{colour}\"/>",
            y - 5.0,
            x - 5.0,
            y + 4.0,
            x + 5.0,
            y + 4.0
        ),
    };
}

fn text(out: &mut String, (x, y): (f64, f64), anchor: &str, style: &str, words: &str) {
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {style}>{}</text>", escaped(words));
}

/// Without digits that mean nothing.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    short.to_owned()
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
