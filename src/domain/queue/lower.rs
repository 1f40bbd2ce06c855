//! From what the parser made of a rule to its meaning: what rules may not say is refused here, with its place.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators};

use crate::domain::context::ContextPolicy;

use super::RuleFault;
use super::expression::{Expression, Function, Name, Operator, Root};

/// How deep a rule's tree may be.
pub const MAX_DEPTH: usize = 32;
/// Nodes of a rule's tree: values, names, operators and calls.
pub const MAX_NODES: usize = 500;
/// Up to here a double holds every whole number.
const MAX_WHOLE: u64 = 1 << 53;

const ROOTS: &str = "a rule asks about `authenticated`, `vars.NAME` and `claimed.NAME`";
const FUNCTIONS: &str = "Rules have size, contains, startsWith, endsWith, double, string and has";

/// One rule on its way.
pub(super) struct Lowering<'a> {
    text: &'a str,
    places: &'a SourceInfo,
    policy: &'a ContextPolicy,
    nodes: usize,
}

type Lowered = Result<Expression, RuleFault>;

impl<'a> Lowering<'a> {
    pub(super) const fn new(text: &'a str, places: &'a SourceInfo, policy: &'a ContextPolicy) -> Self {
        Self { text, places, policy, nodes: 0 }
    }

    pub(super) fn lower(mut self, ast: &IdedExpr) -> Lowered {
        self.expression(ast, 1)
    }

    fn expression(&mut self, ast: &IdedExpr, depth: usize) -> Lowered {
        self.nodes += 1;
        if depth > MAX_DEPTH {
            let remedy = format!("Write at most {MAX_DEPTH} levels, or split the rule into two queues");
            return Err(self.fault(ast, "operations stand too deep in each other", remedy));
        }
        if self.nodes > MAX_NODES {
            let remedy = format!("Write at most {MAX_NODES}, or split the rule into two queues");
            return Err(self.fault(ast, "has too many values and operations", remedy));
        }
        match &ast.expr {
            Expr::Ident(name) => self.root(ast, name),
            Expr::Literal(literal) => self.literal(ast, literal),
            Expr::Select(select) => {
                let name = self.variable(ast, &select.operand, &select.field)?;
                Ok(if select.test { Expression::Has(name) } else { Expression::Variable(name) })
            }
            Expr::List(list) => {
                let elements: Result<_, _> =
                    list.elements.iter().map(|element| self.expression(element, depth + 1)).collect();
                elements.map(Expression::List)
            }
            Expr::Call(call) => self.call(ast, call, depth),
            Expr::Comprehension(_) => {
                let message = "all, exists, exists_one, map and filter are not for rules";
                Err(self.fault(ast, message, "Name each variable, as in `vars.a == 1 || vars.b == 1`"))
            }
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                let message = "maps and messages are not for rules";
                Err(self.fault(
                    ast,
                    message,
                    "Compare single values, or use a list as in `vars.tier in [\"gold\"]`",
                ))
            }
        }
    }

    fn root(&self, ast: &IdedExpr, name: &str) -> Lowered {
        match name {
            "authenticated" => Ok(Expression::Authenticated),
            "vars" | "claimed" => {
                let remedy = format!("Name one variable, as in `{name}.tier`");
                Err(self.fault(ast, format!("`{name}` stands alone"), remedy))
            }
            _ => {
                let message = format!("there is no `{}`: {ROOTS}", shown(name));
                Err(self.fault(ast, message, "Correct the name, or write a text in quotes"))
            }
        }
    }

    fn literal(&self, ast: &IdedExpr, literal: &LiteralValue) -> Lowered {
        let whole = |magnitude: u64, is_negative: bool| {
            let number =
                (magnitude <= MAX_WHOLE).then(|| magnitude.to_string().parse::<f64>().ok()).flatten();
            let number = number.map(|number| if is_negative { -number } else { number });
            number.map(Expression::Number).ok_or_else(|| {
                let remedy = "Write a whole number within 2^53, or one with a fraction";
                self.fault(ast, "no double holds this number exactly", remedy)
            })
        };
        match literal {
            LiteralValue::Boolean(value) => Ok(Expression::Boolean(*value.inner())),
            LiteralValue::Double(number) => Ok(Expression::Number(*number.inner())),
            LiteralValue::Int(number) => whole(number.inner().unsigned_abs(), *number.inner() < 0),
            LiteralValue::UInt(number) => whole(*number.inner(), false),
            LiteralValue::String(text) => Ok(Expression::Text(text.inner().to_owned())),
            LiteralValue::Null => Ok(Expression::Null),
            LiteralValue::Bytes(_) => {
                Err(self.fault(ast, "bytes are not for rules", "Write a text, without the b before it"))
            }
        }
    }

    /// A variable by its root and name.
    fn variable(&self, ast: &IdedExpr, within: &IdedExpr, name: &str) -> Result<Name, RuleFault> {
        let root = match &within.expr {
            Expr::Ident(root) if root == "vars" => Root::Vars,
            Expr::Ident(root) if root == "claimed" => Root::Claimed,
            Expr::Ident(root) if root != "authenticated" => return Err(self.unknown_root(within, root)),
            _ => {
                let message = format!("`.{}` asks for a part of a value that has none", shown(name));
                return Err(self.fault(
                    ast,
                    message,
                    "A variable is a text, a number or a boolean: compare it",
                ));
            }
        };
        let found = Name { root, name: name.into() };
        if self.policy.declared.contains_key(name) {
            return Ok(found);
        }
        let bounded = Name { root, name: name.chars().take(64).collect::<String>().into() };
        let message = format!("{bounded} is not declared");
        Err(self.fault(within, message, "Declare it in [context.variables], or correct the name"))
    }

    fn unknown_root(&self, ast: &IdedExpr, name: &str) -> RuleFault {
        let remedy = format!("Write `vars` for verified variables, or `claimed` for all; {ROOTS}");
        self.fault(ast, format!("there is no `{}`", shown(name)), remedy)
    }

    fn call(&mut self, ast: &IdedExpr, call: &CallExpr, depth: usize) -> Lowered {
        if let (None, operators::INDEX, [root, index]) = (&call.target, call.func_name.as_str(), &*call.args)
        {
            if let Expr::Literal(LiteralValue::String(name)) = &index.expr {
                return self.variable(ast, root, name.inner()).map(Expression::Variable);
            }
            let message = "what stands in [ ] must be a variable's name";
            return Err(self.fault(ast, message, "Write the name in quotes, as in `vars[\"tier\"]`"));
        }
        if let (None, operators::IN, [name, root]) = (&call.target, call.func_name.as_str(), &*call.args)
            && let (Expr::Literal(LiteralValue::String(name)), Expr::Ident(_)) = (&name.expr, &root.expr)
        {
            return self.variable(ast, root, name.inner()).map(Expression::Has);
        }
        let mut arguments = Vec::with_capacity(call.args.len() + 1);
        let shape = self.shape(ast, call)?;
        for argument in call.target.as_deref().into_iter().chain(&call.args) {
            arguments.push(self.expression(argument, depth + 1)?);
        }
        shape.of(arguments).ok_or_else(|| {
            let message = format!("`{}` has the wrong number of arguments", shown(&call.func_name));
            self.fault(ast, message, FUNCTIONS)
        })
    }

    fn shape(&self, ast: &IdedExpr, call: &CallExpr) -> Result<Shape, RuleFault> {
        let shape = match (call.func_name.as_str(), call.target.is_some()) {
            (operators::LOGICAL_AND, false) => Shape::And,
            (operators::LOGICAL_OR, false) => Shape::Or,
            (operators::LOGICAL_NOT, false) => Shape::Not,
            (operators::NEGATE, false) => Shape::Negate,
            (operators::CONDITIONAL, false) => Shape::Conditional,
            (operators::EQUALS, false) => Shape::Binary(Operator::Equal),
            (operators::NOT_EQUALS, false) => Shape::Binary(Operator::NotEqual),
            (operators::LESS, false) => Shape::Binary(Operator::Less),
            (operators::LESS_EQUALS, false) => Shape::Binary(Operator::AtMost),
            (operators::GREATER, false) => Shape::Binary(Operator::Greater),
            (operators::GREATER_EQUALS, false) => Shape::Binary(Operator::AtLeast),
            (operators::IN, false) => Shape::Binary(Operator::In),
            (operators::ADD, false) => Shape::Binary(Operator::Add),
            (operators::SUBSTRACT, false) => Shape::Binary(Operator::Subtract),
            (operators::MULTIPLY, false) => Shape::Binary(Operator::Multiply),
            (operators::DIVIDE, false) => Shape::Binary(Operator::Divide),
            ("size", _) => Shape::Call(Function::Size, 1),
            ("double", false) => Shape::Call(Function::ToNumber, 1),
            ("string", false) => Shape::Call(Function::ToText, 1),
            ("contains", true) => Shape::Call(Function::Contains, 2),
            ("startsWith", true) => Shape::Call(Function::StartsWith, 2),
            ("endsWith", true) => Shape::Call(Function::EndsWith, 2),
            (operators::MODULO, false) => {
                return Err(self.fault(
                    ast,
                    "every number is a double, which has no `%`",
                    "Compare it instead",
                ));
            }
            ("matches", _) => {
                let remedy = "Use ==, in, contains, startsWith or endsWith";
                return Err(self.fault(ast, "regular expressions are not for rules", remedy));
            }
            (other, _) => {
                return Err(self.fault(ast, format!("there is no function `{}`", shown(other)), FUNCTIONS));
            }
        };
        Ok(shape)
    }

    fn fault(&self, ast: &IdedExpr, message: impl Into<String>, remedy: impl Into<String>) -> RuleFault {
        let start = self.places.offset_for(ast.id).map_or(0, |(start, _)| start as usize);
        let start = if self.text.is_char_boundary(start) { start } else { 0 };
        // The place of a call is its bracket: what is wrong is the name before it.
        let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_call = self.text[start..].starts_with('(');
        let at = if is_call { self.text[..start].trim_end_matches(name).len() } else { start };
        RuleFault::new(at, message, remedy)
    }
}

/// What a call becomes, and how many arguments that takes.
#[derive(Debug, Clone, Copy)]
enum Shape {
    And,
    Or,
    Not,
    Negate,
    Conditional,
    Binary(Operator),
    Call(Function, usize),
}

impl Shape {
    fn of(self, arguments: Vec<Expression>) -> Option<Expression> {
        let two = |arguments: Vec<Expression>| -> Option<Box<[Expression; 2]>> {
            <[Expression; 2]>::try_from(arguments).ok().map(Box::new)
        };
        let one = |arguments: Vec<Expression>| -> Option<Box<Expression>> {
            let [only] = <[Expression; 1]>::try_from(arguments).ok()?;
            Some(Box::new(only))
        };
        match self {
            Self::And => two(arguments).map(Expression::And),
            Self::Or => two(arguments).map(Expression::Or),
            Self::Not => one(arguments).map(Expression::Not),
            Self::Negate => one(arguments).map(Expression::Negate),
            Self::Conditional => <[Expression; 3]>::try_from(arguments)
                .ok()
                .map(|parts| Expression::Conditional(Box::new(parts))),
            Self::Binary(operator) => two(arguments).map(|sides| Expression::Binary(operator, sides)),
            Self::Call(function, count) if arguments.len() == count => {
                Some(Expression::Call(function, arguments))
            }
            Self::Call(..) => None,
        }
    }
}

/// A name as it may be printed: bounded, control characters escaped.
fn shown(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_debug).collect()
}
