//! The manual's examples verify what usher signs.

use std::process::Stdio;

use tokio::process::Command;

use crate::support::soon;

const MANUAL: &str = include_str!("../../../docs/webhooks.md");

/// The published example of the specification, judged as it is, with another body, with another time, and at last while
/// a secret is replaced; `S` is the signature.
const CASES: [(&str, &str, &str, bool); 5] = [
    ("{\"test\": 2432232314}", "1614265330", "S", true),
    ("{\"test\": 2432232315}", "1614265330", "S", false),
    ("{\"test\": 2432232314}", "1614265331", "S", false),
    ("{\"test\": 2432232314}", "1614265330", "v1,bm9uZQ== S", true),
    ("{\"test\": 2432232314}", "1614265330", "v1,bm9uZQ==", false),
];
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

/// The manual's code in this language.
fn example(language: &str) -> &'static str {
    let (_, rest) = MANUAL.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

/// What the program says.
async fn said(program: &str, option: &str, code: &str) -> String {
    let mut command = Command::new(program);
    command.args([option, code]).stdin(Stdio::null());
    let output = soon(program, command.output()).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A call for each case, at the signature's own time and 300 and 301 s later, by the language's words for them.
fn calls(call: impl Fn(&str, &str, &str, u64) -> String) -> (String, Vec<bool>) {
    let sent = 1_614_265_330;
    let judged = CASES.map(|(body, timestamp, signatures, is_usher)| {
        (call(body, timestamp, &signatures.replace('S', SIGNATURE), sent), is_usher)
    });
    let (body, timestamp, ..) = CASES[0];
    let old = [299, 300, 301].map(|age| (call(body, timestamp, SIGNATURE, sent + age), age <= 300));
    let (code, expected): (Vec<_>, _) = judged.into_iter().chain(old).unzip();
    (code.join("\n"), expected)
}

fn answers(said: &str) -> Vec<bool> {
    said.lines().map(|line| line.eq_ignore_ascii_case("true")).collect()
}

#[tokio::test]
async fn the_python_example_verifies() {
    let (calls, expected) = calls(|body, timestamp, signature, now| {
        let headers = format!(
            "{{'webhook-id': '{ID}', 'webhook-timestamp': '{timestamp}', 'webhook-signature': '{signature}'}}"
        );
        format!("print(verify('{SECRET}', {headers}, b'{body}', {now}))")
    });
    let said = said("python3", "-c", &format!("{}\n{calls}", example("python"))).await;
    assert_eq!(answers(&said), expected, "{said}");
}

#[tokio::test]
async fn the_node_example_verifies() {
    let (calls, expected) = calls(|body, timestamp, signature, now| {
        let headers = format!(
            "{{'webhook-id': '{ID}', 'webhook-timestamp': '{timestamp}', 'webhook-signature': '{signature}'}}"
        );
        format!("console.log(verify('{SECRET}', {headers}, Buffer.from('{body}'), {now}));")
    });
    let said = said("node", "-e", &format!("{}\n{calls}", example("javascript"))).await;
    assert_eq!(answers(&said), expected, "{said}");
}
