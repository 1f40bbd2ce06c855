//! What the process's environment may do to a fetch: a test of this binary is run again in another one.

use std::process::Command;

/// Whether this test of this binary passes with these variables set.
fn passes(test: &str, variables: &[(&str, &str)]) -> bool {
    let this = std::env::current_exe().unwrap();
    let output = Command::new(this).args(["--exact", test]).envs(variables.iter().copied()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("running 1 test"), "{test} is not there: {said}");
    output.status.success()
}

#[test]
fn no_proxy_is_taken_from_the_environment() {
    // Nothing listens on port 1: a fetch through this proxy could not succeed.
    let proxy = "http://127.0.0.1:1";
    let variables = ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
    let mut variables: Vec<_> = variables.iter().map(|&name| (name, proxy)).collect();
    variables.extend([("no_proxy", ""), ("NO_PROXY", "")]);
    for test in ["a_request_is_a_plain_get_that_asks_for_no_encoding", "only_status_200_brings_a_document"] {
        assert!(passes(&format!("key_source::answers::{test}"), &variables), "{test}");
    }
    assert!(passes("key_source::names::a_certified_endpoint_is_fetched_from", &variables));
}

#[test]
fn without_any_root_certificate_plain_http_works_and_https_is_not_trusted() {
    let none = [("SSL_CERT_FILE", "/dev/null"), ("SSL_CERT_DIR", "/dev/null")];
    assert!(passes("key_source::answers::a_request_is_a_plain_get_that_asks_for_no_encoding", &none));
    assert!(passes("key_source::names::an_authority_that_nobody_trusts_is_refused", &none));
}
