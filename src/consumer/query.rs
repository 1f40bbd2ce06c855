//! Query parameters, strictly: each known, given once, and in its range.

use std::ops::RangeInclusive;

use super::member::Member;
use super::problem::Problem;

/// The most entries of a list's page.
pub(super) const LIMIT_MAX: usize = 500;
/// The entries of a page where nothing is asked for.
const LIMIT_DEFAULT: usize = 100;
/// The most parameters that are read at all.
const PARAMETERS_MAX: usize = 32;
/// Characters of a name that are repeated in an answer.
const QUOTED_MAX: usize = 64;

/// The parameters as they came.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(raw: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(raw.unwrap_or_default().as_bytes());
        // One more than may be there, to know that there were too many.
        Self(pairs.into_owned().take(PARAMETERS_MAX + 1).collect())
    }

    /// Every value of a parameter, however often it was given.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The parameter's value.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Refuses what is not among `known`, and what is given twice, by name.
    pub(super) fn only(&self, known: &[Member]) -> Result<(), Problem> {
        if self.0.len() > PARAMETERS_MAX {
            return Err(Problem::invalid(format!("There are more than {PARAMETERS_MAX} query parameters.")));
        }
        let mut faults = Vec::new();
        for (at, (name, _)) in self.0.iter().enumerate() {
            let is_first = !self.0[..at].iter().any(|(earlier, _)| earlier == name);
            if !known.iter().any(|member| member.name == name) && is_first {
                faults.push(format!("the query parameter {} is unknown here", quoted(name)));
            } else if self.all(name).nth(1).is_some() && is_first {
                faults.push(format!("the query parameter {} is given more than once", quoted(name)));
            }
        }
        if faults.is_empty() {
            return Ok(());
        }
        Err(Problem::invalid(format!(
            "{}: this call takes {}, each once.",
            faults.join("; "),
            known.iter().map(|member| member.name).collect::<Vec<_>>().join(", ")
        )))
    }

    /// Refuses any parameter.
    pub(super) fn none(&self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Problem::invalid("This call takes no query parameters."))
    }

    /// The `limit`, 1 to [`LIMIT_MAX`].
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        self.number("limit", 1..=LIMIT_MAX as u64)
            .map(|limit| limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LIMIT_DEFAULT))
    }

    /// A whole number in its range.
    pub(super) fn number(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && range.contains(number));
        let (least, most) = (range.start(), range.end());
        number.map(Some).ok_or_else(|| {
            Problem::invalid(format!(
                "The query parameter {name} must be a whole number from {least} to {most}."
            ))
        })
    }

    /// One of two words, as whether it is the first.
    pub(super) fn either(&self, name: &str, yes: &str, no: &str) -> Result<Option<bool>, Problem> {
        match self.get(name) {
            None => Ok(None),
            Some(text) if text == yes => Ok(Some(true)),
            Some(text) if text == no => Ok(Some(false)),
            Some(_) => Err(Problem::invalid(format!("The query parameter {name} must be {yes} or {no}."))),
        }
    }
}

/// A name of the caller's, cut short and in quotes.
pub(super) fn quoted(name: &str) -> String {
    let mut cut: String = name.chars().take(QUOTED_MAX).collect();
    if cut.len() < name.len() {
        cut.push('…');
    }
    format!("{cut:?}")
}
