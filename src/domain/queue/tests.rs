//! What rules may say, and what that means.

use crate::domain::context::{
    ContextPolicy, Declared, Primitive, Source, Value, Variable, VariableType, Variables,
};

use super::*;

fn policy() -> ContextPolicy {
    let kinds = [
        ("tier", VariableType::Text),
        ("page", VariableType::Text),
        ("cart", VariableType::Number),
        ("vip", VariableType::Boolean),
        ("an odd name", VariableType::Text),
    ];
    let declared = kinds.map(|(name, kind)| (name.to_owned(), Declared { kind, signed: false }));
    ContextPolicy { declared: declared.into(), ..ContextPolicy::default() }
}

fn rule(text: &str) -> Rule {
    Rule::compile(text, &policy()).unwrap_or_else(|fault| panic!("{text}: {fault:?}"))
}

fn variable(value: Value, source: Source) -> Variable {
    Variable { raw: Primitive::Boolean(true), value, source, displayable: false }
}

/// A signed tier, cart and vip; an unsigned page.
fn variables() -> Variables {
    [
        ("tier", variable(Value::Text("gold".to_owned()), Source::Token)),
        ("cart", variable(Value::Number(1200.5), Source::Token)),
        ("vip", variable(Value::Boolean(true), Source::Token)),
        ("page", variable(Value::Text("/cart/pay".to_owned()), Source::Widget)),
    ]
    .into_iter()
    .map(|(name, variable)| (name.to_owned(), variable))
    .collect()
}

fn judge(text: &str, authenticated: bool) -> Result<bool, String> {
    let variables = variables();
    rule(text).judge(Facts { authenticated, variables: &variables }).map_err(|failure| failure.to_string())
}

#[track_caller]
fn all(expected: Result<bool, &str>, texts: &[&str]) {
    for text in texts {
        assert_eq!(judge(text, true), expected.map_err(str::to_owned), "{text}");
    }
}

#[test]
fn the_contracts_example_means_what_it_says() {
    let example = "authenticated && vars.vip && vars.cart > 1000.0";
    assert_eq!(judge(example, true), Ok(true));
    assert_eq!(judge(example, false), Ok(false));
}

#[test]
fn numbers_are_doubles_however_they_are_written() {
    all(
        Ok(true),
        &[
            "vars.cart > 1000",
            "vars.cart > 1000.0",
            "1200.5 == vars.cart",
            "vars.cart != 1200",
            "vars.cart >= 1200u",
            "vars.cart - 0.5 == 1200",
            "vars.cart * 2 == 2401",
            "vars.cart / 2 > 600",
            "-vars.cart < 0",
            "7 / 2 == 3.5",
            "1e3 == 1000",
            "0x10 == 16",
            "9007199254740992 == 9007199254740992.0",
            "vars.cart in [1, 1200.5]",
            "1 / 0 > 1e300",
            "!(0 / 0 <= 1) && !(0 / 0 > 1)",
        ],
    );
    let beyond = Rule::compile("vars.cart > 9007199254740993", &policy()).unwrap_err();
    assert_eq!((beyond.at, &*beyond.message), (12, "no double holds this number exactly"));
}

#[test]
fn texts_and_booleans_can_be_asked_about() {
    all(
        Ok(true),
        &[
            "vars.tier == \"gold\"",
            "vars.tier == 'gold'",
            "vars.tier in [\"silver\", \"gold\"]",
            "!(vars.tier in [])",
            "vars.tier != null",
            "vars.tier < \"h\" && vars.tier >= \"gold\"",
            "vars.tier + \"en\" == \"golden\"",
            "vars.tier.startsWith(\"go\") && vars.tier.endsWith(\"ld\") && vars.tier.contains(\"ol\")",
            "size(vars.tier) == 4 && vars.tier.size() == 4 && size([1, 2]) == 2",
            "vars.vip == true && vars.vip > false",
            "vars.vip ? true : 1",
            "string(vars.cart) == \"1200.5\" && string(1) == \"1\" && string(vars.vip) == \"true\"",
            "double(\"12.5\") == 12.5 && double(1) == 1",
            "vars[\"tier\"] == claimed['tier']",
            "size(\"é\u{1F600}\") == 2",
            "vars.tier == \"gold\" // what is said here means nothing",
        ],
    );
    all(Ok(false), &["vars.tier == 1", "vars.cart == \"1200.5\"", "vars.vip == \"true\"", "[1] == [2]"]);
}

#[test]
fn vars_are_the_verified_ones_and_claimed_are_all() {
    all(Ok(true), &["has(vars.tier)", "has(claimed.tier)", "has(claimed.page)", "!has(vars.page)"]);
    all(Ok(true), &["\"tier\" in vars", "!(\"page\" in vars) && \"page\" in claimed"]);
    assert_eq!(
        judge("has(vars.tier)", false),
        Ok(false),
        "nothing is verified of a customer whom nobody knows"
    );
    assert_eq!(judge("has(claimed.tier)", false), Ok(true));
    assert_eq!(judge("claimed.tier == \"gold\"", false), Ok(true));
}

#[test]
fn an_absent_variable_fails_unless_the_rest_decides() {
    all(Err("vars.page is absent"), &["vars.page == \"x\"", "vars.page != \"x\"", "!(vars.page == null)"]);
    all(Err("vars[\"an odd name\"] is absent"), &["vars[\"an odd name\"] == \"x\""]);
    all(
        Ok(false),
        &[
            "false && vars.page == \"x\"",
            "vars.page == \"x\" && false",
            "has(vars.page) && vars.page == \"x\"",
        ],
    );
    all(Ok(true), &["true || vars.page == \"x\"", "vars.page == \"x\" || true"]);
    all(
        Err("vars.page is absent"),
        &["true && vars.page == \"x\"", "vars.page == \"x\" || false", "[vars.page] == []"],
    );
}

#[test]
fn what_is_not_for_its_values_fails() {
    all(Err("`>` is not for values of these types"), &["vars.tier > 1", "vars.vip > 1"]);
    all(Err("`+` is not for values of these types"), &["vars.tier + 1 == 2"]);
    all(Err("`&&` is not for values of these types"), &["vars.tier && true"]);
    all(Err("`||` is not for values of these types"), &["vars.tier || false"]);
    all(Err("`!` is not for values of these types"), &["!vars.tier"]);
    all(Err("`?:` is not for values of these types"), &["vars.tier ? true : false"]);
    all(Err("`in` is not for values of these types"), &["1 in vars.tier"]);
    all(Err("`size` is not for values of these types"), &["size(1) == 1"]);
    all(Err("`contains` is not for values of these types"), &["vars.cart.contains(\"1\")"]);
    all(Err("`-` is not for values of these types"), &["-vars.tier == 1", "vars.tier - 1 == 1"]);
    all(Err("a text that `double` was given is no number"), &["double(vars.tier) > 1"]);
    all(Err("it is neither true nor false"), &["vars.tier", "1", "null", "[true]", "vars.vip ? 1 : 2"]);
}

#[test]
fn what_rules_may_not_say_is_refused_at_its_place() {
    let cases = [
        ("authenticated && vars.teir == 1", 17, "vars.teir is not declared"),
        ("true || has(claimed.tyer)", 12, "claimed.tyer is not declared"),
        ("vars[\"a b\"] == 1", 0, "vars[\"a b\"] is not declared"),
        ("\"é\" == vars.q", 8, "vars.q is not declared"),
        ("\"x\" in vars", 7, "vars.x is not declared"),
        ("vars", 0, "`vars` stands alone"),
        ("size(claimed) > 1", 5, "`claimed` stands alone"),
        ("true && other", 8, "there is no `other`"),
        ("other.tier == 1", 0, "there is no `other`"),
        ("vars[vars.tier] == 1", 4, "must be a variable's name"),
        ("vars.tier.name == 1", 9, "`.name` asks for a part"),
        ("authenticated.x", 13, "`.x` asks for a part"),
        ("[1][0] == 1", 3, "must be a variable's name"),
        ("true || f(1)", 8, "there is no function `f`"),
        ("vars.tier.lower() == \"x\"", 10, "there is no function `lower`"),
        ("vars.tier.matches(\"g.*\")", 10, "regular expressions are not for rules"),
        ("vars.tier.exists(c, true)", 10, "are not for rules"),
        ("vars.cart % 2 == 1", 10, "has no `%`"),
        ("{\"a\": 1} == {}", 0, "maps and messages"),
        ("b\"a\" == b\"a\"", 0, "bytes are not for rules"),
        ("size(1, 2) == 1", 0, "wrong number of arguments"),
        ("vars.tier.contains() == 1", 10, "wrong number of arguments"),
        ("", 0, "is no expression of CEL"),
        ("authenticated &&", 16, "is no expression of CEL"),
        ("authenticated &&\n  ) x", 19, "is no expression of CEL"),
        ("a = 1", 2, "is no expression of CEL"),
    ];
    let mut wrong = Vec::new();
    for (text, at, message) in cases {
        let fault = Rule::compile(text, &policy()).expect_err(text);
        assert!(fault.message.contains(message), "{text}: {fault:?}");
        if fault.at != at {
            wrong.push((text, fault.at));
        }
        assert!(!fault.remedy.is_empty() && !fault.remedy.ends_with('.'), "{text}: {fault:?}");
    }
    assert_eq!(wrong, []);
}

fn queue(name: &str, when: Option<&str>) -> Queue {
    Queue { name: name.into(), when: when.map(rule), priority: when.map(|_| 7) }
}

fn chosen(queues: Vec<Queue>, authenticated: bool) -> (Option<Choice>, Vec<String>) {
    let variables = variables();
    let Chosen { choice, failed } =
        Queues::new(queues).choose(Facts { authenticated, variables: &variables });
    (choice, failed.iter().map(ToString::to_string).collect())
}

fn choice(queue: &str, rule: bool, priority: Option<i64>) -> Choice {
    Choice { queue: queue.into(), rule: rule.then(|| queue.into()), priority }
}

#[test]
fn the_first_queue_that_matches_takes_the_conversation() {
    let queues = || {
        vec![
            queue("signed-in", Some("authenticated")),
            queue("gold", Some("claimed.tier == \"gold\"")),
            queue("rest", None),
            queue("never", Some("true")),
        ]
    };
    assert_eq!(chosen(queues(), true), (Some(choice("signed-in", true, Some(7))), vec![]));
    assert_eq!(chosen(queues(), false), (Some(choice("gold", true, Some(7))), vec![]));
    let without_gold = queues().into_iter().filter(|queue| &*queue.name != "gold").collect();
    assert_eq!(chosen(without_gold, false), (Some(choice("rest", true, None)), vec![]));
}

#[test]
fn a_rule_that_fails_does_not_match_and_is_told() {
    let queues =
        vec![queue("a", Some("vars.page == \"x\"")), queue("b", Some("vars.tier")), queue("c", Some("true"))];
    let failed = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(chosen(queues.clone(), true), (Some(choice("c", true, Some(7))), failed.clone()));
    assert_eq!(chosen(queues[..2].to_vec(), true), (None, failed));
    assert_eq!(chosen(vec![queue("a", Some("false"))], true), (None, vec![]));
}

#[test]
fn queues_without_rules_leave_the_first_one_to_all() {
    let queues = vec![queue("first", None), queue("second", None)];
    assert_eq!(chosen(queues, true), (Some(choice("first", false, None)), vec![]));
    assert_eq!(chosen(vec![], true), (None, vec![]));
}

#[test]
fn it_can_be_told_what_became_of_each_queue() {
    let queues = Queues::new(vec![
        queue("page", Some("vars.page == \"x\"")),
        queue("silver", Some("vars.tier == \"silver\"")),
        queue("gold", Some("vars.tier == \"gold\"")),
        queue("rest", None),
    ]);
    let variables = variables();
    let told = queues.explain(Facts { authenticated: true, variables: &variables });
    let told: Vec<_> = told.into_iter().map(|(queue, outcome)| (&*queue.name, outcome)).collect();
    let page = told[0].1.as_ref().unwrap_err();
    assert_eq!(page.to_string(), "vars.page is absent");
    let rest = [
        ("silver", Ok(Outcome::NotMatched)),
        ("gold", Ok(Outcome::Matched)),
        ("rest", Ok(Outcome::NotReached)),
    ];
    assert_eq!(told[1..], rest);
}
