//! One file on its way from text to typed settings: what every kind of file has in common.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use jiff::SpanRelativeTo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use super::document::Document;
use super::fault::{At, Fault, Place, Severity, shown};
use super::raw::Span;
use super::vars::Vars;
use super::{overrides, walk};

/// Elements of a list of a file.
const MAX_ELEMENTS: usize = 1000;

/// Notes the faults of one file, each at the place of its setting.
#[derive(Debug)]
pub(super) struct Reader<'d, 't> {
    document: &'d Document<'t>,
    faults: Vec<Fault>,
}

/// Reads one file's text: syntax, overrides, form; then `build` makes typed settings of it. All faults, in order.
pub(super) fn read<R: DeserializeOwned, T>(
    path: &Path,
    text: &str,
    schema: &Value,
    environment: (&[&str], &dyn Vars, &mut overrides::Taken),
    build: impl FnOnce(R, &mut Reader<'_, '_>) -> Option<T>,
) -> (Option<T>, Vec<Fault>) {
    let mut document = match Document::parse(path, text) {
        Ok(document) => document,
        Err(faults) => return (None, faults),
    };
    let (within, vars, taken) = environment;
    let replaced = overrides::find(schema, &document, within, vars);
    let mut faults = overrides::lay(&mut document, &replaced, taken);
    let mut root = document.root().clone();
    for finding in walk::walk(schema, &mut root) {
        faults.push(Fault {
            place: document.place(&finding.at),
            setting: finding.at.to_string(),
            message: finding.message,
            remedy: finding.remedy,
            severity: Severity::Fault,
        });
    }
    let mut reader = Reader { document: &document, faults };
    let raw = R::deserialize(ValueDeserializer::from(Spanned::new(0..0, DeValue::Table(root))));
    let typed = match raw {
        Ok(raw) => build(raw, &mut reader),
        Err(error) => {
            // The walk has taken out what doesn't fit, so this says that the schema and the types differ.
            reader.fault(&At::default(), error.message(), "Compare the file with `usher config schema`");
            None
        }
    };
    let mut faults = reader.faults;
    faults.sort_by_key(|fault| match &fault.place {
        Place::File { line, column, .. } => (0, *line, *column),
        Place::Variable(_) => (1, None, None),
    });
    let refused = faults.iter().any(|fault| fault.severity != Severity::Warning);
    (typed.filter(|_| !refused), faults)
}

impl Reader<'_, '_> {
    /// Notes a fault; where the setting has one already, the first is enough.
    pub(super) fn fault(&mut self, at: &At, message: impl Into<String>, remedy: impl Into<String>) {
        self.note(at, message.into(), remedy.into(), Severity::Fault);
    }

    /// Notes a fault at a byte within the text of a setting.
    pub(super) fn fault_within(
        &mut self,
        at: &At,
        (text, offset): (&str, usize),
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let place = self.document.place_within(at, text, offset);
        self.put(at, place, (message.into(), remedy.into()), Severity::Fault);
    }

    /// Notes what serves, but perhaps not as meant.
    pub(super) fn warn(&mut self, at: &At, message: impl Into<String>, remedy: impl Into<String>) {
        self.note(at, message.into(), remedy.into(), Severity::Warning);
    }

    /// Notes that this build has no such part.
    pub(super) fn unavailable(&mut self, at: &At, message: impl Into<String>, remedy: impl Into<String>) {
        self.note(at, message.into(), remedy.into(), Severity::Unavailable);
    }

    /// Whether a setting of the table `name` has a fault, so that what depends on it can't be judged.
    pub(super) fn doubts(&self, name: &str) -> bool {
        let inside = |setting: &str| setting.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        self.faults.iter().any(|fault| fault.setting == name || inside(&fault.setting))
    }

    /// Where a setting stands, for a fault that several files have together.
    pub(super) fn place(&self, at: &At) -> Place {
        self.document.place(at)
    }

    fn note(&mut self, at: &At, message: String, remedy: String, severity: Severity) {
        self.put(at, self.document.place(at), (message, remedy), severity);
    }

    fn put(&mut self, at: &At, place: Place, (message, remedy): (String, String), severity: Severity) {
        let setting = at.to_string();
        if self.faults.iter().all(|fault| fault.setting != setting) {
            self.faults.push(Fault { place, setting, message, remedy, severity });
        }
    }

    /// A span of time within its range; out of it, a fault and the range's start.
    pub(super) fn span(&mut self, at: &At, span: &Span, range: RangeInclusive<Duration>) -> Duration {
        let (least, most) = (*range.start(), *range.end());
        let limits = format!("Write a span from {} to {}, such as \"10m\"", written(least), written(most));
        match parse_span(&span.0) {
            Ok(span) if range.contains(&span) => return span,
            Ok(span) => self.fault(at, format!("{} is out of range", written(span)), limits),
            Err(message) => self.fault(at, message, limits),
        }
        least
    }

    /// Each element by `parse`, whose error is what is wrong and what to do.
    pub(super) fn each<T>(
        &mut self,
        at: &At,
        elements: &[String],
        mut parse: impl FnMut(&str) -> Result<T, (String, String)>,
    ) -> Vec<T> {
        if elements.len() > MAX_ELEMENTS {
            self.fault(at, "the list is too long", format!("Leave at most {MAX_ELEMENTS} elements"));
            return Vec::new();
        }
        let mut parsed = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            match parse(element) {
                Ok(value) => parsed.push(value),
                Err((message, remedy)) => self.fault(&at.index(index), message, remedy),
            }
        }
        parsed
    }

    /// Networks in CIDR form, or single addresses.
    pub(super) fn networks(&mut self, at: &At, elements: &[String]) -> Vec<IpNet> {
        self.each(at, elements, |text| {
            let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
            let network = text.parse::<IpNet>().ok().or_else(address);
            network.map(|network| network.trunc()).ok_or_else(|| {
                let message = format!("`{}` is no network", shown(text));
                (message, "Write it in CIDR form, such as \"10.0.0.0/8\" or \"fd00::/8\"".to_owned())
            })
        })
    }
}

/// Reads `10m`, `24h`, `30d`, `1h 30m`; a day has 24 hours.
pub(super) fn parse_span(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(format!("`{}` has no unit; ms, s, m, h and d are known", shown(text)));
    }
    let no_span = || format!("`{}` is no span of time; its units are ms, s, m, h and d", shown(text));
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(no_span());
    }
    let span: jiff::Span = text.parse().map_err(|_| no_span())?;
    if span.get_months() != 0 || span.get_years() != 0 {
        return Err("months and years have no fixed length; days have".to_owned());
    }
    let exact = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| no_span())?;
    Duration::try_from(exact).map_err(|_| no_span())
}

/// A span as one would write it, in its largest whole unit.
pub(super) fn written(span: Duration) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)];
    let millis = span.as_millis();
    let whole = units.iter().find(|(_, unit)| millis > 0 && millis.is_multiple_of(*unit));
    match whole {
        Some((name, unit)) => format!("{}{name}", millis / unit),
        None if millis == 0 => "0s".to_owned(),
        None => format!("{millis}ms"),
    }
}
