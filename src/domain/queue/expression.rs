//! What a rule means: CEL's values and operators, as far as rules have them.
//!
//! As in CEL, a failure beside a `&&` that is false or a `||` that is true is forgotten, and values of different
//! types are unequal and can't be ordered. Every number is a double.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::domain::context::{self, Source};

use super::Facts;

/// A rule as a tree; no deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Authenticated,
    Null,
    Boolean(bool),
    Number(f64),
    Text(String),
    List(Vec<Self>),
    Variable(Name),
    Has(Name),
    Not(Box<Self>),
    Negate(Box<Self>),
    And(Box<[Self; 2]>),
    Or(Box<[Self; 2]>),
    Conditional(Box<[Self; 3]>),
    Binary(Operator, Box<[Self; 2]>),
    Call(Function, Vec<Self>),
}

/// A variable as a rule names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Where it is looked for.
    pub(super) root: Root,
    /// Its name.
    pub(super) name: Arc<str>,
}

/// Where a rule looks for variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// Among the verified ones.
    Vars,
    /// Among all.
    Claimed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    ToNumber,
    ToText,
}

/// Why a rule is neither true nor false of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The conversation has no such variable there.
    Absent(Name),
    /// An operator or a function doesn't take what it got.
    NotFor(&'static str),
    /// The text is no number.
    NoNumber,
    /// The rule's value is no boolean.
    NotBoolean,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = match self.root {
            Root::Vars => "vars",
            Root::Claimed => "claimed",
        };
        let is_plain = !self.name.starts_with(|c: char| c.is_ascii_digit())
            && self.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if is_plain { write!(f, "{root}.{}", self.name) } else { write!(f, "{root}[{:?}]", self.name) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(name) => write!(f, "{name} is absent"),
            Self::NotFor(operation) => write!(f, "`{operation}` is not for values of these types"),
            Self::NoNumber => f.write_str("a text that `double` was given is no number"),
            Self::NotBoolean => f.write_str("it is neither true nor false"),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Value<'a> {
    Null,
    Boolean(bool),
    Number(f64),
    Text(Cow<'a, str>),
    List(Vec<Self>),
}

impl Expression {
    pub(super) fn judge(&self, facts: Facts<'_>) -> Result<bool, Failure> {
        match self.evaluate(facts)? {
            Value::Boolean(matched) => Ok(matched),
            _ => Err(Failure::NotBoolean),
        }
    }

    fn evaluate<'a>(&'a self, facts: Facts<'a>) -> Result<Value<'a>, Failure> {
        Ok(match self {
            Self::Authenticated => Value::Boolean(facts.authenticated),
            Self::Null => Value::Null,
            Self::Boolean(value) => Value::Boolean(*value),
            Self::Number(value) => Value::Number(*value),
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            Self::List(elements) => Value::List(all(elements, facts)?),
            Self::Variable(name) => name.find(facts).ok_or_else(|| Failure::Absent(name.clone()))?,
            Self::Has(name) => Value::Boolean(name.find(facts).is_some()),
            Self::Not(inner) => Value::Boolean(!inner.truth(facts, "!")?),
            Self::Negate(inner) => match inner.evaluate(facts)? {
                Value::Number(number) => Value::Number(-number),
                _ => return Err(Failure::NotFor("-")),
            },
            Self::And(sides) => Value::Boolean(either(sides, facts, false, "&&")?),
            Self::Or(sides) => Value::Boolean(either(sides, facts, true, "||")?),
            Self::Conditional(parts) => {
                let [condition, then, otherwise] = &**parts;
                if condition.truth(facts, "?:")? { then } else { otherwise }.evaluate(facts)?
            }
            Self::Binary(operator, sides) => {
                let [left, right] = &**sides;
                operator.apply(left.evaluate(facts)?, right.evaluate(facts)?)?
            }
            Self::Call(function, arguments) => function.apply(all(arguments, facts)?)?,
        })
    }

    fn truth(&self, facts: Facts<'_>, operation: &'static str) -> Result<bool, Failure> {
        match self.evaluate(facts)? {
            Value::Boolean(value) => Ok(value),
            _ => Err(Failure::NotFor(operation)),
        }
    }
}

fn all<'a>(expressions: &'a [Expression], facts: Facts<'a>) -> Result<Vec<Value<'a>>, Failure> {
    expressions.iter().map(|expression| expression.evaluate(facts)).collect()
}

/// `&&` and `||`: one side that is `decisive` decides, whatever becomes of the other.
fn either(
    sides: &[Expression; 2],
    facts: Facts<'_>,
    decisive: bool,
    operation: &'static str,
) -> Result<bool, Failure> {
    let left = sides[0].truth(facts, operation);
    if left == Ok(decisive) {
        return left;
    }
    let right = sides[1].truth(facts, operation);
    if right == Ok(decisive) { right } else { left.and(right) }
}

impl Name {
    fn find<'a>(&self, facts: Facts<'a>) -> Option<Value<'a>> {
        let variable = facts.variables.get(&*self.name)?;
        let is_verified = facts.authenticated && variable.source == Source::Token;
        let is_there = self.root == Root::Claimed || is_verified;
        is_there.then(|| match &variable.value {
            context::Value::Text(text) => Value::Text(Cow::Borrowed(text)),
            context::Value::Number(number) => Value::Number(*number),
            context::Value::Boolean(value) => Value::Boolean(*value),
        })
    }
}

impl Operator {
    const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::In => "in",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        }
    }

    fn apply<'a>(self, left: Value<'a>, right: Value<'a>) -> Result<Value<'a>, Failure> {
        let number = |of: fn(f64, f64) -> f64| match (&left, &right) {
            (Value::Number(left), Value::Number(right)) => Ok(Value::Number(of(*left, *right))),
            _ => Err(Failure::NotFor(self.sign())),
        };
        match self {
            Self::Equal => Ok(Value::Boolean(left == right)),
            Self::NotEqual => Ok(Value::Boolean(left != right)),
            Self::Less | Self::AtMost | Self::Greater | Self::AtLeast => self.compare(&left, &right),
            Self::In => match right {
                Value::List(elements) => Ok(Value::Boolean(elements.contains(&left))),
                _ => Err(Failure::NotFor(self.sign())),
            },
            Self::Add => match (left, right) {
                (Value::Number(left), Value::Number(right)) => Ok(Value::Number(left + right)),
                (Value::Text(left), Value::Text(right)) => Ok(Value::Text(left + right)),
                _ => Err(Failure::NotFor(self.sign())),
            },
            Self::Subtract => number(|left, right| left - right),
            Self::Multiply => number(|left, right| left * right),
            Self::Divide => number(|left, right| left / right),
        }
    }

    fn compare<'a>(self, left: &Value<'_>, right: &Value<'_>) -> Result<Value<'a>, Failure> {
        let order = match (left, right) {
            (Value::Number(left), Value::Number(right)) => left.partial_cmp(right),
            (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
            (Value::Boolean(left), Value::Boolean(right)) => Some(left.cmp(right)),
            _ => return Err(Failure::NotFor(self.sign())),
        };
        let holds = order.is_some_and(|order| match self {
            Self::Less => order == Ordering::Less,
            Self::AtMost => order != Ordering::Greater,
            Self::Greater => order == Ordering::Greater,
            _ => order != Ordering::Less,
        });
        Ok(Value::Boolean(holds))
    }
}

impl Function {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Contains => "contains",
            Self::StartsWith => "startsWith",
            Self::EndsWith => "endsWith",
            Self::ToNumber => "double",
            Self::ToText => "string",
        }
    }

    fn apply(self, mut arguments: Vec<Value<'_>>) -> Result<Value<'_>, Failure> {
        let second = if arguments.len() > 1 { arguments.pop() } else { None };
        let first = arguments.pop().unwrap_or(Value::Null);
        Ok(match (self, first, second) {
            (Self::Size, Value::Text(text), None) => Value::Number(length(text.chars().count())),
            (Self::Size, Value::List(list), None) => Value::Number(length(list.len())),
            (Self::Contains, Value::Text(text), Some(Value::Text(part))) => {
                Value::Boolean(text.contains(&*part))
            }
            (Self::StartsWith, Value::Text(text), Some(Value::Text(part))) => {
                Value::Boolean(text.starts_with(&*part))
            }
            (Self::EndsWith, Value::Text(text), Some(Value::Text(part))) => {
                Value::Boolean(text.ends_with(&*part))
            }
            (Self::ToNumber, number @ Value::Number(_), None) => number,
            (Self::ToNumber, Value::Text(text), None) => {
                Value::Number(text.parse().map_err(|_| Failure::NoNumber)?)
            }
            (Self::ToText, text @ Value::Text(_), None) => text,
            (Self::ToText, Value::Number(number), None) => Value::Text(number.to_string().into()),
            (Self::ToText, Value::Boolean(value), None) => Value::Text(value.to_string().into()),
            _ => return Err(Failure::NotFor(self.name())),
        })
    }
}

/// A count as a number: no text or list here has 2^32 of anything.
fn length(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
