//! Key documents: what is taken, what is refused, and in which words.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use usher::domain::keys::{DocumentForm, Found, MAX_KEYS, parse};

use crate::mint::{encoded, fixture_text};

fn pem(key: &str) -> String {
    fixture_text(&format!("keys/{key}.public.pem"))
}

fn entry(kid: &str, key: &str) -> String {
    format!(r#"{{"kid":"{kid}","publicKey":"{}"}}"#, encoded(&pem(key)))
}

/// What is said of a document that is refused.
fn said(body: &[u8]) -> String {
    parse(body, 4096).expect_err("the document is refused").to_string()
}

#[test]
fn the_vendors_samples_get_a_diagnosis() {
    let altered = said(fixture_text("documents/vendor-altered.pem").as_bytes());
    assert!(
        altered.contains("first byte is 0x34") && altered.contains("vendor's documentation"),
        "{altered}"
    );
    let quote = said(fixture_text("documents/vendor-missing-quote.json").as_bytes());
    assert!(
        quote.contains("line 4 column 14") && quote.contains("lacks its opening quotation mark"),
        "{quote}"
    );
    let expired = parse(fixture_text("documents/vendor-expired.json").as_bytes(), 4096).unwrap();
    let expiries: Vec<String> = expired.keys.iter().map(|key| key.expiry().unwrap().to_string()).collect();
    assert_eq!(expiries, ["2020-12-20T20:17:03.000Z"; 2]);
}

#[test]
fn what_is_no_public_key_for_rs256_is_called_what_it_is() {
    let private = fixture_text("keys/a.private.pem");
    let relabelled = private.replace("PRIVATE KEY", "PUBLIC KEY");
    for (body, named) in [
        (fixture_text("documents/certificate.pem"), "openssl x509 -in certificate.pem -noout -pubkey"),
        (fixture_text("documents/ec.pem"), "an EC key"),
        (private.clone(), "PRIVATE key"),
        (relabelled, "PRIVATE key"),
        (format!("# key\n{private}"), "PRIVATE key"),
        (format!("[{{\"kid\":\"a\",\"publicKey\":\"{}\"}}]", encoded(&private)), "PRIVATE key"),
        (pem("a").replace("PUBLIC KEY", "RSA PUBLIC KEY"), "an SPKI key under the label RSA PUBLIC KEY"),
        (pem("a") + &pem("b"), "two blocks"),
        (format!("my key:\n{}", pem("a")), "text before"),
        (pem("a") + "thanks", "text after"),
        (pem("a").replace('\n', "\\n"), "written as \\n"),
        (pem("a").replacen("MIIB", "MII:", 1), "':' in its base64, at line 2 column 4"),
        ("<!doctype html>".to_owned(), "HTML"),
        (String::new(), "empty"),
        ("ssh-rsa AAAA".to_owned(), "ssh-keygen -e -m PKCS8"),
        (")]}'\n[]".to_owned(), "prefix"),
        ("null".to_owned(), "neither a PEM nor a JSON"),
        (entry("a", "a"), "without the array"),
        ("{}".to_owned(), "without \"keys\""),
    ] {
        let said = said(body.as_bytes());
        assert!(said.contains(named), "{named:?} is not in: {said}");
        assert!(!said.contains("MII") && !said.contains("LS0"), "key material is quoted: {said}");
        let exposed = parse(body.as_bytes(), 4096).unwrap_err().exposes_secret();
        assert_eq!(exposed, named == "PRIVATE key", "{named}");
    }
    for (body, named) in [
        (&b"\x1F\x8B\x08\x00"[..], "gzip"),
        (b"\xFF\xFE-\x00", "UTF-16"),
        (b"\x30\x82\x01\x22", "binary (DER)"),
        (b"-----BEGIN \xFF", "not UTF-8"),
    ] {
        assert!(said(body).contains(named), "{}", said(body));
    }
}

#[test]
fn a_pem_is_taken_as_people_serve_it() {
    let pem = pem("a");
    for body in [
        pem.replace('\n', "\r\n"),
        pem.replace('\n', " "),
        pem.replace('\n', ""),
        pem.replace('\n', "\n\t  "),
        format!("\u{FEFF}\n\n {pem} \n\n"),
        serde_json::to_string(&pem).unwrap(),
    ] {
        let document = parse(body.as_bytes(), 4096).unwrap_or_else(|refused| panic!("{refused}: {body}"));
        assert_eq!((document.form, document.keys.len()), (DocumentForm::SinglePem, 1));
    }
}

#[test]
fn a_faulty_entry_is_named_and_the_rest_serves() {
    let good = entry("good", "a");
    let key = encoded(&pem("b"));
    for (faulty, named) in [
        ("null".to_owned(), "it is null"),
        (format!(r#"{{"publicKey":"{key}"}}"#), "no kid"),
        (format!(r#"{{"kid":7,"publicKey":"{key}"}}"#), "its kid is a number"),
        (format!(r#"{{"kid":"","publicKey":"{key}"}}"#), "its kid is empty"),
        (format!(r#"{{"kid":"x","kid":"y","publicKey":"{key}"}}"#), "\"kid\" stands twice"),
        (format!(r#"{{"kid":"x","publicKey":"{key}","expiry":null}}"#), "its expiry is null"),
        (format!(r#"{{"kid":"x","publicKey":"{key}","expiry":"1893456000"}}"#), "its expiry is a string"),
        (format!(r#"{{"kid":"x","publicKey":"{key}","expiry":-1}}"#), "negative"),
        (format!(r#"{{"kid":"x","publicKey":"{key}","expiry":253402300800}}"#), "milliseconds"),
        (format!(r#"{{"kid":"x","publicKey":"{key}","expiry":1e400}}"#), "beyond the year 9999"),
        (r#"{"kid":"x"}"#.to_owned(), "no publicKey"),
        (r#"{"kid":"x","publicKey":""}"#.to_owned(), "is empty"),
        (r#"{"kid":"x","publicKey":"MIIB"}"#.to_owned(), "in binary (DER)"),
        (format!(r#"{{"kid":"x","publicKey":"{}"}}"#, &key[1..]), "publicKey"),
    ] {
        let document = parse(format!("[{faulty},{good}]").as_bytes(), 4096).unwrap();
        assert_eq!(document.keys.len(), 1, "{faulty}");
        let fault = document.faults.first().unwrap_or_else(|| panic!("no fault of {faulty}")).to_string();
        assert!(fault.starts_with("entry 1") && fault.contains(named), "{named:?} is not in: {fault}");
        assert!(matches!(document.keys.find("good"), Found::Key(_)));
        assert!(parse(format!("[{faulty}]").as_bytes(), 4096).is_err(), "none of it can be used: {faulty}");
    }
    let last = format!(r#"[{{"kid":"x","publicKey":"{key}","expiry":253402300799}}]"#);
    assert_eq!(parse(last.as_bytes(), 4096).unwrap().faults, []);
}

#[test]
fn a_kid_that_stands_for_different_keys_stands_for_none() {
    let body = format!("[{},{},{}]", entry("x", "a"), entry("x", "b"), entry("y", "a"));
    let document = parse(body.as_bytes(), 4096).unwrap();
    assert_eq!(document.keys.find("x"), Found::Duplicate);
    assert!(matches!(document.keys.find("y"), Found::Key(_)));
    assert_eq!(document.keys.find("Y"), Found::Absent);
    assert_eq!((document.faults.len(), document.faults[0].entry), (1, 2));
    let same = format!("[{},{}]", entry("x", "a"), entry("x", "a"));
    assert!(matches!(parse(same.as_bytes(), 4096).unwrap().keys.find("x"), Found::Key(_)));
}

#[test]
fn only_an_empty_list_says_that_no_key_is_left() {
    for body in ["[]", " [ ] \n", r#"{"keys":[]}"#] {
        assert!(parse(body.as_bytes(), 4096).unwrap().keys.is_empty(), "{body}");
    }
    assert!(parse(br#"{"keys":[{"kty":"EC","kid":"a"}]}"#, 4096).is_err());
}

#[test]
fn a_document_lists_at_most_100_keys() {
    let list = |count: usize| {
        let entries: Vec<String> = (0..count).map(|number| entry(&format!("k{number}"), "a")).collect();
        format!("[{}]", entries.join(","))
    };
    for (count, taken) in [(MAX_KEYS - 1, true), (MAX_KEYS, true), (MAX_KEYS + 1, false)] {
        assert_eq!(parse(list(count).as_bytes(), 4096).is_ok(), taken, "{count} keys");
    }
}

#[test]
fn a_jwk_for_something_else_is_passed_over_and_a_private_one_is_faulty() {
    let jwks = fixture_text("documents/jwks.json");
    let good = &jwks[jwks.find("[{").unwrap() + 1..jwks.rfind(']').unwrap()];
    for (other, faulty) in [
        (good.replace("\"RSA\"", "\"EC\""), false),
        (good.replace("\"sig\"", "\"enc\""), false),
        (good.replace("\"RS256\"", "\"PS256\""), false),
        (good.replace("\"kid\": \"a\", ", ""), false),
        (good.replace("\"use\": \"sig\"", "\"key_ops\": [\"sign\"]"), false),
        (good.replace("\"e\":", "\"d\": \"AQAB\", \"e\":"), true),
        (good.replace("\"AQAB\"", "\"AQAB=\""), true),
        (good.replace("\"AQAB\"", "\"Aw\""), true),
        (good.replace("\"n\": \"", "\"n\": \"AA"), true),
    ] {
        let kept = good.replace("\"a\"", "\"kept\"");
        let document = parse(format!("{{\"keys\":[{other},{kept}]}}").as_bytes(), 4096).unwrap();
        assert_eq!(document.form, DocumentForm::JwkSet);
        assert_eq!((document.keys.len(), document.faults.len()), (1, usize::from(faulty)), "{other}");
        assert_eq!(document.passed_over.len(), usize::from(!faulty), "{other}");
        assert_eq!(document.exposes_secret(), other.contains("\"d\""));
    }
    let verifying = good.replace("\"use\": \"sig\"", "\"key_ops\": [\"sign\",\"verify\"]");
    assert_eq!(parse(format!("{{\"keys\":[{verifying}]}}").as_bytes(), 4096).unwrap().keys.len(), 1);
}

#[test]
fn keys_have_2048_bits_at_least_and_the_tenants_most_at_most() {
    // A modulus needs no factors to be judged by its size: all ones, then.
    let spki = |bits: usize| {
        let modulus: Vec<u8> = std::iter::once(0xFF_u8 >> ((8 - bits % 8) % 8))
            .chain(std::iter::repeat_n(0xFF, bits.div_ceil(8) - 1))
            .collect();
        let n = URL_SAFE_NO_PAD.encode(modulus);
        format!(r#"{{"keys":[{{"kty":"RSA","kid":"a","e":"AQAB","n":"{n}"}}]}}"#)
    };
    for (bits, most, taken) in [
        (2047, 4096, false),
        (2048, 4096, true),
        (2049, 4096, true),
        (4095, 4096, true),
        (4096, 4096, true),
        (4097, 4096, false),
        (8191, 8192, true),
        (8192, 8192, true),
        (8193, 8192, false),
    ] {
        let document = parse(spki(bits).as_bytes(), most);
        assert_eq!(document.is_ok(), taken, "{bits} bits where {most} are the most: {document:?}");
        if let Err(refused) = document {
            assert!(refused.to_string().contains(&format!("{bits} bits")), "{refused}");
        }
    }
}
