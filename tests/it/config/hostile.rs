//! Whatever stands in a file: a fault, never a panic.

use std::path::Path;

use proptest::prelude::*;
use usher::config::{Place, read_tenant_policy};

use super::CONTOSO;

proptest! {
    #[test]
    fn a_damaged_file_is_read_or_refused_with_places_in_it(
        from in 0..CONTOSO.len(),
        length in 0..80_usize,
        put in r#"[\[\]{}="'\\.,#0-9a-z\n\u{0}é-]{0,12}"#,
    ) {
        let kept = |range: std::ops::Range<usize>| String::from_utf8_lossy(&CONTOSO.as_bytes()[range]).into_owned();
        let until = (from + length).min(CONTOSO.len());
        let text = format!("{}{put}{}", kept(0..from), kept(until..CONTOSO.len()));
        let lines = text.split('\n').count();
        for fault in read_tenant_policy(Path::new("t.toml"), &text).err().into_iter().flatten() {
            let Place::File { line: Some(line), .. } = fault.place else { panic!("no line: {fault}") };
            prop_assert!((1..=lines).contains(&line), "line {line} of {lines}: {fault}");
            prop_assert!(!fault.message.is_empty() && !fault.remedy.is_empty(), "{fault:?}");
        }
    }
}

#[test]
fn nesting_without_end_is_a_fault() {
    let deep = format!("name = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read_tenant_policy(Path::new("t.toml"), &deep).is_err());
    let tables = format!("[{}]\n", vec!["a"; 100_000].join("."));
    assert!(read_tenant_policy(Path::new("t.toml"), &tables).is_err());
}
