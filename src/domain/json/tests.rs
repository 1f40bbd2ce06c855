use super::*;

fn number(text: &str) -> Number<'_> {
    Number::parse(text).unwrap_or_else(|| panic!("{text} was not taken as a number"))
}

fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

#[test]
fn numbers_keep_their_text_and_members_their_order() {
    let json = parse(r#" {"b":1.0e+2,"a":[true,null,"x\u00e9"]} "#).unwrap();
    let object = json.as_object().unwrap();
    assert_eq!(object.names().collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(object.get("b"), Ok(Some(&Json::Number(number("1.0e+2")))));
    let list = vec![Json::Bool(true), Json::Null, Json::String("xé".into())];
    assert_eq!(object.get("a"), Ok(Some(&Json::Array(list))));
    assert_eq!(object.get("c"), Ok(None));
}

#[test]
fn a_string_without_escapes_is_borrowed() {
    let json = parse(r#"["plain","esc\u0061ped"]"#).unwrap();
    let Json::Array(elements) = json else { panic!("no array") };
    assert!(matches!(&elements[0], Json::String(Cow::Borrowed("plain"))));
    assert!(matches!(&elements[1], Json::String(Cow::Owned(text)) if text == "escaped"));
}

#[test]
fn a_member_twice_is_a_fault_of_its_object_alone() {
    let json = parse(r#"{"in":{"x":1,"\u0078":2},"y":3}"#).unwrap();
    let outer = json.as_object().unwrap();
    assert_eq!(outer.repeated(), None);
    let inner = outer.get("in").unwrap().unwrap().as_object().unwrap();
    assert_eq!(inner.repeated(), Some("x"));
    assert_eq!(inner.get("x"), Err(Repeated));
}

#[test]
fn a_repeated_member_is_found_among_few_and_many() {
    for count in [FEW_MEMBERS - 1, FEW_MEMBERS, FEW_MEMBERS + 1, 500] {
        let members: Vec<String> = (0..count).map(|n| format!("\"m{n}\":{n}")).collect();
        let once = format!("{{{}}}", members.join(","));
        let twice = format!("{{{},\"m3\":0}}", members.join(","));
        assert_eq!(parse(&once).unwrap().as_object().unwrap().repeated(), None, "{count}");
        assert_eq!(parse(&twice).unwrap().as_object().unwrap().repeated(), Some("m3"), "{count}");
    }
}

#[test]
fn nesting_is_taken_to_32_levels() {
    assert!(parse(&nested(MAX_DEPTH - 1)).is_ok());
    assert!(parse(&nested(MAX_DEPTH)).is_ok());
    let fault = parse(&nested(MAX_DEPTH + 1)).unwrap_err();
    assert_eq!(fault.to_string(), "nested more than 32 levels deep at line 1 column 33");
    assert!(parse(&nested(100_000)).is_err(), "a depth bomb was taken");
    assert!(parse(&"[".repeat(100_000)).is_err(), "an unclosed depth bomb was taken");
}

#[test]
fn a_fault_knows_its_line_and_column() {
    for (text, line, column) in [
        ("", 1, 1),
        ("{} x", 1, 4),
        ("{\n  \"a\": LS0t\n}", 2, 8),
        ("[1,\n [2,\n  \"\\ud800\"]]", 3, 10),
        ("[1,\n\n  {\"k\": \"a\tb\"}]", 3, 10),
    ] {
        let fault = parse(text).unwrap_err();
        assert_eq!((fault.line, fault.column), (line, column), "{text:?}: {fault}");
    }
    let fault = parse_bytes(b"[\"a\",\n\"\xFF\"]").unwrap_err();
    assert_eq!(fault.to_string(), "a byte that is not UTF-8 at line 2 column 2");
}

#[test]
fn no_fault_quotes_the_text() {
    for text in [
        "{\"k\":secret}",
        "secret",
        "\"secret",
        "tsecret",
        "nsecret",
        "{\"a\":1,secret}",
        "-secret",
        "[1 secret]",
    ] {
        let fault = parse(text).unwrap_err().to_string();
        assert!(!fault.contains("secret"), "{fault}");
    }
}

#[test]
fn a_byte_order_mark_stands_before_a_document_only() {
    assert_eq!(parse_document(b"\xEF\xBB\xBF[]"), Ok(Json::Array(Vec::new())));
    assert!(parse_document(b"\xEF\xBB\xBF\xEF\xBB\xBF[]").is_err(), "two marks were taken");
    assert!(parse_bytes(b"\xEF\xBB\xBF[]").is_err(), "a mark was taken outside a document");
}

#[test]
fn only_an_exact_number_is_one() {
    for good in ["0", "-0", "1", "-1.5e-7", "10E+2", "0.10"] {
        assert!(Number::parse(good).is_some(), "{good}");
    }
    for bad in [
        "", "-", "+1", "01", "1.", ".5", "1e", " 1", "1 ", "0x1", "NaN", "Infinity", "1_0", "١", "1,5", "[1]",
    ] {
        assert!(Number::parse(bad).is_none(), "{bad:?}");
    }
    assert_eq!(number("1e400").as_f64(), None);
    assert_eq!(number("-2.5").as_f64(), Some(-2.5));
}

#[test]
fn seconds_become_milliseconds_without_rounding() {
    for (text, millis, fraction) in [
        ("0", 0, false),
        ("-0.0e9", 0, false),
        ("1760000000", 1_760_000_000_000, false),
        ("1.76e9", 1_760_000_000_000, false),
        ("17600000000000e-4", 1_760_000_000_000, false),
        ("1.0005", 1000, true),
        ("0.001", 1, false),
        ("0.0009", 0, true),
        ("1e-300", 0, true),
        ("253402300799", 253_402_300_799_000, false),
        ("253402300799.0000000000000000000000001", 253_402_300_799_000, true),
        ("0e99999999999", 0, false),
    ] {
        assert_eq!(number(text).as_millis(), Ok((millis, fraction)), "{text}");
    }
    let long = format!("1760003600.{}", "3".repeat(9000));
    assert_eq!(number(&long).as_millis(), Ok((1_760_003_600_333, true)));
    for great in ["1e400", "1e99999999999999999999", "18446744073709551616", "1e16"] {
        assert_eq!(number(great).as_millis(), Err(OutOfRange::TooGreat), "{great}");
    }
    for negative in ["-1", "-1e-300", "-1e400"] {
        assert_eq!(number(negative).as_millis(), Err(OutOfRange::Negative), "{negative}");
    }
    assert_eq!(number("1e-99999999999999999999").as_millis(), Ok((0, true)));
}
