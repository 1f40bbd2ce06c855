//! Each rule proven once: it finds the fault in a bad sample, at its line, and leaves a good one alone.

use super::Source;
use super::rules::{
    import_faults, lock_faults, metric_faults, page_faults, path_faults, purity_faults, stray_faults,
    text_faults,
};

fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

/// The lines at which a rule finds faults in a file of this path and text.
fn lines(rule: fn(&Source) -> Vec<String>, path: &str, text: &str) -> Vec<usize> {
    let line = |fault: String| fault.split(':').nth(1).unwrap().parse().unwrap();
    rule(&source(path, text)).into_iter().map(line).collect()
}

#[test]
fn an_import_from_further_out_is_named_with_its_place_and_the_rule() {
    let faults =
        import_faults(&source("src/journal/mod.rs", "use crate::domain::id;\nuse crate::gateway::Gate;\n"));
    assert_eq!(faults.len(), 1);
    let start =
        "src/journal/mod.rs:2: `journal` must not import `gateway`: only from further in (config, clock, ";
    assert!(faults[0].starts_with(start), "{faults:?}");
}

#[test]
fn an_import_is_found_however_it_is_written() {
    for text in [
        "fn f() { crate::app::run() }",
        "use crate::{domain::id, app};",
        "use crate::{\n    domain::{id, time},\n    app::Thing,\n};",
        "pub(in crate::app) fn f() {}",
        "use crate::consumer;",
    ] {
        assert_eq!(lines(import_faults, "src/gateway/x.rs", text), [1], "{text}");
    }
}

#[test]
fn imports_from_further_in_from_itself_and_in_comments_are_fine() {
    let text = "use crate::{domain, gateway::limits, wire::{Close, app}};\n// crate::app comes later\nuse crate::Thing;";
    assert_eq!(import_faults(&source("src/gateway/x.rs", text)), [""; 0]);
    assert_eq!(import_faults(&source("src/main.rs", "use usher::cli;")), [""; 0]);
}

#[test]
fn a_module_without_a_ring_is_a_fault() {
    assert_eq!(lines(import_faults, "src/extras/mod.rs", ""), [1]);
    assert_eq!(lines(import_faults, "src/gateway/mod.rs", "\nuse crate::extras::Thing;"), [2]);
}

#[test]
fn super_leads_no_way_around_the_rings() {
    assert_eq!(lines(import_faults, "src/wire/mod.rs", "use super::app::App;"), [1]);
    assert_eq!(lines(import_faults, "src/wire/frame.rs", "use super::super::app::App;"), [1]);
    assert_eq!(lines(import_faults, "src/wire/frame.rs", "use super::close::Close;"), [0; 0]);
    assert_eq!(lines(import_faults, "src/ops.rs", "mod tests {\n    use super::*;\n}"), [0; 0]);
    assert_eq!(lines(import_faults, "src/ops.rs", "mod tests {\n    use super::super::app;\n}"), [2]);
}

#[test]
fn the_core_waits_for_nothing_and_touches_nothing_outside() {
    for text in [
        "async fn f() {}",
        "use tokio::time;",
        "let now = SystemTime::now();",
        "use std::time::Instant;",
        "std::fs::read(path)",
        "std::env::var(name)",
        "use std::{collections::HashMap, fs};",
        "use std::net::TcpStream;",
        "tracing::info!(1)",
    ] {
        assert_eq!(lines(purity_faults, "src/domain/token/x.rs", text), [1], "{text}");
        assert_eq!(lines(purity_faults, "src/wire/x.rs", text), [1], "{text}");
        assert_eq!(lines(purity_faults, "src/gateway/x.rs", text), [0; 0], "{text}");
    }
    let fine =
        "/// Not async, and reads no std::env.\nuse std::net::IpAddr;\nlet instant = tokio_like;\nInstantly";
    assert_eq!(lines(purity_faults, "src/domain/x.rs", fine), [0; 0]);
}

#[test]
fn a_file_may_have_500_lines_and_no_more() {
    assert_eq!(lines(text_faults, "src/x.rs", &"\n".repeat(499)), [0; 0]);
    assert_eq!(lines(text_faults, "src/x.rs", &"\n".repeat(500)), [0; 0]);
    assert_eq!(lines(text_faults, "src/x.rs", &"\n".repeat(501)), [501]);
}

#[test]
fn a_line_may_have_120_columns_and_no_more() {
    assert_eq!(lines(text_faults, "src/x.rs", &"é".repeat(119)), [0; 0]);
    assert_eq!(lines(text_faults, "src/x.rs", &"é".repeat(120)), [0; 0]);
    assert_eq!(lines(text_faults, "src/x.rs", &"é".repeat(121)), [1]);
}

#[test]
fn unfinished_work_stray_blanks_and_allow_are_faults() {
    for text in [
        "dbg!(x)",
        "todo!()",
        "unimplemented!()",
        "// FIXME",
        "// XXX",
        "// a HACK",
        "a\tb",
        "a ",
        "#[allow(dead_code)]",
        "#![allow(dead_code)]",
    ] {
        assert_eq!(lines(text_faults, "src/x.rs", &format!("\n{text}\n")), [2], "{text}");
    }
    assert_eq!(lines(text_faults, "src/x.rs", "HACKNEY, mastodon!, #[expect(lint, reason = \"\")]"), [0; 0]);
}

#[test]
fn a_path_that_leads_out_of_the_checkout_is_a_fault() {
    for text in ["include_str!(\"../../../../x\")", "open /Users/me/x", "cd /home/me", "ls /root/x"] {
        assert_eq!(lines(path_faults, "README.md", text), [1], "{text}");
    }
    assert_eq!(lines(path_faults, "README.md", "tests/vectors, http://h/network/"), [0; 0]);
}

#[test]
fn markup_and_code_made_of_texts_are_faults_of_the_widget() {
    for text in
        ["a.innerHTML = b", "eval(a)", "new Function(a)", "document.write(a)", "x.insertAdjacentHTML(a)"]
    {
        assert_eq!(lines(page_faults, "widget/src/panel/list.ts", &format!("\n{text}\n")), [2], "{text}");
        assert_eq!(lines(page_faults, "widget/src/panel/list.test.ts", text), [0; 0], "{text}");
        assert_eq!(lines(page_faults, "widget/tests/browser/page.ts", text), [0; 0], "{text}");
    }
    let fine = "// Never innerHTML.\na.textContent = b; retrieval(a); evaluate(b)";
    assert_eq!(lines(page_faults, "widget/src/panel/list.ts", fine), [0; 0]);
}

#[test]
fn a_lock_that_names_a_registry_is_a_fault() {
    let text = "{\n  \"version\": \"1.0.0\",\n  \"resolved\": \"https://registry.example/a.tgz\",\n";
    assert_eq!(lines(lock_faults, "widget/package-lock.json", text), [3]);
    assert_eq!(lines(lock_faults, "widget/package-lock.json", "\"integrity\": \"sha512-a\""), [0; 0]);
}

#[test]
fn a_series_that_is_not_named_after_the_product_is_a_fault() {
    let text =
        "register.counter(\n    \"usher_good_total\", \"\");\nregister.gauge(\n    \"other_bad\", \"\");";
    assert_eq!(lines(metric_faults, "src/metrics/series.rs", text), [3]);
}

#[test]
fn a_file_that_no_mod_line_names_is_a_fault() {
    let tree = [
        source("src/lib.rs", "pub mod wire;\nmod ops;\n"),
        source("src/ops.rs", ""),
        source("src/wire/mod.rs", "mod frame;\n// mod dead;\nmod dead_end;\n"),
        source("src/wire/frame.rs", ""),
        source("src/wire/dead.rs", ""),
    ];
    assert_eq!(
        stray_faults(&tree, "src/"),
        ["src/wire/dead.rs:1: no `mod dead;` in src/wire/mod.rs: name it or delete it"]
    );
}

#[test]
fn a_file_beside_a_folder_of_its_name_is_a_fault() {
    let tree = [
        source("src/lib.rs", "mod wire;"),
        source("src/wire.rs", "mod frame;"),
        source("src/wire/mod.rs", "mod frame;"),
        source("src/wire/frame.rs", ""),
    ];
    assert_eq!(
        stray_faults(&tree, "src/"),
        ["src/wire.rs:1: a folder of the same name: move this to src/wire/mod.rs"]
    );
}
