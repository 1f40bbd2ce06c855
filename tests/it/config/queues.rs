//! Queues and their rules: each fault at its place within the rule.

use super::*;

const DECLARED: &str = "[context.variables]\ntier = \"text\"\ncart = \"number\"\n";

/// A fault with its column.
#[track_caller]
fn fault(queues: &str, expected: &str) {
    let text = format!("{DECLARED}{queues}");
    let written = Written::new("", &[("contoso", &text)]);
    let faults = written.load(&Vars::new()).expect_err(queues);
    let said: Vec<_> = faults.iter().map(ToString::to_string).collect();
    let said: Vec<_> = said.iter().map(|fault| fault.split_once("contoso.toml:").unwrap().1).collect();
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].starts_with(expected), "{} is not\n{expected}", said[0]);
}

#[test]
fn a_fault_of_a_rule_has_its_place_within_the_rule() {
    fault(
        "[[queue]]\nname = \"q\"\nwhen = 'vars.teir == \"gold\"'\n",
        "6:9: queue[0].when: column 1 of the rule: vars.teir is not declared. Declare it in [context.variables], or",
    );
    fault(
        "[[queue]]\nname = \"q\"\n  when   = \"authenticated && claimed.cat > 1\"\n",
        "6:30: queue[0].when: column 18 of the rule: claimed.cat is not declared",
    );
    fault(
        "[[queue]]\nname = \"q\"\nwhen = 'authenticated && (vars.cart > 1'\n",
        "6:40: queue[0].when: column 32 of the rule: is no expression of CEL",
    );
    fault(
        "[[queue]]\nname = \"a\"\n[[queue]]\nname = \"q\"\nwhen = '''\nauthenticated\n  && vars.teir == 1'''\n",
        "10:6: queue[1].when: line 2, column 6 of the rule: vars.teir is not declared",
    );
    fault(
        "[[queue]]\nname = \"q\"\nwhen = \"vars.tier == \\\"\\u00e9\\\" && tier\"\n",
        "6:1: queue[0].when: column 21 of the rule: there is no `tier`",
    );
    fault(
        "[[queue]]\nname = \"q\"\nwhen = 'vars.tier.matches(\"g.*\")'\n",
        "6:19: queue[0].when: column 11 of the rule: regular expressions are not for rules. Use ==, in, contains,",
    );
    fault(
        "[[queue]]\nname = \"q\"\nwhen = ''\n",
        "6:8: queue[0].when: column 1 of the rule: is no expression of CEL",
    );
    fault("[[queue]]\nname = \"q\"\nwhen = 1\n", "6:1: queue[0].when: must be text in quotes");
}

#[test]
fn a_variable_is_declared_in_the_tenants_file_whatever_becomes_of_others() {
    let rule = "[[queue]]\nname = \"q\"\nwhen = 'vars.other == 1'\n";
    fault(rule, "6:9: queue[0].when: column 1 of the rule: vars.other is not declared");
    let text = |undeclared: &str| format!("[context]\nundeclared = \"{undeclared}\"\n{rule}");
    for undeclared in ["text", "reject"] {
        let [said] = &*faults("", &[("contoso", &text(undeclared))], &Vars::new()) else { panic!() };
        assert!(said.contains("vars.other is not declared"), "{said}");
    }
}

#[test]
fn rules_that_were_written_to_do_harm_are_refused_and_the_program_goes_on() {
    for rule in [
        "(".repeat(2000),
        "1+".repeat(1000) + "1",
        "true&&".repeat(300) + "true",
        "!".repeat(2000),
        "[1].all(a, [1].all(b, [1].all(c, true)))".to_owned(),
        "a".repeat(100_000),
    ] {
        let text = format!("[[queue]]\nname = \"q\"\nwhen = '{rule}'\n");
        let said = faults("", &[("contoso", &text)], &Vars::new());
        assert!(said.len() == 1 && said[0].contains("queue[0].when: column "), "{said:?}");
    }
}

#[test]
fn every_rule_that_is_faulty_is_told() {
    let queue = |name: &str, rule: &str| format!("[[queue]]\nname = \"{name}\"\nwhen = '{rule}'\n");
    let text = queue("a", "vars.x") + &queue("b", "true") + &queue("c", "vars.y");
    let said = faults("", &[("contoso", &text)], &Vars::new());
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("queue[0].when") && said[1].contains("queue[2].when"), "{said:?}");
}

#[test]
fn a_priority_is_a_whole_number_within_a_million() {
    let queue = |priority: &str| format!("[[queue]]\nname = \"q\"\npriority = {priority}\n");
    for (priority, taken) in [
        ("-1000001", false),
        ("-1000000", true),
        ("-999999", true),
        ("0", true),
        ("999999", true),
        ("1000000", true),
        ("1000001", false),
    ] {
        let loaded = Written::new("", &[("contoso", &queue(priority))]).load(&Vars::new());
        assert_eq!(loaded.is_ok(), taken, "{priority}: {loaded:?}");
        if let Ok(config) = loaded {
            let queues = &config.tenants[&"contoso".parse().unwrap()].queues;
            assert_eq!(queues.listed()[0].priority, Some(priority.parse().unwrap()));
        }
    }
    fault(&queue("1.5"), "6:1: queue[0].priority: must be a whole number");
}

#[test]
fn a_tenant_has_at_most_200_queues() {
    let queues = |count: usize| {
        (0..count).map(|number| format!("[[queue]]\nname = \"q{number}\"\n")).collect::<String>()
    };
    for count in [199, 200] {
        let config = Written::new("", &[("contoso", &queues(count))]).load(&Vars::new()).unwrap();
        assert_eq!(config.tenants[&"contoso".parse().unwrap()].queues.listed().len(), count);
    }
    fault(&queues(201), "4:3: queue: lists too many queues. List at most 200.");
}

#[test]
fn a_rule_after_a_queue_that_takes_all_is_warned_of() {
    let text = "[[queue]]\nname = \"all\"\n[[queue]]\nname = \"q\"\nwhen = 'authenticated'\n";
    assert_eq!(
        warnings("", &[("contoso", text)], &Vars::new()),
        [
            "tenants/contoso.toml:5: warning: queue[1].when: is never asked: the queue `all` before it takes every \
             conversation. Put the queue without `when` last."
        ]
    );
    let sound =
        "[[queue]]\nname = \"q\"\nwhen = 'authenticated'\n[[queue]]\nname = \"a\"\n[[queue]]\nname = \"b\"\n";
    assert_eq!(warnings("", &[("contoso", sound)], &Vars::new()), [""; 0]);
}
