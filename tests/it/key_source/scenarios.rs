//! The scenarios about caching and herds, step by step on paused time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use serde_json::{Value, json};
use usher::clock::Clock;
use usher::domain::id::TenantId;
use usher::domain::time::UnixTime;
use usher::domain::token::{Refusal, Revocations, TokenPolicy, VerifiedCustomer};
use usher::key_source::{KeySource, TenantKeys};
use usher::metrics::Metrics;

use super::corpus::{lines, policy};
use super::scripted::{Answer, Memory, Scripted, key_source_with};
use super::*;

const START: i64 = 1_760_000_000;

pub(super) struct Stage {
    endpoint: Arc<Scripted>,
    clock: Clock,
    source: KeySource,
    policies: [(TenantId, TokenPolicy); 2],
    urls: [Url; 2],
    pub(super) metrics: Arc<Metrics>,
}

impl Stage {
    pub(super) fn new(steps: &[Value]) -> Self {
        let shared = steps.iter().any(|step| step["same_url_as"] == "a");
        let url = |name: &str| Url::parse(&format!("https://{name}.test/keys")).unwrap();
        let urls = [url("a"), url(if shared { "a" } else { "b" })];
        let policies: [(TenantId, TokenPolicy); 2] = ["a", "b"].map(|tenant| {
            let configured = steps.iter().find(|step| step["op"] == "configure" && step["tenant"] == tenant);
            // The scenarios' tokens live for eleven days.
            let max_token_lifetime = Duration::from_hours(30 * 24);
            let policy = TokenPolicy { max_token_lifetime, ..policy(configured.unwrap_or(&json!({}))) };
            (tenant.parse().unwrap(), policy)
        });
        let tenants = policies.iter().zip(&urls).map(|((tenant, policy), url)| TenantKeys {
            tenant: tenant.clone(),
            url: url.clone(),
            max_key_bits: policy.max_key_bits,
        });
        let (endpoint, clock) =
            (Arc::new(Scripted::default()), Clock::following_runtime(UnixTime::from_seconds(START)));
        let (store, metrics) = (Arc::new(Memory::default()), Arc::<Metrics>::default());
        let (source, _lifecycle) =
            key_source_with(store, tenants.collect(), endpoint.clone(), clock, metrics.clone());
        Self { endpoint, clock, source, policies, urls, metrics }
    }

    fn index(step: &Value) -> usize {
        usize::from(step["tenant"] == "b")
    }

    pub(super) async fn play(&self, step: &Value) {
        match step["op"].as_str().unwrap() {
            "configure" => {}
            "serve" => {
                let response = &step["response"];
                let answer = Answer {
                    status: u16::try_from(response["status"].as_u64().unwrap()).unwrap(),
                    body: response["body"].as_str().unwrap().into(),
                    delay: Duration::from_millis(response["delay_ms"].as_u64().unwrap_or(10)),
                };
                self.endpoint.serve(self.urls[Self::index(step)].clone(), answer);
            }
            "clock" => self.advance_to(step["now"].as_i64().unwrap()).await,
            "advance_to_refresh" | "advance_past_cache_ttl" => {
                tokio::time::sleep(Duration::from_mins(10)).await;
            }
            "advance_past_max_stale" => tokio::time::sleep(Duration::from_hours(25)).await,
            "present" => {
                let verdict = self.present(step, step["token"].as_str().unwrap()).await;
                assert_eq!(verdict, step["expect"], "{step}");
            }
            "present_many" => self.present_many(step).await,
            "assert_fetches" => {
                let fetches = self.endpoint.fetches(&self.urls[Self::index(step)]);
                assert!(
                    fetches <= usize::try_from(step["max"].as_u64().unwrap()).unwrap(),
                    "{fetches} fetches: {step}"
                );
            }
            other => panic!("the step {other} is not known"),
        }
    }

    async fn present(&self, step: &Value, token: &str) -> String {
        let verdict = self.verify(step, token).await;
        verdict.map_or_else(|refusal| format!("reject:{}", refusal.reason.code()), |_| "accept".to_owned())
    }

    pub(super) async fn verify(&self, step: &Value, token: &str) -> Result<VerifiedCustomer, Refusal> {
        if let Some(now) = step["now"].as_i64() {
            self.advance_to(now).await;
        }
        let (tenant, policy) = &self.policies[Self::index(step)];
        self.source.verify(tenant, token, policy, &Revocations::default()).await
    }

    /// Of tenant `a`.
    pub(super) fn fetches(&self) -> usize {
        self.endpoint.fetches(&self.urls[0])
    }

    async fn present_many(&self, step: &Value) {
        let tokens: Vec<String> = (0..step["count"].as_u64().unwrap())
            .map(|number| {
                step["header_kid"].as_str().map_or_else(
                    || step["token"].as_str().unwrap().to_owned(),
                    |kid| unsigned(Some(&kid.replace("{i}", &number.to_string()))),
                )
            })
            .collect();
        let verdicts = join_all(tokens.iter().map(|token| self.present(step, token))).await;
        for verdict in verdicts {
            assert_eq!(verdict, step["expect"], "{step}");
        }
    }

    async fn advance_to(&self, seconds: i64) {
        tokio::time::advance(self.clock.until(UnixTime::from_seconds(seconds))).await;
    }
}

/// A token of good form with this `kid`, or none, that nobody has signed.
pub(super) fn unsigned(kid: Option<&str>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut header = json!({ "alg": "RS256", "typ": "JWT" });
    if let Some(kid) = kid {
        header["kid"] = kid.into();
    }
    let header = part(&header);
    format!("{header}.{}.{}", part(&json!({})), URL_SAFE_NO_PAD.encode([1; 256]))
}

async fn play(id: &str, spec: Option<&str>) {
    let scenarios = lines("scenarios.jsonl");
    let scenario = scenarios.iter().find(|scenario| scenario["id"] == id).expect("the scenario is there");
    let mut steps = scenario["steps"].as_array().unwrap().clone();
    if let Some(verdict) = spec {
        steps.last_mut().unwrap()["expect"] = verdict.into();
    }
    let stage = Stage::new(&steps);
    for step in &steps {
        stage.play(step).await;
    }
}

macro_rules! scenarios {
    ($($name:ident = $id:literal => $spec:expr;)+) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                play($id, $spec).await;
            }
        )+
    };
}

/// The scenario ends as it says itself.
const AS_WRITTEN: Option<&str> = None;

scenarios! {
    cache_cross_tenant_same_kid = "cache/cross-tenant-same-kid" => AS_WRITTEN;
    cache_cross_tenant_token = "cache/cross-tenant-token" => AS_WRITTEN;
    cache_verdict_not_shared = "cache/verdict-not-shared" => AS_WRITTEN;
    cache_two_tenants_one_url = "cache/two-tenants-one-url" => AS_WRITTEN;
    cache_rotation_new_kid = "cache/rotation-new-kid" => AS_WRITTEN;
    cache_rotation_key_removed = "cache/rotation-key-removed" => AS_WRITTEN;
    cache_rotation_same_kid = "cache/rotation-same-kid" => AS_WRITTEN;
    cache_key_expires_while_cached = "cache/key-expires-while-cached" => AS_WRITTEN;
    herd_unknown_kids = "herd/unknown-kids" => AS_WRITTEN;
    herd_cold_start = "herd/cold-start" => AS_WRITTEN;
    herd_malformed_never_fetches = "herd/malformed-never-fetches" => AS_WRITTEN;
    herd_negative_cache = "herd/negative-cache" => AS_WRITTEN;
    herd_bad_signature_no_refetch = "herd/bad-signature-no-refetch" => AS_WRITTEN;
    endpoint_goes_bad_after_good = "endpoint/goes-bad-after-good" => AS_WRITTEN;
    endpoint_set_becomes_empty = "endpoint/set-becomes-empty" => Some("reject:unknown_kid"); // an empty set is believed
}
