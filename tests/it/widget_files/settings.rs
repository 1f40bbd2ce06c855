//! What a page is told of a widget, and which pages are.

use serde_json::{Value, json};

use super::*;
use crate::support::setup::ORIGIN;

const PATH: &str = "/widget/v1/settings/contoso";

async fn settings(usher: &Usher, widget: &str, lines: &str) -> Answer {
    ask(usher.at().public, "GET", &format!("{PATH}/{widget}"), lines).await
}

fn read(answer: &Answer) -> Value {
    assert_eq!((answer.status, answer.says("content-type")), (200, Some("application/json")), "{answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn a_widget_is_described_as_it_is_configured() {
    let (usher, _keys) = usher().await;
    for (widget, authentication) in [("web", "optional"), ("strict", "required"), ("open", "off")] {
        assert_eq!(
            read(&settings(&usher, widget, "").await),
            json!({ "tenant": "contoso", "widget": widget, "name": "contoso", "authentication": authentication })
        );
    }
}

#[tokio::test]
async fn the_pages_function_is_told_where_tokens_are_taken() {
    let keys = KeyEndpoint::start().await;
    let mut setup = Setup::new().tenant("contoso", &keys.url());
    let function = "[authentication]\njavascript_client_function = \"auth.getAuthenticationToken\"\n";
    setup.change("contoso", "[authentication]\n", &format!("name = \"Contoso & Söhne\"\n{function}"));
    let usher = Usher::start(setup).await;
    for (widget, function) in [
        ("web", json!("auth.getAuthenticationToken")),
        ("strict", json!("auth.getAuthenticationToken")),
        ("open", Value::Null),
    ] {
        let told = read(&settings(&usher, widget, "").await);
        assert_eq!(
            (&told["javascript_client_function"], &told["name"]),
            (&function, &json!("Contoso & Söhne"))
        );
    }
}

#[tokio::test]
async fn only_pages_that_may_open_the_chat_are_told_and_each_under_its_own_name() {
    let (usher, _keys) = usher().await;
    for (widget, origin, allowed) in [
        ("web", ORIGIN, true),
        ("web", "https://www.contoso.com.evil.example", false),
        ("web", "http://www.contoso.com", false),
        ("web", "null", false),
        ("web", "", false),
        ("guarded", ORIGIN, true),
        ("anywhere", "https://evil.example", true),
        ("nowhere", ORIGIN, false),
    ] {
        let answer = settings(&usher, widget, &format!("Origin: {origin}\r\n")).await;
        if allowed {
            read(&answer);
            assert_eq!(answer.says("access-control-allow-origin"), Some(origin), "{widget}");
            assert_eq!(answer.says("vary"), Some("origin"));
            assert_eq!(answer.says("cache-control"), Some("private, max-age=60"));
        } else {
            assert_eq!(answer.status, 403, "{widget} {origin:?}");
            assert_eq!(answer.problem()["code"], "origin_not_allowed");
            assert_eq!(answer.says("cache-control"), Some("no-store"));
        }
        assert_eq!(answer.says("x-content-type-options").is_some(), allowed);
        assert_eq!(answer.says("access-control-allow-credentials"), None);
    }
    let twice = format!("Origin: {ORIGIN}\r\nOrigin: {ORIGIN}\r\n");
    assert_eq!(settings(&usher, "web", &twice).await.status, 403);
}

#[tokio::test]
async fn without_an_origin_a_program_is_told_unless_the_widget_requires_one_and_a_page_of_the_host_always() {
    let (usher, _keys) = usher().await;
    for (widget, lines, status) in [
        ("web", "", 200),
        ("nowhere", "", 200),
        ("guarded", "", 403),
        ("guarded", "Sec-Fetch-Site: same-origin\r\n", 200),
        ("guarded", "Sec-Fetch-Site: cross-site\r\n", 403),
        ("guarded", "Sec-Fetch-Site: same-site\r\n", 403),
        ("guarded", "Sec-Fetch-Site: same-origin\r\nOrigin: https://evil.example\r\n", 403),
    ] {
        let answer = settings(&usher, widget, lines).await;
        assert_eq!(answer.status, status, "{widget} {lines:?}");
        if status == 200 {
            assert_eq!(answer.says("access-control-allow-origin"), None);
            assert_eq!(answer.says("vary"), Some("origin"), "another page may be answered otherwise");
        }
    }
}

#[tokio::test]
async fn a_widget_that_is_not_there_is_404_for_any_page_and_says_so_to_it() {
    let (usher, _keys) = usher().await;
    for path in [
        "contoso/mobile",
        "fabrikam/web",
        "contoso",
        "contoso/",
        "contoso/web/",
        "contoso/web/more",
        "Contoso/web",
        "/web",
    ] {
        let path = format!("/widget/v1/settings/{path}");
        let answer = ask(usher.at().public, "GET", &path, "Origin: https://evil.example\r\n").await;
        assert_eq!(
            (answer.status, answer.problem()["code"].as_str()),
            (404, Some("unknown_widget")),
            "{path}"
        );
        assert_eq!(answer.says("access-control-allow-origin"), Some("*"), "the page can read why");
        assert_eq!(answer.says("cache-control"), Some("no-store"));
    }
    let refused = settings(&usher, "web", "Origin: https://evil.example\r\n").await;
    assert_eq!(refused.says("access-control-allow-origin"), Some("*"));
    assert!(!String::from_utf8(refused.body).unwrap().contains("optional"), "nothing of the widget is told");
}

#[tokio::test]
async fn pages_that_are_turned_away_are_counted_and_logged_with_the_path() {
    let (usher, _keys) = usher().await;
    settings(&usher, "web", "Origin: https://evil.example\r\n").await;
    settings(&usher, "mobile", "").await;
    for reason in ["origin_not_allowed", "unknown_widget"] {
        let series = format!("usher_connections_refused_total{{reason=\"{reason}\"}}");
        assert_eq!(usher.metric(&series).await, Some(1.0), "{reason}");
    }
    assert!(usher.log().contains("/widget/v1/settings/contoso/mobile"));
}
