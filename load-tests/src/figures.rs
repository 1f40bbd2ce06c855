//! Figures of a round, their medians over the rounds, and how both are told.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::process::Memory;

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Count,
    PerSecond,
    Seconds,
    Milliseconds,
    Microseconds,
    Bytes,
    /// Of one core, or of something else that is whole: 1 is all of it.
    Share,
}

impl Unit {
    const fn symbol(self) -> &'static str {
        match self {
            Self::Count | Self::Share => "",
            Self::PerSecond => "/s",
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
            Self::Bytes => "B",
        }
    }
}

/// The figures of one round, in the order in which they are told.
#[derive(Debug, Default)]
pub(crate) struct Figures(Vec<(String, Unit, f64)>);

impl Figures {
    pub(crate) fn add(&mut self, name: impl Into<String>, unit: Unit, value: f64) {
        self.0.push((name.into(), unit, value));
    }

    pub(crate) fn count(&mut self, name: &str, value: u64) {
        self.add(name, Unit::Count, float(value));
    }

    /// Takes over these, with this before their names.
    pub(crate) fn take(&mut self, before: &str, others: Self) {
        self.0
            .extend(others.0.into_iter().map(|(name, unit, value)| (format!("{before}{name}"), unit, value)));
    }

    /// The memory of an empty gateway, and what it grew by for each of so many.
    pub(crate) fn memory(&mut self, before: Memory, after: Memory, count: u64, each: &str) {
        self.add("empty gateway Pss", Unit::Bytes, float(before.pss));
        self.add("empty gateway RSS", Unit::Bytes, float(before.rss));
        let grown = |before: u64, after: u64| (float(after) - float(before)) / float(count.max(1));
        self.add(format!("Pss per {each}"), Unit::Bytes, grown(before.pss, after.pss));
        self.add(format!("RSS per {each}"), Unit::Bytes, grown(before.rss, after.rss));
    }

    /// The figure of this name.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, ..)| known == name).map(|(.., value)| *value)
    }
}

/// A whole number as one with a fraction.
#[expect(clippy::cast_precision_loss, reason = "a figure of more than 53 bits is not told to the last digit")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

/// All rounds of one mode.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) mode: &'static str,
    /// What the mode was asked, by flag.
    pub(crate) parameters: Value,
    /// Programs and machine.
    pub(crate) versions: Value,
    pub(crate) rounds: Vec<Figures>,
    /// What each round was bound by, as far as it can be told.
    pub(crate) bounds: Vec<&'static str>,
    /// How much was acknowledged and found.
    pub(crate) checked: u64,
}

/// The middle of the rounds, the least and the greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spread {
    median: f64,
    least: f64,
    greatest: f64,
}

impl Spread {
    fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let (low, high) = (sorted.len().saturating_sub(1) / 2, sorted.len() / 2);
        let median = f64::midpoint(at(low), at(high));
        Self { median, least: at(0), greatest: at(sorted.len().saturating_sub(1)) }
    }
}

impl Report {
    /// Each figure with its unit and its spread over the rounds.
    fn spreads(&self) -> impl Iterator<Item = (&str, Unit, Spread)> {
        let first = self.rounds.first().map(|round| round.0.as_slice()).unwrap_or_default();
        first.iter().map(|(name, unit, _)| {
            let values: Vec<_> = self.rounds.iter().filter_map(|round| round.value(name)).collect();
            (name.as_str(), *unit, Spread::of(&values))
        })
    }

    /// The table for people.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("{}, {}\n", self.mode, rounds(self.rounds.len()));
        let width = self.spreads().map(|(name, ..)| name.len()).max().unwrap_or_default();
        for (name, unit, spread) in self.spreads() {
            let value = with_unit(spread.median, unit);
            let _ = write!(text, "  {name:width$}  {value:>16}");
            if self.rounds.len() > 1 {
                let _ = write!(text, "  [{} - {}]", number(spread.least), number(spread.greatest));
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        let mut bounds = self.bounds.clone();
        bounds.dedup();
        for bound in bounds {
            let _ = writeln!(text, "  {bound}");
        }
        let _ = writeln!(text, "  nothing acknowledged is missing ({} checked)", self.checked);
        text
    }

    /// The same for programs, every round included.
    pub(crate) fn json(&self) -> Value {
        let object = |round: &Figures| -> Map<String, Value> {
            round.0.iter().map(|(name, _, value)| (name.clone(), json!(value))).collect()
        };
        let spreads = self.spreads().map(|(name, unit, spread)| {
            let value = json!({
                "unit": unit.symbol(),
                "median": spread.median, "min": spread.least, "max": spread.greatest,
            });
            (name.to_owned(), value)
        });
        json!({
            "mode": self.mode,
            "parameters": self.parameters,
            "versions": self.versions,
            "figures": spreads.collect::<Map<_, _>>(),
            "rounds": self.rounds.iter().map(object).collect::<Vec<_>>(),
            "bounds": self.bounds,
            "checked": self.checked,
        })
    }
}

fn rounds(count: usize) -> String {
    if count == 1 { "1 round".to_owned() } else { format!("{count} rounds: median [least - greatest]") }
}

fn with_unit(value: f64, unit: Unit) -> String {
    format!("{} {:2}", number(value), unit.symbol())
}

/// At three digits behind the point below ten, one below a thousand, thousands apart above.
fn number(value: f64) -> String {
    let size = value.abs();
    if size < 10.0 && value.fract() != 0.0 {
        return format!("{value:.3}");
    }
    if size < 1000.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    let whole = format!("{size:.0}");
    let mut text = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(values: &[f64]) -> Report {
        let round = |value: &f64| {
            let mut figures = Figures::default();
            figures.add("starts", Unit::PerSecond, *value);
            figures.add("ack p99", Unit::Milliseconds, value / 1000.0);
            figures
        };
        Report {
            mode: "connect",
            parameters: json!({ "count": 3 }),
            versions: json!({}),
            rounds: values.iter().map(round).collect(),
            bounds: vec!["server-bound"; values.len()],
            checked: 12,
        }
    }

    #[test]
    fn one_round_is_told_as_it_is() {
        let expected = "connect, 1 round\n  starts          12 345 /s\n  ack p99           12.3 ms\n";
        let table = report(&[12345.0]).table();
        assert!(table.starts_with(expected), "{table}");
        assert!(
            table.ends_with("  server-bound\n  nothing acknowledged is missing (12 checked)\n"),
            "{table}"
        );
    }

    #[test]
    fn several_rounds_are_told_by_their_median_and_their_ends() {
        let table = report(&[900.0, 100.0, 200.0]).table();
        assert!(table.contains("200 /s  [100 - 900]"), "{table}");
        assert_eq!(table.matches("server-bound").count(), 1, "{table}");
        assert_eq!(Spread::of(&[4.0, 1.0, 3.0, 2.0]), Spread { median: 2.5, least: 1.0, greatest: 4.0 });
    }

    #[test]
    fn programs_get_every_round() {
        let told = report(&[100.0, 300.0]).json();
        assert_eq!(
            told["figures"]["starts"],
            json!({ "unit": "/s", "median": 200.0, "min": 100.0, "max": 300.0 })
        );
        assert_eq!(told["rounds"][1]["ack p99"], 0.3);
        assert_eq!((&told["parameters"]["count"], &told["checked"]), (&json!(3), &json!(12)));
    }

    #[test]
    fn numbers_have_the_digits_that_mean_something() {
        let told = [0.0, 1.5, 12.34, 999.96, 1000.4, -1_234_567.0].map(number);
        assert_eq!(told, ["0", "1.500", "12.3", "1000.0", "1 000", "-1 234 567"]);
    }
}
