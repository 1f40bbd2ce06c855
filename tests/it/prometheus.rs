//! What Prometheus makes of usher: promtool judges what is shipped, and a real Prometheus scrapes a real usher.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Seek as _, Write as _};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use url::Url;

use crate::support::consumer::answer;
use crate::support::keys::{KeyEndpoint, token};
use crate::support::setup::Setup;
use crate::support::tools::{root, tool};
use crate::support::usher::Usher;
use crate::support::widget::Widget;
use crate::support::{soon, until};

const RUNBOOK: &str = include_str!("../../docs/operations.md");
const TESTS: &str = include_str!("../../deploy/prometheus/tests.yml");

/// Runs promtool in `deploy/prometheus`; what it says where it finds a fault.
async fn promtool(arguments: &[&str], input: Stdio) -> Result<(), String> {
    let mut command = Command::new(tool("prometheus", "promtool"));
    command.args(arguments).current_dir(root().join("deploy/prometheus")).stdin(input);
    let judged = soon("promtool's verdict", command.output()).await.unwrap();
    let said = [judged.stdout, judged.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
    if judged.status.success() { Ok(()) } else { Err(said) }
}

/// A gateway that has fetched the keys of a tenant with a rule, and has an endpoint, so that it has every series.
async fn usher() -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let webhook = "id = \"crm\"
secret = \"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"";
    let mut setup = Setup::new().tenant("contoso", &keys.url()).webhook(&keys.url(), webhook);
    setup.change(
        "contoso",
        "name = \"general\"
",
        "name = \"general\"
when = \"authenticated\"
",
    );
    let usher = Usher::start(setup).await;
    let token = token("customer-1", Duration::from_mins(10));
    let (widget, _) = Widget::sign_in(&usher, "contoso/web", &token).await;
    widget.close().await;
    let age = "usher_key_set_age_seconds{tenant=\"contoso\"}";
    until("the age of the keys", async || usher.metric(age).await).await;
    (usher, keys)
}

/// A real Prometheus with the configuration that is shipped, but for the target's address and the pace.
struct Prometheus {
    folder: TempDir,
    _process: Child,
}

impl Prometheus {
    fn start(usher: &Usher) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = fs::read_to_string(root().join("deploy/prometheus/prometheus.yml")).unwrap();
        let rules = root().join("deploy/prometheus/alerts.yml");
        let target = format!("targets: [\"{}\"]", usher.at().ops);
        for (from, to) in [
            ("targets: [\"usher:8082\"]", &*target),
            ("- alerts.yml", &format!("- {}", rules.display())),
            ("scrape_interval: 15s", "scrape_interval: 200ms"),
            ("evaluation_interval: 15s", "evaluation_interval: 200ms"),
        ] {
            assert!(config.contains(from), "{from} is not in\n{config}");
            config = config.replace(from, to);
        }
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config).unwrap();
        let mut command = Command::new(tool("prometheus", "prometheus"));
        command.arg("--config.file").arg(file).arg("--storage.tsdb.path").arg(folder.path().join("data"));
        command.arg("--web.listen-address=127.0.0.1:0").current_dir(folder.path());
        command.stdout(Stdio::null()).stderr(File::create(folder.path().join("log")).unwrap());
        Self { _process: command.kill_on_drop(true).spawn().unwrap(), folder }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Where it listens, which only its log tells.
    async fn address(&self) -> String {
        until("Prometheus listening", async || {
            let log = self.log();
            let line = log.lines().find(|line| line.contains("msg=\"Listening on\""))?;
            Some(line.split("address=").nth(1)?.trim().to_owned())
        })
        .await
    }

    /// `data` of an answer of its API.
    async fn data(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let base = format!("http://{}/api/v1/{path}", self.address().await);
        let url = Url::parse_with_params(&base, parameters).unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        answer(client.get(url)).await.body["data"].take()
    }

    /// Every alert as Prometheus has understood it, once each was judged with what was scraped.
    async fn alerts(&self) -> Vec<Value> {
        until("a scrape", async || {
            let up = self.data("query", &[("query", "up{job=\"usher\"} == 1")]).await;
            (up["result"].as_array()?.len() == 1).then_some(())
        })
        .await;
        until("every alert judged", async || {
            let groups = self.data("rules", &[("type", "alert")]).await["groups"].take();
            let rules = groups.as_array()?.iter().flat_map(|group| group["rules"].as_array().unwrap());
            let rules: Vec<_> = rules.cloned().collect();
            rules.iter().all(|rule| rule["health"] != "unknown").then_some(rules)
        })
        .await
    }
}

#[tokio::test]
async fn promtool_finds_no_fault_in_the_configuration_the_alerts_or_what_they_do() {
    for arguments in [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "tests.yml"],
    ] {
        let judged = promtool(&arguments, Stdio::null()).await;
        assert!(judged.is_ok(), "{arguments:?}: {}", judged.unwrap_err());
    }
}

#[tokio::test]
async fn promtool_finds_no_fault_in_the_metrics() {
    let (usher, _keys) = usher().await;
    let (_, text) = usher.ops("/metrics").await;
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.rewind().unwrap();
    let judged = promtool(&["check", "metrics"], file.into()).await;
    assert!(judged.is_ok(), "{}", judged.unwrap_err());
}

#[tokio::test]
async fn a_real_prometheus_scrapes_usher_and_judges_every_alert_of_a_healthy_node_as_quiet() {
    let (usher, _keys) = usher().await;
    let prometheus = Prometheus::start(&usher);
    for alert in prometheus.alerts().await {
        assert_eq!(alert["health"], "ok", "{alert}");
        assert_ne!(alert["state"], "firing", "{alert}");
    }
    let version = prometheus.data("query", &[("query", "usher_build_info")]).await;
    assert_eq!(version["result"][0]["metric"]["version"], env!("CARGO_PKG_VERSION"), "{version}");
}

#[tokio::test]
async fn every_alert_stands_on_series_and_labels_that_usher_has() {
    let (usher, _keys) = usher().await;
    let (_, text) = usher.ops("/metrics").await;
    let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).map(sample).collect();
    let prometheus = Prometheus::start(&usher);
    let (mut seen, mut faults) = (0, Vec::new());
    for alert in prometheus.alerts().await {
        let query = alert["query"].as_str().unwrap();
        for (name, matchers) in selectors(query) {
            seen += 1;
            let of_name: Vec<_> = samples.iter().filter(|(other, _)| *other == name).collect();
            if of_name.is_empty() {
                faults.push(format!("{}: there is no {name}", alert["name"]));
            }
            // Who scrapes gives the job.
            for (label, operator, values) in matchers.into_iter().filter(|(label, ..)| *label != "job") {
                for value in values.split('|') {
                    let is_it = |has: &str| operator.starts_with('!') || has == value;
                    let any =
                        of_name.iter().any(|(_, labels)| labels.get(label).is_some_and(|has| is_it(has)));
                    if !any {
                        faults.push(format!("{}: {name} never has {label}=\"{value}\"", alert["name"]));
                    }
                }
            }
        }
    }
    assert!(seen > 20 && faults.is_empty(), "{faults:#?}");
}

#[tokio::test]
async fn every_alert_has_a_severity_a_section_in_the_runbook_and_a_test_of_either_outcome() {
    let (usher, _keys) = usher().await;
    let alerts = Prometheus::start(&usher).alerts().await;
    assert!(alerts.len() > 15, "{alerts:?}");
    for alert in &alerts {
        let name = alert["name"].as_str().unwrap();
        assert!(["critical", "warning"].iter().any(|one| alert["labels"]["severity"] == *one), "{name}");
        assert_eq!(
            alert["annotations"]["runbook_url"],
            format!("docs/operations.md#{}", name.to_lowercase())
        );
        assert!(RUNBOOK.contains(&format!("\n### {name}\n")), "docs/operations.md has no section {name}");
        let expression = format!("alertname=\"{name}\",alertstate=\"firing\"");
        let outcomes = TESTS.split("- eval_time:").filter(|test| test.contains(&expression));
        let (quiet, firing): (Vec<_>, Vec<_>) = outcomes.partition(|test| test.contains("exp_samples: []"));
        assert!(!quiet.is_empty() && !firing.is_empty(), "tests.yml lacks an outcome of {name}");
    }
    let sections = RUNBOOK.lines().filter_map(|line| line.strip_prefix("### Usher"));
    for section in sections {
        assert!(alerts.iter().any(|alert| alert["name"] == format!("Usher{section}")), "no alert {section}");
    }
}

/// Every series that usher shows is told about in the operator's manual.
#[tokio::test]
async fn the_manual_tells_about_every_series() {
    let (usher, _keys) = usher().await;
    let (_, text) = usher.ops("/metrics").await;
    for name in text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next()) {
        assert!(RUNBOOK.contains(&format!("`{name}`")), "docs/operations.md says nothing of {name}");
    }
}

/// Name and labels of a line of the text format.
fn sample(line: &str) -> (&str, BTreeMap<&str, &str>) {
    let (series, _) = line.rsplit_once(' ').unwrap();
    let Some((name, labels)) = series.split_once('{') else { return (series, BTreeMap::new()) };
    let labels = labels.trim_end_matches('}').split("\",").filter_map(|label| label.split_once("=\""));
    (name, labels.map(|(label, value)| (label, value.trim_end_matches('"'))).collect())
}

/// Label, operator, value.
type Matcher<'a> = (&'a str, &'a str, &'a str);

/// The series that an expression selects by name, each with its matchers.
fn selectors(query: &str) -> Vec<(&str, Vec<Matcher<'_>>)> {
    let in_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let starts = query.match_indices("usher_").map(|(start, _)| start);
    let selector = |start: usize| {
        let rest = &query[start..];
        let (name, rest) = rest.split_at(rest.find(|c| !in_name(c)).unwrap_or(rest.len()));
        let inner =
            rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(inner, _)| inner);
        let matchers = inner.split("\",").filter_map(|matcher| {
            let (left, value) = matcher.split_once('"')?;
            let (label, operator) = left.trim().split_at(left.trim().find(|c| !in_name(c))?);
            Some((label, operator, value.trim_end_matches('"')))
        });
        (name, matchers.collect())
    };
    starts.map(selector).collect()
}
