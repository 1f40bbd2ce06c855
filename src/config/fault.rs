//! What is wrong with a configuration, where, and what to do about it.

use std::fmt;
use std::path::PathBuf;

/// One thing wrong with a configuration. It never holds a value that may be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it was written.
    pub place: Place,
    /// The setting, as `table.key` or `list[0].key`; empty for a fault of a whole file.
    pub setting: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
    /// How much it matters.
    pub severity: Severity,
}

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a file, as far as a line can be told.
    File {
        /// The file, as it was opened.
        path: PathBuf,
        /// The line, from 1.
        line: Option<usize>,
        /// The column in characters, from 1.
        column: Option<usize>,
    },
    /// In an environment variable.
    Variable(String),
}

/// How much a fault matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The configuration serves, but perhaps not as meant.
    Warning,
    /// The configuration is refused.
    Fault,
    /// The configuration is right, but this build has no such part: it can't be used (exit code 64).
    Unavailable,
}

/// `FILE:LINE:COLUMN: setting: message. Remedy.`
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        if !self.setting.is_empty() {
            write!(f, "{}: ", self.setting)?;
        }
        let end = if self.remedy.ends_with('?') { "" } else { "." };
        write!(f, "{}. {}{end}", self.message, self.remedy)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => {
                write!(f, "{}", path.display())?;
                line.map_or(Ok(()), |line| write!(f, ":{line}"))?;
                column.map_or(Ok(()), |column| write!(f, ":{column}"))
            }
            Self::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// The path of a setting within its file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct At(pub(super) Vec<Step>);

/// One step of a setting's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a table, by key.
    Key(String),
    /// Into a list, by place from 0.
    Index(usize),
}

impl At {
    /// The setting `dotted`, such as `keys.fresh_for`.
    pub(super) fn path(dotted: &str) -> Self {
        Self(dotted.split('.').map(|key| Step::Key(key.to_owned())).collect())
    }

    /// The setting `key` within this one.
    pub(super) fn key(&self, key: &str) -> Self {
        let mut inner = self.clone();
        inner.0.push(Step::Key(key.to_owned()));
        inner
    }

    /// The element `index` of this list.
    pub(super) fn index(&self, index: usize) -> Self {
        let mut inner = self.clone();
        inner.0.push(Step::Index(index));
        inner
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if place == 0 => write!(f, "{}", shown(key))?,
                Step::Key(key) => write!(f, ".{}", shown(key))?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A name as it may be printed: bounded, control characters escaped.
pub(super) fn shown(name: &str) -> String {
    let short: String = name.chars().take(64).collect();
    let ellipsis = if short.len() < name.len() { "…" } else { "" };
    format!("{}{ellipsis}", short.escape_debug())
}
