//! One file of settings, with the place of each, and what the environment lays over it.

use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{At, Fault, Place, Severity, Step};

/// A parsed file. Values that came from the environment stand in it with spans past the text's end: the number
/// beyond it names the variable.
#[derive(Debug)]
pub(super) struct Document<'t> {
    path: PathBuf,
    text: &'t str,
    root: DeTable<'t>,
    variables: Vec<&'t str>,
}

impl<'t> Document<'t> {
    /// Parses `text`; all faults of the syntax at once.
    pub(super) fn parse(path: &Path, text: &'t str) -> Result<Self, Vec<Fault>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let path = path.to_owned();
        let document = Self { path, text, root: root.into_inner(), variables: Vec::new() };
        if errors.is_empty() {
            return Ok(document);
        }
        let fault = |error: &toml::de::Error| Fault {
            place: document.at_span(error.span()),
            setting: String::new(),
            message: format!("this isn't TOML: {}", error.message()),
            remedy: "Correct the line; text stands in quotes, lists in [ ], and a key only once in its table"
                .into(),
            severity: Severity::Fault,
        };
        Err(errors.iter().map(fault).collect())
    }

    /// The settings as they stand, the environment's included.
    pub(super) const fn root(&self) -> &DeTable<'t> {
        &self.root
    }

    /// Lays a value over the setting `at`, in the name of the variable.
    pub(super) fn overlay(&mut self, at: &At, value: DeValue<'t>, variable: &'t str) {
        let mark = self.text.len() + 1 + self.variables.len();
        self.variables.push(variable);
        lay(&mut self.root, &at.0, value, &(mark..mark));
    }

    /// Where the setting `at` was written; for one that is missing, where its table begins.
    pub(super) fn place(&self, at: &At) -> Place {
        self.at_span(self.span(at))
    }

    /// Where in the text of the setting `at` its byte `offset` was written; where the setting itself was, if the file
    /// doesn't hold that text as it is.
    pub(super) fn place_within(&self, at: &At, text: &str, offset: usize) -> Place {
        let written = self.value_span(at).and_then(|span| {
            let start = self.text.get(span.clone())?.find(text)?;
            Some(span.start + start + offset)
        });
        written.map_or_else(|| self.place(at), |start| self.at_span(Some(start..start)))
    }

    fn value_span(&self, at: &At) -> Option<Range<usize>> {
        let (Step::Key(first), rest) = at.0.split_first()? else { return None };
        let mut value = self.root.get(first.as_str())?;
        for step in rest {
            value = match (step, value.get_ref()) {
                (Step::Key(key), DeValue::Table(table)) => table.get(key.as_str())?,
                (Step::Index(index), DeValue::Array(items)) => items.get(*index)?,
                _ => return None,
            };
        }
        Some(value.span())
    }

    fn span(&self, at: &At) -> Option<Range<usize>> {
        let (first, rest) = at.0.split_first()?;
        let Step::Key(key) = first else { return None };
        // Of a table that isn't there, the whole file is the place.
        let Some((key, mut value)) = self.root.get_key_value(key.as_str()) else { return Some(0..0) };
        let mut best = if value.span().start > self.text.len() { value.span() } else { key.span() };
        for step in rest {
            let next = match (step, value.get_ref()) {
                (Step::Key(key), DeValue::Table(table)) => {
                    table.get_key_value(key.as_str()).map(|(key, value)| (key.span(), value))
                }
                (Step::Index(index), DeValue::Array(items)) => {
                    items.get(*index).map(|item| (item.span(), item))
                }
                _ => None,
            };
            let Some((span, inner)) = next else { break };
            best = span;
            value = inner;
        }
        Some(best)
    }

    fn at_span(&self, span: Option<Range<usize>>) -> Place {
        let start = span.map(|span| span.start);
        let beyond = start.and_then(|start| start.checked_sub(self.text.len() + 1));
        if let Some(variable) = beyond.and_then(|number| self.variables.get(number)) {
            return Place::Variable((*variable).to_owned());
        }
        let position = start.and_then(|start| self.text.get(..start)).map(|before| {
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            (line, column)
        });
        let (line, column) = position.unzip();
        Place::File { path: self.path.clone(), line, column }
    }
}

fn lay<'t>(table: &mut DeTable<'t>, steps: &[Step], value: DeValue<'t>, span: &Range<usize>) {
    let Some((Step::Key(key), rest)) = steps.split_first() else { return };
    let held = table.remove_entry(key.as_str());
    let key = |span: &Range<usize>| Spanned::new(span.clone(), Cow::Owned(key.clone()));
    if rest.is_empty() {
        table.insert(key(span), respanned(value, span));
        return;
    }
    // A table that a file doesn't have is begun by the variable.
    let (key, mut inner) = match held {
        Some((key, inner)) if inner.get_ref().is_table() => (key, inner),
        _ => (key(span), Spanned::new(span.clone(), DeValue::Table(DeTable::new()))),
    };
    if let DeValue::Table(table) = inner.get_mut() {
        lay(table, rest, value, span);
    }
    table.insert(key, inner);
}

fn respanned<'t>(value: DeValue<'t>, span: &Range<usize>) -> Spanned<DeValue<'t>> {
    let value = match value {
        DeValue::Array(items) => {
            DeValue::Array(items.into_iter().map(|item| respanned(item.into_inner(), span)).collect())
        }
        DeValue::Table(table) => {
            let again = |(key, value): (Spanned<Cow<'t, str>>, Spanned<DeValue<'t>>)| {
                (Spanned::new(span.clone(), key.into_inner()), respanned(value.into_inner(), span))
            };
            DeValue::Table(table.into_iter().map(again).collect())
        }
        plain => plain,
    };
    Spanned::new(span.clone(), value)
}
