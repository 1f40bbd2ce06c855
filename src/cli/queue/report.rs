//! Which queue takes a conversation, for a person or for a program.

use std::io::{self, Write};

use serde::Serialize;

use crate::config::Tenant;
use crate::domain::context::Merged;
use crate::domain::queue::{DEFAULT_QUEUE, Facts, Failure, Outcome, Queue, Rule};
use crate::domain::token::{Refusal, VerifiedCustomer};
use crate::wire::VariablesView;

pub(super) struct Report<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) customer: Option<&'a VerifiedCustomer>,
    pub(super) merged: &'a Merged,
}

#[derive(Serialize)]
struct JsonReport<'a> {
    tenant: &'a str,
    authenticated: bool,
    /// Where a conversation begins that is begun so.
    queue: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<i64>,
    queues: Vec<JsonQueue<'a>>,
    variables: VariablesView<'a>,
    rejected: Vec<JsonRejected<'a>>,
}

#[derive(Serialize)]
struct JsonQueue<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<&'a str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct JsonRejected<'a> {
    name: &'a str,
    reason: &'static str,
}

#[derive(Serialize)]
struct JsonRefusal<'a> {
    verdict: &'static str,
    reason: &'static str,
    message: &'a str,
    action: &'a str,
}

/// That there is nobody to find a queue for.
pub(super) fn write_refusal(refusal: &Refusal, json: bool, out: &mut impl Write) -> io::Result<()> {
    if json {
        let (reason, message, action) = (refusal.reason.code(), &*refusal.message, &*refusal.action);
        serde_json::to_writer_pretty(
            &mut *out,
            &JsonRefusal { verdict: "refused", reason, message, action },
        )?;
        return writeln!(out);
    }
    writeln!(out, "the token is refused: {}", refusal.reason)?;
    writeln!(out, "  what is wrong  {}\n  what to do     {}", refusal.message, refusal.action)
}

impl Report<'_> {
    pub(super) fn write(&self, json: bool, out: &mut impl Write) -> io::Result<()> {
        if json {
            serde_json::to_writer_pretty(&mut *out, &self.as_json())?;
            return writeln!(out);
        }
        self.write_facts(out)?;
        writeln!(out)?;
        let told = self.tenant.queues.explain(self.facts());
        let taken = told.iter().any(|(_, outcome)| matches!(outcome, Ok(Outcome::Matched)));
        for (queue, outcome) in &told {
            let mark = if matches!(outcome, Ok(Outcome::Matched)) { "->" } else { "  " };
            let priority =
                queue.priority.map(|priority| format!(", priority {priority}")).unwrap_or_default();
            writeln!(out, "{mark} {}{priority}: {}", queue.name.escape_debug(), self.why(queue, outcome))?;
            if let Some(rule) = &queue.when {
                let text = rule.text().trim().replace(char::is_control, " ");
                writeln!(out, "     when {text}")?;
            }
        }
        if !taken {
            let begins = "no queue takes it: a conversation begins in";
            writeln!(out, "{begins} `{DEFAULT_QUEUE}`, and one that goes on stays where it is")?;
        }
        Ok(())
    }

    const fn facts(&self) -> Facts<'_> {
        Facts { authenticated: self.customer.is_some(), variables: &self.merged.variables }
    }

    fn as_json(&self) -> JsonReport<'_> {
        let choice = self.tenant.queues.choose(self.facts()).choice;
        let told = self.tenant.queues.explain(self.facts());
        let taken = told.iter().find(|(_, outcome)| matches!(outcome, Ok(Outcome::Matched)));
        let taken = taken.map(|(queue, _)| *queue);
        let has_rule = choice.is_some_and(|choice| choice.rule.is_some());
        let queues = told.iter().map(|(queue, outcome)| JsonQueue {
            name: &queue.name,
            when: queue.when.as_ref().map(Rule::text),
            outcome: match outcome {
                Ok(Outcome::Matched) => "matched",
                Ok(Outcome::NotMatched) => "not_matched",
                Ok(Outcome::NotReached) => "not_reached",
                Err(_) => "failed",
            },
            reason: outcome.as_ref().err().map(ToString::to_string),
        });
        let rejected = self.merged.report.rejected.iter();
        JsonReport {
            tenant: self.tenant.id.as_str(),
            authenticated: self.customer.is_some(),
            queue: taken.map_or(DEFAULT_QUEUE, |queue| &queue.name),
            rule: taken.filter(|_| has_rule).map(|queue| &*queue.name),
            priority: taken.and_then(|queue| queue.priority),
            queues: queues.collect(),
            variables: VariablesView {
                variables: &self.merged.variables,
                authenticated: self.customer.is_some(),
            },
            rejected: rejected
                .map(|one| JsonRejected { name: &one.name, reason: one.reason.code() })
                .collect(),
        }
    }

    fn write_facts(&self, out: &mut impl Write) -> io::Result<()> {
        match self.customer.map(VerifiedCustomer::identity) {
            Some(who) => {
                let (subject, issuer) = (who.subject.escape_debug(), who.issuer.escape_debug());
                writeln!(out, "authenticated as {subject}, by {issuer}")?;
            }
            None => writeln!(out, "nobody is signed in")?,
        }
        let names = &self.merged.report;
        for (name, variable) in &self.merged.variables {
            let is_signed = self.customer.is_some_and(|customer| customer.variables().contains_key(name));
            let from = if is_signed { "vars, claimed" } else { "claimed" };
            let (name, value) = (name.escape_debug(), variable.raw.as_text().escape_debug());
            writeln!(out, "  {name} = {value} ({from})")?;
        }
        for rejected in &names.rejected {
            writeln!(out, "  {} is not taken: {}", rejected.name.escape_debug(), rejected.reason.code())?;
        }
        Ok(())
    }

    fn why(&self, queue: &Queue, outcome: &Result<Outcome, Failure>) -> String {
        match outcome {
            Ok(Outcome::Matched) if queue.when.is_some() => "takes it, for its rule is true".to_owned(),
            Ok(Outcome::Matched) if self.tenant.queues.has_rules() => {
                "takes it, for it takes every conversation".to_owned()
            }
            Ok(Outcome::Matched) => "takes it, for it is the first, and none has a rule".to_owned(),
            Ok(Outcome::NotMatched) => "its rule is false".to_owned(),
            Ok(Outcome::NotReached) => "not asked, for an earlier queue takes it".to_owned(),
            Err(failure) => format!("its rule fails, and so does not match: {failure}"),
        }
    }
}
