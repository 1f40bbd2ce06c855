//! Which queue? A tenant's queues, each with the rule that puts conversations into it, where it has one.
//!
//! The first queue whose rule is true takes the conversation; one without a rule takes every conversation. Rules are
//! written in CEL (the Common Expression Language); what they may say is in `lower`, what that means in `expression`.

mod expression;
mod guard;
mod lower;
mod rule;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::domain::context::Variables;

pub use expression::Failure;
pub use guard::{MAX_BYTES, MAX_NESTING, MAX_OPERATORS, MAX_STEPS};
pub use lower::{MAX_DEPTH, MAX_NODES};
pub use rule::{Rule, RuleFault};

/// The queue of conversations that no queue of their tenant takes.
pub const DEFAULT_QUEUE: &str = "default";

/// The greatest priority that a queue may have; the least is as far below zero.
pub const MAX_PRIORITY: i64 = 1_000_000;

/// One of a tenant's queues.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// Its name, which is its rule's name too.
    pub name: Arc<str>,
    /// What has to be true of a conversation that it takes; without it, it takes every one.
    pub when: Option<Rule>,
    /// Handed on with the conversations that it takes, and means nothing here.
    pub priority: Option<i64>,
}

/// What a rule may ask about.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Whether the conversation is authenticated: only then is a token's variable verified.
    pub authenticated: bool,
    /// All its variables.
    pub variables: &'a Variables,
}

/// A tenant's queues in their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Queues {
    listed: Vec<Queue>,
    has_rules: bool,
}

/// Where a conversation goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The queue.
    pub queue: Arc<str>,
    /// The rule that says so; none where the tenant has no rules.
    pub rule: Option<Arc<str>>,
    /// The queue's priority.
    pub priority: Option<i64>,
}

/// What a tenant's queues say to a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chosen {
    /// Where it goes; none where no queue takes it.
    pub choice: Option<Choice>,
    /// The rules that could not be evaluated, and so did not match.
    pub failed: Vec<Arc<str>>,
}

/// What became of one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its rule is true, or it has none: it takes the conversation.
    Matched,
    /// Its rule is false.
    NotMatched,
    /// An earlier queue took the conversation.
    NotReached,
}

impl Queues {
    /// These queues in this order.
    #[must_use]
    pub fn new(listed: Vec<Queue>) -> Self {
        let has_rules = listed.iter().any(|queue| queue.when.is_some());
        Self { listed, has_rules }
    }

    /// Each of them.
    #[must_use]
    pub fn listed(&self) -> &[Queue] {
        &self.listed
    }

    /// Whether any of them has a rule. Without one, a conversation begins in the first and nothing moves it.
    #[must_use]
    pub const fn has_rules(&self) -> bool {
        self.has_rules
    }

    /// The queue that takes a conversation of which these facts hold.
    #[must_use]
    pub fn choose(&self, facts: Facts<'_>) -> Chosen {
        let mut failed = Vec::new();
        let taken = self.listed.iter().find(|queue| {
            queue.judge(facts).unwrap_or_else(|_| {
                failed.push(queue.name.clone());
                false
            })
        });
        let choice = taken.map(|queue| Choice {
            queue: queue.name.clone(),
            rule: self.has_rules.then(|| queue.name.clone()),
            priority: queue.priority,
        });
        Chosen { choice, failed }
    }

    /// What became of each queue, or why its rule could not be evaluated.
    #[must_use]
    pub fn explain(&self, facts: Facts<'_>) -> Vec<(&Queue, Result<Outcome, Failure>)> {
        let mut taken = false;
        let one = |queue| {
            if taken {
                return (queue, Ok(Outcome::NotReached));
            }
            let outcome = Queue::judge(queue, facts).map(|matched| {
                taken = matched;
                if matched { Outcome::Matched } else { Outcome::NotMatched }
            });
            (queue, outcome)
        };
        self.listed.iter().map(one).collect()
    }
}

impl Queue {
    fn judge(&self, facts: Facts<'_>) -> Result<bool, Failure> {
        self.when.as_ref().map_or(Ok(true), |rule| rule.judge(facts))
    }
}
