//! A rule: its text, and what it means.

use cel::parser::Parser;

use crate::domain::context::ContextPolicy;

use super::expression::{Expression, Failure};
use super::lower::Lowering;
use super::{Facts, guard};

/// Characters of the parser's words that are passed on.
const MAX_SAID: usize = 200;

/// A rule that can be evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    text: String,
    expression: Expression,
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFault {
    /// Where in the text, in bytes from 0; always where a character begins.
    pub at: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

impl RuleFault {
    /// A fault at a byte of the text.
    pub(super) fn new(at: usize, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { at, message: message.into(), remedy: remedy.into() }
    }
}

impl Rule {
    /// Reads a rule about these variables.
    ///
    /// The parser takes up to 16 MiB of stack for a rule at the bounds of this module, above all in a build without
    /// optimisation: call this where there is so much. Evaluating needs no more than any function.
    ///
    /// # Errors
    /// The first fault of the text.
    pub fn compile(text: &str, policy: &ContextPolicy) -> Result<Self, RuleFault> {
        guard::check(text)?;
        let (ast, places) = Parser::new().parse_with_source_info(text).map_err(|errors| {
            let first = errors.errors.first();
            let at = first.map_or(0, |error| byte_at(text, error.pos));
            let said = first.map_or("", |error| error.msg.trim_start_matches("Syntax error: "));
            // What would have been right there is a list of all that CEL has.
            let said = said.split_once(" expecting {").map_or(said, |(wrong, _)| wrong);
            let said: String = said.chars().filter(|c| !c.is_control()).take(MAX_SAID).collect();
            let message = format!("is no expression of CEL: {said}");
            RuleFault::new(at, message, "Write it like `authenticated && vars.tier == \"gold\"`")
        })?;
        let expression = Lowering::new(text, &places, policy).lower(&ast)?;
        Ok(Self { text: text.to_owned(), expression })
    }

    /// The rule as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is true of these facts.
    ///
    /// # Errors
    /// Why it is neither true nor false.
    pub fn judge(&self, facts: Facts<'_>) -> Result<bool, Failure> {
        self.expression.judge(facts)
    }
}

/// The byte, from 0, at a line and column of the parser: both from 1, the column in characters.
fn byte_at(text: &str, (line, column): (isize, isize)) -> usize {
    let whole = |number: isize| usize::try_from(number - 1).unwrap_or(0);
    let before: usize = text.split_inclusive('\n').take(whole(line)).map(str::len).sum();
    let within = text[before..].char_indices().nth(whole(column)).map(|(at, _)| at);
    within.map_or(text.len(), |within| before + within)
}
