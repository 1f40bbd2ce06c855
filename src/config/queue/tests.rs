//! Rules at their bounds, and rules that were written to do harm.

use crate::domain::context::{Declared, Primitive, Source, Value, Variable, VariableType, Variables};
use crate::domain::queue::{
    Facts, Failure, MAX_BYTES, MAX_DEPTH, MAX_NESTING, MAX_NODES, MAX_OPERATORS, MAX_STEPS,
};

use super::*;

/// Stack in which a rule is evaluated: a sixteenth of what a worker's thread has.
const EVALUATION_STACK_BYTES: usize = 128 * 1024;

fn policy() -> ContextPolicy {
    let declared = Declared { kind: VariableType::Text, signed: false };
    ContextPolicy { declared: [("x".to_owned(), declared)].into(), ..ContextPolicy::default() }
}

fn compiled(text: &str) -> Result<Rule, RuleFault> {
    compile(text, &policy())
}

#[track_caller]
fn refused(text: &str, because: &str) {
    match compiled(text) {
        Ok(_) => panic!("taken: {}", text.chars().take(80).collect::<String>()),
        Err(fault) => assert!(fault.message.contains(because), "{} is not: {because}", fault.message),
    }
}

/// Evaluates on a small stack.
fn judged(rule: &Rule, authenticated: bool) -> Result<bool, Failure> {
    let variables = Variables::from([(
        "x".to_owned(),
        Variable {
            raw: Primitive::Text("y".to_owned()),
            value: Value::Text("y".to_owned()),
            source: Source::Widget,
            displayable: false,
        },
    )]);
    thread::scope(|scope| {
        let small = thread::Builder::new().stack_size(EVALUATION_STACK_BYTES);
        let facts = Facts { authenticated, variables: &variables };
        small.spawn_scoped(scope, move || rule.judge(facts)).unwrap().join().unwrap()
    })
}

/// A rule that is true of the authenticated, at a bound: with one less, just so many, and one more.
#[track_caller]
fn bound(name: &str, most: usize, rule: impl Fn(usize) -> String, because: &str) {
    for count in [most - 1, most] {
        let rule = compiled(&rule(count)).unwrap_or_else(|fault| panic!("{name} {count}: {}", fault.message));
        assert_eq!(judged(&rule, true), Ok(true), "{name} {count}");
    }
    refused(&rule(most + 1), because);
}

#[test]
fn a_rule_may_have_2048_bytes() {
    assert_eq!(MAX_BYTES, 2048);
    bound("bytes", MAX_BYTES, |bytes| format!("{:<bytes$}", "authenticated"), "has 2049 bytes");
}

#[test]
fn brackets_may_stand_16_deep_in_each_other() {
    assert_eq!(MAX_NESTING, 16);
    let rule = |deep| format!("{}authenticated{}", "(".repeat(deep), ")".repeat(deep));
    bound("brackets", MAX_NESTING, rule, "too deep in each other");
}

#[test]
fn a_rule_may_have_200_operators() {
    assert_eq!(MAX_OPERATORS, 200);
    let rule = |operators| format!("authenticated{}", "||true".repeat(operators));
    bound("operators", MAX_OPERATORS, rule, "too many operators");
}

#[test]
fn the_operator_in_counts_as_one() {
    let rule = |operators: usize| format!("\"in\" == \"in\"{}", "||1 in[]".repeat((operators - 3) / 2));
    assert_eq!(compiled(&rule(MAX_OPERATORS)).map(|rule| judged(&rule, true)), Ok(Ok(true)));
    refused(&rule(MAX_OPERATORS + 3), "too many operators");
    refused(&"1 in ".repeat(400), "too many operators");
}

#[test]
fn a_rule_may_have_200_points_and_brackets() {
    assert_eq!(MAX_STEPS, 200);
    let rule = |steps| format!("[] in [{}]", vec!["[]"; steps - 2].join(","));
    bound("steps", MAX_STEPS, rule, "too many points and brackets");
}

#[test]
fn a_rules_tree_may_be_32_deep() {
    assert_eq!(MAX_DEPTH, 32);
    // `==` is one level, each sum another, and the number within the last sum one more.
    let rule = |deep| format!("1{} == {}.0", "+1".repeat(deep - 2), deep - 1);
    bound("depth", MAX_DEPTH, rule, "too deep in each other");
}

#[test]
fn a_rules_tree_may_have_500_nodes() {
    assert_eq!(MAX_NODES, 500);
    // `in`, what is looked for, the list, and its elements.
    let rule = |nodes| format!("1 in [{}]", vec!["1"; nodes - 3].join(","));
    bound("nodes", MAX_NODES, rule, "too many values and operations");
}

#[test]
fn what_was_written_to_exhaust_the_parser_is_refused_before_it() {
    for (part, count) in [("(", 2048), ("1+", 1024), ("!", 2048), ("-", 2048), ("[", 2048), ("true&&", 341)] {
        refused(&format!("{}1", part.repeat(count - 1)), "too");
    }
    for part in ["((((", "+1", "&&true", "[0]", ".a", "?1:"] {
        refused(&format!("1{}", part.repeat(20_000)), "bytes");
    }
    refused(&format!("vars{}", ".a".repeat(1000)), "points and brackets");
    refused(&format!("vars{}", "[0]".repeat(600)), "points and brackets");
    // Brackets that a text or a comment seems to hide are counted all the same.
    refused(&format!("'\n{}", "(".repeat(500)), "too deep");
    refused(&format!("\"\\q{}", "(".repeat(500)), "too deep");
    refused(&format!("// '\n{}", "(".repeat(500)), "too deep");
}

#[test]
fn closing_brackets_within_texts_hide_nothing_that_the_parser_could_not_bear() {
    let hidden = "(((((((((((((((\"]]]]]]]]]]]]]]]\"+".repeat(8);
    refused(&hidden, "is no expression");
    let list = format!("1 in {}{}", "[')',".repeat(99), "]".repeat(99));
    assert!(compiled(&list).is_err());
}

#[test]
fn comprehensions_are_refused_however_deep() {
    let nested = "[1,2].all(a, [1,2].all(b, [1,2].all(c, a + b + c > 0)))";
    for rule in
        [nested, "[1].exists(a, a == 1)", "[1].map(a, a)", "[1].filter(a, true)", "[1].exists_one(a, true)"]
    {
        refused(rule, "are not for rules");
    }
}

#[test]
fn every_small_mutation_of_a_rule_is_taken_or_refused_and_never_a_panic() {
    let rule =
        "authenticated && has(vars.x) && vars.x in [\"a\", 'b'] || size(claimed.x) > 1.5 ? true : !false";
    for at in 0..rule.len() {
        for with in ["", "(", ")", "'", "\"", "\\", "\n", "?", ".", "\u{0}", "\u{1F600}", "in", "0x", "1e999"]
        {
            let mutant = format!("{}{with}{}", &rule[..at], &rule[at + usize::from(with.is_empty())..]);
            if let Err(fault) = compiled(&mutant) {
                assert!(mutant.is_char_boundary(fault.at), "{mutant}: {fault:?}");
                assert_ne!(fault.message, "it can't be read", "the parser panicked: {mutant}");
            }
        }
    }
}
