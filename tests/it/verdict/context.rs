//! Variables: how a token's and a page's are read, and that signed beats unsigned.

use std::collections::{BTreeMap, BTreeSet};

use usher::domain::context::{
    ContextPolicy, ContextReport, Declared, Offered, Primitive, RejectionReason, Source, Undeclared, Value,
    VariableType, Variables, merge_unsigned, read_signed, replace_signed,
};
use usher::domain::json::{Json, Object, parse};

fn policy() -> ContextPolicy {
    let declare = |name: &str, kind, signed| (name.to_owned(), Declared { kind, signed });
    let declared = BTreeMap::from([
        declare("number", VariableType::Number, false),
        declare("boolean", VariableType::Boolean, false),
        declare("secret", VariableType::Text, true),
    ]);
    ContextPolicy { declared, undeclared: Undeclared::Text }
}

fn object(text: &str) -> Object<'_> {
    let Ok(Json::Object(object)) = parse(text) else { panic!("{text} is no object") };
    object
}

fn signed(text: &str) -> (Variables, ContextReport) {
    read_signed(Some(&Json::Object(object(text))), &policy())
}

fn rejected(report: &ContextReport) -> Vec<(&str, &str)> {
    report.rejected.iter().map(|rejected| (rejected.name.as_str(), rejected.reason.code())).collect()
}

#[test]
fn each_form_of_an_entry_is_read() {
    let text = r#"{"a":"x","b":{"value":true},"c":{"value":1.50,"isDisplayable":"true"},
                   "d":{"isDisplayable":false,"value":"y"},
                   "absent":null,"blank":"","none":{"value":null},"__proto__":"data"}"#;
    let (variables, report) = signed(text);
    assert_eq!(report.accepted, ["a", "b", "c", "d", "__proto__"]);
    assert_eq!(report.rejected, []);
    let c = &variables["c"];
    assert_eq!((&c.raw, &c.value), (&Primitive::Number("1.50".into()), &Value::Text("1.50".into())));
    assert_eq!((c.source, c.displayable), (Source::Token, true));
    assert_eq!(
        (variables["b"].value.clone(), variables["d"].displayable),
        (Value::Text("true".into()), false)
    );
}

#[test]
fn a_string_that_holds_an_object_is_read_once() {
    let claim = Json::String(r#"{"list":"[{\"x\":1}]","n":1}"#.into());
    let (variables, _) = read_signed(Some(&claim), &policy());
    assert_eq!(variables["list"].raw, Primitive::Text(r#"[{"x":1}]"#.into()));
    for absent in [None, Some(Json::Null), Some(Json::String("".into()))] {
        assert_eq!(read_signed(absent.as_ref(), &policy()), Default::default());
    }
    for unreadable in ["1", "[]", r#""{\"a\":""#, r#""\"{}\"""#, "true"] {
        let (variables, report) = read_signed(Some(&parse(unreadable).unwrap()), &policy());
        assert!(variables.is_empty());
        assert_eq!(rejected(&report), [("lwicontexts", "wrong_type")], "{unreadable}");
    }
}

#[test]
fn a_nested_value_is_of_the_wrong_type() {
    for entry in [
        "[]",
        "{}",
        r#"{"value":[]}"#,
        r#"{"value":{}}"#,
        r#"{"value":1,"x":2}"#,
        r#"{"isDisplayable":true}"#,
        r#"{"value":1,"isDisplayable":1}"#,
        r#"{"value":1,"isDisplayable":"TRUE"}"#,
        r#"{"value":1,"isDisplayable":null}"#,
        r#"{"value":1,"value":2}"#,
        r#"{"value":1,"isDisplayable":true,"x":2}"#,
    ] {
        let (_, report) = signed(&format!(r#"{{"v":{entry},"w":1}}"#));
        assert_eq!(
            (report.accepted.as_slice(), rejected(&report)),
            (&["w".to_owned()][..], vec![("v", "wrong_type")])
        );
    }
}

#[test]
fn numbers_are_exact_and_whole_ones_lie_within_two_to_the_53() {
    for (value, number) in [
        ("1.5", Some(1.5)),
        (r#""-2e3""#, Some(-2000.0)),
        ("9007199254740991", Some(9_007_199_254_740_991.0)),
        ("9007199254740992", Some(9_007_199_254_740_992.0)),
        ("9007199254740993", None),
        ("-9007199254740992", Some(-9_007_199_254_740_992.0)),
        ("-9007199254740993", None),
        ("9007199254740993.0", None),
        ("0.9007199254740993e16", None),
        ("1e300", None),
        ("1e400", None),
        (r#"" 1""#, None),
        (r#""0x1""#, None),
        (r#""NaN""#, None),
        (r#""01""#, None),
        ("true", None),
    ] {
        let (variables, report) = signed(&format!(r#"{{"number":{value}}}"#));
        assert_eq!(variables.get("number").map(|v| v.value.clone()), number.map(Value::Number), "{value}");
        assert_eq!(report.rejected.len(), usize::from(number.is_none()));
    }
}

#[test]
fn booleans_are_the_two_words() {
    for (value, boolean) in [
        ("true", Some(true)),
        (r#""false""#, Some(false)),
        (r#""True""#, None),
        ("1", None),
        (r#""yes""#, None),
    ] {
        let (variables, _) = signed(&format!(r#"{{"boolean":{value}}}"#));
        assert_eq!(variables.get("boolean").map(|v| v.value.clone()), boolean.map(Value::Boolean), "{value}");
    }
}

#[test]
fn names_and_values_have_a_longest_length_in_characters() {
    for (length, reason) in
        [(0, Some("name_too_long")), (1, None), (99, None), (100, None), (101, Some("name_too_long"))]
    {
        let (_, report) = signed(&format!(r#"{{"{}":1}}"#, "ä".repeat(length)));
        assert_eq!(rejected(&report).first().map(|(_, reason)| *reason), reason, "a name of {length}");
    }
    for (length, reason) in [(3999, None), (4000, None), (4001, Some("value_too_long"))] {
        let (_, report) = signed(&format!(r#"{{"v":"{}"}}"#, "ä".repeat(length)));
        assert_eq!(rejected(&report).first().map(|(_, reason)| *reason), reason, "a value of {length}");
    }
    assert_eq!(rejected(&signed(r#"{"a\nb":1}"#).1), [("a\nb", "name_too_long")]);
}

#[test]
fn a_name_twice_gives_no_value() {
    let (variables, report) = signed(r#"{"a":1,"b":2,"\u0061":3,"A":4}"#);
    assert_eq!(variables.into_keys().collect::<Vec<_>>(), ["A", "b"]);
    assert_eq!(rejected(&report), [("a", "duplicate")]);
}

fn entries(from: usize, count: usize, value: &str) -> String {
    let members: Vec<String> = (from..from + count).map(|number| format!("\"n{number}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

#[test]
fn a_token_gives_at_most_100_entries_absent_ones_included() {
    for (count, too_many) in [(99, 0), (100, 0), (101, 1)] {
        for value in ["1", "null"] {
            let (_, report) = signed(&entries(0, count, value));
            assert_eq!(report.rejected.len(), too_many, "{count} entries of {value}");
            assert!(report.rejected.iter().all(|rejected| rejected.reason == RejectionReason::TooMany));
        }
    }
}

fn offer(held: &Variables, text: &str, ever: &[&str]) -> usher::domain::context::Merged {
    let ever: BTreeSet<String> = ever.iter().map(|&name| name.to_owned()).collect();
    merge_unsigned(held, &Offered::read(&object(text), &policy()), &ever)
}

#[test]
fn the_page_holds_at_most_100_names_beside_the_signed_ones() {
    let (signed, _) = signed(&entries(1000, 100, "1"));
    for (held, new, too_many) in [(0, 99, 0), (0, 100, 0), (0, 101, 1), (60, 39, 0), (60, 40, 0), (60, 41, 1)]
    {
        let held = offer(&signed, &entries(0, held, "1"), &[]).variables;
        let merged = offer(&held, &entries(500, new, "1"), &[]);
        assert_eq!(merged.report.rejected.len(), too_many, "{} held and {new} new", held.len());
    }
    let full = offer(&Variables::new(), &entries(0, 100, "1"), &[]).variables;
    let changed = offer(&full, &entries(50, 50, "2"), &[]);
    assert_eq!(
        (changed.changed.len(), changed.report.rejected.len()),
        (50, 0),
        "a name that is held is not new"
    );
}

#[test]
fn the_page_changes_and_removes_its_own_variables_only() {
    let (held, _) = signed(r#"{"vip":"true","tier":"gold"}"#);
    let merged = offer(&held, r#"{"vip":"false","tier":null,"gone":"x","page":"1","secret":"s"}"#, &["gone"]);
    let expected =
        [("vip", "signed_wins"), ("tier", "signed_wins"), ("gone", "signed_wins"), ("secret", "signed_only")];
    assert_eq!(rejected(&merged.report), expected);
    assert_eq!((merged.report.accepted, merged.changed), (vec!["page".to_owned()], vec!["page".to_owned()]));
    assert_eq!(merged.variables["vip"], held["vip"]);
    let removed = offer(&merged.variables, r#"{"page":null}"#, &[]);
    assert_eq!((removed.changed.as_slice(), removed.variables), (&["page".to_owned()][..], held));
}

#[test]
fn a_token_replaces_the_signed_set_and_unsigned_namesakes() {
    let (first, _) = signed(r#"{"old":"1","same":"1"}"#);
    let held = offer(&first, r#"{"page":"1","vip":"page"}"#, &[]).variables;
    let (second, _) = signed(r#"{"same":"1","vip":"token"}"#);
    let merged = replace_signed(&held, &second);
    assert_eq!(merged.variables.keys().collect::<Vec<_>>(), ["page", "same", "vip"]);
    assert_eq!(
        (merged.variables["vip"].source, merged.changed),
        (Source::Token, vec!["old".into(), "vip".into()])
    );
}

#[test]
fn a_tenant_may_take_declared_names_only() {
    let policy = ContextPolicy { undeclared: Undeclared::Reject, ..policy() };
    let (variables, report) = read_signed(Some(&Json::Object(object(r#"{"number":1,"other":1}"#))), &policy);
    assert_eq!(variables.into_keys().collect::<Vec<_>>(), ["number"]);
    assert_eq!(rejected(&report), [("other", "undeclared")]);
}
