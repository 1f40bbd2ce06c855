//! A tenant's queues, and their rules.

use std::sync::Arc;
use std::thread;

use crate::domain::context::ContextPolicy;
use crate::domain::queue::{DEFAULT_QUEUE, Queue, Queues, Rule, RuleFault};

use super::fault::{At, shown};
use super::raw_tenant::RawQueue;
use super::reader::Reader;

#[cfg(test)]
mod tests;

/// Queues of one tenant: each start and each sign-in may have to ask every rule.
const MAX_QUEUES: usize = 200;
/// What a rule's parser may need of stack at the bounds that are set to rules.
const PARSER_STACK_BYTES: usize = 16 * 1024 * 1024;

/// Types a tenant's queues; what `policy` declares decides what their rules may ask about.
pub(super) fn build(raw: &[RawQueue], policy: &ContextPolicy, reader: &mut Reader<'_, '_>) -> Queues {
    let mut queues: Vec<Queue> = Vec::new();
    if raw.len() > MAX_QUEUES {
        let remedy = format!("List at most {MAX_QUEUES}");
        reader.fault(&At::path("queue"), "lists too many queues", remedy);
        return Queues::default();
    }
    for (index, queue) in raw.iter().enumerate() {
        let at = At::path("queue").index(index);
        let when = queue.when.as_deref().and_then(|text| rule(text, policy, &at.key("when"), reader));
        let Some(name) = &queue.name else { continue };
        check_name(name, &queues, &at.key("name"), reader);
        let all = raw[..index].iter().find(|before| before.when.is_none());
        if let (Some(RawQueue { name: Some(all), .. }), Some(_)) = (all, &queue.when) {
            let message =
                format!("is never asked: the queue `{}` before it takes every conversation", shown(all));
            reader.warn(&at.key("when"), message, "Put the queue without `when` last");
        }
        queues.push(Queue { name: name.as_str().into(), when, priority: queue.priority });
    }
    if queues.is_empty() {
        queues.push(Queue { name: Arc::from(DEFAULT_QUEUE), when: None, priority: None });
    }
    Queues::new(queues)
}

fn check_name(name: &str, before: &[Queue], at: &At, reader: &mut Reader<'_, '_>) {
    let sound = !name.trim().is_empty() && name.chars().count() <= 64 && !name.contains(char::is_control);
    if !sound {
        reader.fault(at, "is no name for a queue", "Write 1 to 64 characters, none a control character");
    } else if before.iter().any(|other| *other.name == *name) {
        let message = format!("`{}` is the name of an earlier queue too", shown(name));
        reader.fault(at, message, "Name each queue once");
    }
}

fn rule(text: &str, policy: &ContextPolicy, at: &At, reader: &mut Reader<'_, '_>) -> Option<Rule> {
    let note = |fault: RuleFault| {
        let before = text.get(..fault.at).unwrap_or_default();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let line = before.matches('\n').count() + 1;
        let place =
            if line == 1 { format!("column {column}") } else { format!("line {line}, column {column}") };
        let message = format!("{place} of the rule: {}", fault.message);
        reader.fault_within(at, (text, fault.at), message, fault.remedy);
    };
    compile(text, policy).map_err(note).ok()
}

/// Compiles where there is stack enough, whatever the caller has. A panic in there is a fault of the rule.
fn compile(text: &str, policy: &ContextPolicy) -> Result<Rule, RuleFault> {
    let unread = || RuleFault {
        at: 0,
        message: "it can't be read".to_owned(),
        remedy: "Write it more simply, or try again when the machine has memory to spare".to_owned(),
    };
    thread::scope(|scope| {
        let parser = thread::Builder::new().name("rule-parser".to_owned()).stack_size(PARSER_STACK_BYTES);
        let compiling = parser.spawn_scoped(scope, || Rule::compile(text, policy)).map_err(|_| unread())?;
        compiling.join().unwrap_or_else(|_| Err(unread()))
    })
}
