//! Where a scenario is played: a process with two tenants, their key endpoints, and widgets.

use std::net::{IpAddr, Ipv4Addr};

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::iter;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::super::scenarios::unsigned;
use super::super::*;
use super::lines;
use super::recast::Recast;
use crate::support::hostile_endpoint::{HostileEndpoint, Script, answer};
use crate::support::keys::now;
use crate::support::setup::Setup;
use crate::support::usher::Usher;
use crate::support::widget::{Got, Widget};
use crate::support::{allow_descriptors, until, until_time};

/// Where the tenants' endpoints are: the one address besides the global ones that the process may reach.
pub(super) const ALLOWED: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// How long a document is fresh where the scenario waits for its end, in seconds. The shortest there is.
const FRESH_FOR: f64 = 1.0;
/// How long it serves after that where fetches fail, in seconds.
const STALE_FOR: f64 = 3.5;
/// Connections that are opened at once: fewer than wait for an `accept`.
const DIALS_AT_ONCE: usize = 100;

/// The steps of a scenario.
pub(super) fn scenario(id: &str) -> Vec<Value> {
    let scenarios = lines("scenarios.jsonl");
    let scenario = scenarios.iter().find(|scenario| scenario["id"] == id).expect("the scenario is there");
    scenario["steps"].as_array().unwrap().clone()
}

/// A key endpoint that can be told to speak otherwise.
pub(super) struct Endpoint {
    script: Arc<Mutex<Script>>,
    endpoint: HostileEndpoint,
}

impl Endpoint {
    pub(super) async fn at(address: IpAddr, tls: Option<TlsAcceptor>) -> Self {
        let script = Arc::new(Mutex::new(Script::Say(answer("404 Not Found", &[], b""))));
        let said = script.clone();
        let endpoint = HostileEndpoint::listen_at(address, move |_| said.lock().unwrap().clone(), tls).await;
        Self { script, endpoint }
    }

    pub(super) fn speak(&self, script: Script) {
        *self.script.lock().unwrap() = script;
    }

    pub(super) fn port(&self) -> u16 {
        self.endpoint.address.port()
    }

    pub(super) fn fetches(&self) -> usize {
        self.endpoint.requests().len()
    }
}

pub(super) struct Stage {
    pub(super) usher: Usher,
    pub(super) endpoints: [Endpoint; 2],
    pub(super) recast: Recast,
    begun: Instant,
    /// When an endpoint was last told to answer otherwise, in Unix seconds: what it said before was fetched by then.
    changed: f64,
    /// Whether it answers with an error now.
    is_down: bool,
}

impl Stage {
    /// Plain HTTP, and documents that are soon old where the scenario waits for that.
    pub(super) async fn of(steps: &[Value], begins: i64) -> Self {
        let endpoints = [Endpoint::at(ALLOWED, None).await, Endpoint::at(ALLOWED, None).await];
        let [a, b] = endpoints.each_ref().map(|endpoint| endpoint.endpoint.url());
        let configured = steps.iter().find(|step| step["op"] == "configure");
        let b = if configured.is_some_and(|step| step["same_url_as"] == "a") { a.clone() } else { b };
        let mut setup = setup(&a, &b);
        if let Some(configured) = configured {
            assert_eq!(configured["tenant"], "b");
            let issuers = format!("[authentication]\nissuers = {}\n", configured["issuer"]);
            setup.change("b", "[authentication]\n", &issuers);
        }
        if steps.iter().any(|step| step["op"].as_str().unwrap().starts_with("advance_")) {
            setup = setup
                .variable("USHER_KEYS_FRESH_FOR", format!("{FRESH_FOR}s"))
                .variable("USHER_KEYS_STALE_FOR", format!("{STALE_FOR}s"));
        }
        Self::new(setup, endpoints, steps, begins).await
    }

    pub(super) async fn new(setup: Setup, endpoints: [Endpoint; 2], steps: &[Value], begins: i64) -> Self {
        let usher = Usher::start(setup).await;
        Self {
            usher,
            endpoints,
            recast: Recast::new(steps, begins),
            begun: Instant::now(),
            changed: now(),
            is_down: false,
        }
    }

    fn endpoint(&self, step: &Value) -> &Endpoint {
        &self.endpoints[usize::from(step["tenant"] == "b")]
    }

    pub(super) async fn play(&mut self, step: &Value) {
        match step["op"].as_str().unwrap() {
            "configure" => {}
            "serve" => {
                self.endpoint(step).speak(self.plain(&step["response"]));
                self.changed = now();
                self.is_down |= step["response"]["status"] != 200;
            }
            "clock" => until_time(self.recast.instant(step["now"].as_i64().unwrap())).await,
            "advance_to_refresh" => {
                let before = self.endpoints[0].fetches();
                until("the refresh", async || (self.endpoints[0].fetches() > before).then_some(())).await;
                until_time(self.changed + FRESH_FOR).await;
            }
            "advance_past_cache_ttl" => until_time(self.changed + FRESH_FOR).await,
            "advance_past_max_stale" => until_time(self.changed + FRESH_FOR + STALE_FOR).await,
            "present" => {
                let token = self.recast.token(step["token"].as_str().unwrap());
                assert_eq!(self.present(step, &token).await, step["expect"], "{step}");
            }
            "present_many" => self.present_many(step).await,
            "assert_fetches" => self.check_fetches(step),
            other => panic!("the step {other} is not known"),
        }
    }

    /// A whole answer.
    pub(super) fn plain(&self, response: &Value) -> Script {
        let content_type = format!("Content-Type: {}", response["content_type"].as_str().unwrap());
        let body = self.recast.document(response["body"].as_str().unwrap());
        let said = answer(&format!("{} Status", response["status"]), &[&content_type], body.as_bytes());
        match response["delay_ms"].as_u64() {
            Some(delay) => Script::SayAfter(Duration::from_millis(delay), said),
            None => Script::Say(said),
        }
    }

    /// The verdict on a token that a widget of the step's tenant starts with.
    pub(super) async fn present(&self, step: &Value, token: &str) -> String {
        let mut widget = self.connect(step).await;
        widget.send(start(token)).await;
        verdict(&mut widget).await
    }

    pub(super) async fn connect(&self, step: &Value) -> Widget {
        Widget::connect(&self.usher, &format!("{}/web", step["tenant"].as_str().unwrap())).await
    }

    async fn present_many(&mut self, step: &Value) {
        let count = step["count"].as_u64().unwrap();
        let tokens: Vec<_> = match step["header_kid"].as_str() {
            Some(kid) => {
                (0..count).map(|number| unsigned(Some(&kid.replace("{i}", &number.to_string())))).collect()
            }
            None => vec![self.recast.token(step["token"].as_str().unwrap()); usize::try_from(count).unwrap()],
        };
        let verdicts = if step["concurrent"] == true {
            self.present_at_once(step, &tokens).await
        } else {
            let presented = iter(&tokens).map(|token| self.present(step, token));
            presented.buffer_unordered(DIALS_AT_ONCE).collect().await
        };
        assert_eq!(verdicts.len(), tokens.len());
        for verdict in verdicts {
            assert_eq!(verdict, step["expect"], "{step}");
        }
    }

    /// Everybody is there before the first one speaks.
    async fn present_at_once(&mut self, step: &Value, tokens: &[String]) -> Vec<String> {
        allow_descriptors();
        let dialled = iter(tokens).map(|_| self.connect(step)).buffer_unordered(DIALS_AT_ONCE);
        let mut widgets: Vec<_> = dialled.collect().await;
        self.begun = Instant::now();
        for (widget, token) in widgets.iter_mut().zip(tokens) {
            widget.send(start(token)).await;
        }
        join_all(widgets.iter_mut().map(verdict)).await
    }

    /// Where every fetch fails, the backoff allows one more for each whole second, however long the tokens take.
    fn check_fetches(&self, step: &Value) {
        let (fetches, max) = (self.endpoint(step).fetches(), step["max"].as_u64().unwrap());
        let backed_off = if self.is_down { 1 + self.begun.elapsed().as_secs() } else { 0 };
        assert!(fetches as u64 <= max.max(backed_off), "{fetches} fetches: {step}");
    }
}

/// Two tenants, whose keys are there.
pub(super) fn setup(a: &str, b: &str) -> Setup {
    let mut setup = Setup::new()
        .tenant("a", a)
        .tenant("b", b)
        .variable("USHER_KEYS_ALLOW_NETWORKS", format!("{ALLOWED}/32"))
        .variable("USHER_KEYS_ALLOW_HTTP_HOSTS", ALLOWED.to_string());
    for tenant in ["a", "b"] {
        // Some of the scenarios' tokens live for eleven days.
        setup.change(tenant, "[authentication]\n", "[authentication]\nmax_token_lifetime = \"30d\"\n");
    }
    setup
}

pub(super) fn start(token: &str) -> Value {
    json!({ "type": "start", "token": token })
}

/// What the scenarios call the answer to a `start`.
pub(super) async fn verdict(widget: &mut Widget) -> String {
    match widget.next().await {
        Got::Frame(frame) if frame["type"] == "started" => "accept".to_owned(),
        Got::Frame(frame) if frame["type"] == "error" => {
            format!("reject:{}", frame["code"].as_str().unwrap())
        }
        other => panic!("{other:?} answers a start"),
    }
}
