//! What pages load from the public listener: the script in its forms, the widget's settings, and the lines for a page.

mod command;
mod settings;

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::keys::KeyEndpoint;
use crate::support::setup::Setup;
use crate::support::soon;
use crate::support::tools::root;
use crate::support::usher::Usher;
use crate::support::widget::Widget;

const FILES: [(&str, &str); 3] = [
    ("usher.js", "text/javascript; charset=utf-8"),
    ("usher.mjs", "text/javascript; charset=utf-8"),
    ("usher.d.ts", "text/plain; charset=utf-8"),
];
const CODINGS: [(&str, &str); 3] = [("", ""), ("gzip", ".gz"), ("br", ".br")];

async fn usher() -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    (usher, keys)
}

/// An answer as it came.
#[derive(Debug)]
struct Answer {
    status: u16,
    lines: Vec<String>,
    body: Vec<u8>,
}

impl Answer {
    /// What a header says, which stands once or not at all.
    fn says(&self, name: &str) -> Option<&str> {
        let mut values = self.lines.iter().filter_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        });
        let value = values.next();
        assert_eq!(values.next(), None, "{name} stands twice: {self:?}");
        value
    }

    fn problem(&self) -> serde_json::Value {
        assert_eq!(self.says("content-type"), Some("application/problem+json"), "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// The answer to this method and path with these lines; the connection ends behind it.
async fn ask(to: SocketAddr, method: &str, path: &str, lines: &str) -> Answer {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: chat\r\n{lines}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    soon("the answer", stream.read_to_end(&mut bytes)).await.unwrap();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n").map(str::to_owned);
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, lines: lines.collect(), body: bytes[end + 4..].to_vec() }
}

fn built(name: &str) -> PathBuf {
    root().join("widget/dist").join(name)
}

fn accept(coding: &str) -> String {
    format!("Accept-Encoding: {coding}\r\n")
}

/// The paths of a file: the one of every release, and the one of these bytes alone.
async fn paths(usher: &Usher, name: &str) -> [String; 2] {
    let output = command::lines(usher.setup(), &["--json", "--gateway", "http://chat.test"]).await;
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    ["url", "immutable_url"].map(|kind| {
        let url = told["files"][name][kind].as_str().unwrap();
        url.strip_prefix("http://chat.test").unwrap().to_owned()
    })
}

#[tokio::test]
async fn each_file_is_served_as_it_was_built_in_the_form_that_is_wanted() {
    let (usher, _keys) = usher().await;
    for (name, media_type) in FILES {
        let mut tags = Vec::new();
        for (coding, ending) in CODINGS {
            let answer = ask(usher.at().public, "GET", &format!("/widget/v1/{name}"), &accept(coding)).await;
            assert_eq!(answer.status, 200, "{name} {coding}");
            assert_eq!(
                answer.body,
                std::fs::read(built(&format!("{name}{ending}"))).unwrap(),
                "{name} {coding}"
            );
            assert_eq!(answer.says("content-encoding").unwrap_or_default(), coding, "{name}");
            assert_eq!(answer.says("content-length"), Some(&*answer.body.len().to_string()));
            for (header, value) in [
                ("content-type", media_type),
                ("vary", "accept-encoding"),
                ("access-control-allow-origin", "*"),
                ("cross-origin-resource-policy", "cross-origin"),
                ("x-content-type-options", "nosniff"),
                ("connection", "close"),
            ] {
                assert_eq!(answer.says(header), Some(value), "{name} {coding}: {header}");
            }
            tags.push(answer.says("etag").unwrap().to_owned());
        }
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 3, "forms in different codings are different: {tags:?}");
    }
    let preferred = "br;q=0.5, gzip;q=0.8, identity;q=0.1";
    let answer = ask(usher.at().public, "GET", "/widget/v1/usher.js", &accept(preferred)).await;
    assert_eq!(answer.says("content-encoding"), Some("gzip"));
    let unsaid = ask(usher.at().public, "GET", "/widget/v1/usher.js", "").await;
    assert_eq!((unsaid.status, unsaid.says("content-encoding")), (200, None));
}

#[tokio::test]
async fn whoever_has_a_form_already_is_told_so_and_whoever_has_another_gets_it() {
    let (usher, _keys) = usher().await;
    let path = "/widget/v1/usher.js";
    let tag = async |coding: &str| {
        let answer = ask(usher.at().public, "GET", path, &accept(coding)).await;
        answer.says("etag").unwrap().to_owned()
    };
    let (brotli, gzip) = (tag("br").await, tag("gzip").await);
    assert!(brotli.starts_with('"'), "a strong tag: {brotli}");
    for (known, status) in [
        (brotli.clone(), 304),
        (format!("W/{brotli}"), 304),
        (format!("\"other\", {brotli}"), 304),
        ("*".to_owned(), 304),
        (gzip, 200),
        ("\"other\"".to_owned(), 200),
        (brotli.trim_matches('"').to_owned(), 200),
    ] {
        for method in ["GET", "HEAD"] {
            let lines = format!("{}If-None-Match: {known}\r\n", accept("br"));
            let answer = ask(usher.at().public, method, path, &lines).await;
            assert_eq!(answer.status, status, "{known}");
            assert_eq!(answer.says("etag"), Some(&*brotli), "{known}");
            assert_eq!(answer.says("vary"), Some("accept-encoding"));
            assert_eq!(answer.says("cache-control"), Some("public, max-age=300, must-revalidate"));
            assert_eq!(answer.body.is_empty(), status == 304 || method == "HEAD", "{known}");
        }
    }
}

#[tokio::test]
async fn head_says_all_that_get_says_and_sends_nothing() {
    let (usher, _keys) = usher().await;
    for path in ["/widget/v1/usher.d.ts", "/widget/v1/settings/contoso/web", "/widget/v1/nothing"] {
        let full = ask(usher.at().public, "GET", path, &accept("gzip")).await;
        let head = ask(usher.at().public, "HEAD", path, &accept("gzip")).await;
        let lines = |answer: &Answer| {
            let mut lines = answer.lines.clone();
            lines.retain(|line| !line.starts_with("date: "));
            lines
        };
        assert_eq!((head.status, lines(&head)), (full.status, lines(&full)), "{path}");
        assert!(head.body.is_empty() && !full.body.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn what_stands_under_a_hash_is_kept_for_ever_and_another_hash_is_nothing() {
    let (usher, _keys) = usher().await;
    for (name, _) in FILES {
        let [plain, immutable] = paths(&usher, name).await;
        let first = ask(usher.at().public, "GET", &plain, "").await;
        let pinned = ask(usher.at().public, "GET", &immutable, "").await;
        assert_eq!((pinned.status, &pinned.body), (200, &first.body));
        assert_eq!(pinned.says("etag"), first.says("etag"));
        assert_eq!(pinned.says("cache-control"), Some("public, max-age=31536000, immutable"));
        let last = immutable.rfind('/').unwrap() - 1;
        let digit = if &immutable[last..=last] == "0" { "1" } else { "0" };
        let mut other = immutable.clone();
        other.replace_range(last..=last, digit);
        let answer = ask(usher.at().public, "GET", &other, "").await;
        assert_eq!((answer.status, answer.problem()["code"].as_str()), (404, Some("not_found")));
        assert_eq!(answer.says("cache-control"), Some("no-store"), "another node may have it");
    }
}

#[tokio::test]
async fn nothing_else_is_there_and_nothing_is_written() {
    let (usher, _keys) = usher().await;
    for path in [
        "/widget",
        "/widget/v1",
        "/widget/v1/",
        "/widget/v1/usher.js/",
        "/widget/v1/usher.js.br",
        "/widget/v1//usher.js",
        "/widget/v1/../v1/usher.js",
        "/widget/v1/%75sher.js",
        "/widget/v2/usher.js",
        "/Widget/v1/usher.js",
    ] {
        let answer = ask(usher.at().public, "GET", path, "").await;
        assert_eq!((answer.status, answer.problem()["code"].as_str()), (404, Some("not_found")), "{path}");
    }
    for path in ["/widget/v1/usher.js", "/widget/v1/settings/contoso/web"] {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get"] {
            let answer = ask(usher.at().public, method, path, "").await;
            assert_eq!((answer.status, answer.says("allow")), (405, Some("GET, HEAD")), "{method} {path}");
            assert_eq!(answer.problem()["code"], "method_not_allowed");
        }
    }
    let answer = ask(usher.at().public, "POST", "/widget/v1/nothing", "").await;
    assert_eq!(answer.status, 404);
    // A question mark is no part of a path.
    assert_eq!(ask(usher.at().public, "GET", "/widget/v1/usher.js?1", "").await.status, 200);
}

#[tokio::test]
async fn pages_are_served_while_the_node_drains() {
    let keys = KeyEndpoint::start().await;
    let setup = Setup::new().tenant("contoso", &keys.url()).limit("drain_for = \"10m\"");
    let mut usher = Usher::start(setup).await;
    let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
    usher.terminate();
    widget.expect("draining").await;
    for path in ["/widget/v1/usher.js", "/widget/v1/settings/contoso/web"] {
        assert_eq!(ask(usher.at().public, "GET", path, "").await.status, 200, "{path}");
    }
    widget.close().await;
    assert_eq!(usher.exit_code().await, Some(0));
}

#[tokio::test]
async fn loading_a_page_is_no_attempt_to_connect() {
    let keys = KeyEndpoint::start().await;
    let setup = Setup::new().tenant("contoso", &keys.url());
    let setup = setup.limit("connects_per_address_per_second = 1").limit("connections_per_address = 1");
    let usher = Usher::start(setup.limit("connections = 1")).await;
    let (widget, _) = Widget::start(&usher, "contoso/web").await;
    for _ in 0..10 {
        for path in ["/widget/v1/usher.js", "/widget/v1/settings/contoso/web"] {
            // One of the address waits for its answer at a time: the last may not have gone yet.
            let load = async || reqwest::get(format!("http://{}{path}", usher.at().public)).await.ok();
            let answer = crate::support::until("an answer", load).await;
            assert_eq!(answer.status(), 200, "{path}");
        }
    }
    widget.close().await;
}
