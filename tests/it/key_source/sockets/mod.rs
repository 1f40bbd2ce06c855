//! The scenarios about endpoints, caches and herds against the real program over real sockets: a key endpoint that
//! speaks as its scenario says, `usher serve` as a process of its own, and widgets that present the tokens.
//!
//! The scenarios' tokens are of one instant long past and their private keys are gone, so each scenario is
//! [recast](recast::Recast): the same documents, headers and claims, with keys made here and moved to now.

mod caches;
mod endpoints;
mod herds;
mod rebinding;
mod recast;
mod stage;

use std::collections::BTreeSet;

use super::corpus::lines;
use stage::{Stage, scenario};

/// How a scenario is played.
#[derive(Debug, Clone, Copy, Default)]
struct Direction {
    /// It begins so many seconds after its own first instant, where it would be long in coming to its point.
    begins: i64,
    /// Its last verdict, where the contract has another one.
    verdict: Option<&'static str>,
    /// The fetches that the contract allows, where they are more.
    fetches: Option<usize>,
}

const AS_WRITTEN: Direction = Direction { begins: 0, verdict: None, fetches: None };

/// Plays every step as it is written.
async fn play(id: &str, direction: Direction) {
    let mut steps = scenario(id);
    if let Some(verdict) = direction.verdict {
        steps.last_mut().unwrap()["expect"] = verdict.into();
    }
    if let Some(fetches) = direction.fetches {
        let limit = steps.iter_mut().find(|step| step["op"] == "assert_fetches").unwrap();
        limit["max"] = fetches.into();
    }
    let mut stage = Stage::of(&steps, direction.begins).await;
    for step in &steps {
        stage.play(step).await;
    }
}

/// Each test plays one scenario; `COVERED` is the list of them.
macro_rules! scenarios {
    ($($name:ident: $play:ident($id:literal $(, $how:expr)?);)+) => {
        /// The scenarios that have a test here.
        pub(super) const COVERED: &[&str] = &[$($id),+];
        $(
            #[tokio::test]
            async fn $name() {
                $play($id $(, $how)?).await;
            }
        )+
    };
}
use scenarios;

#[test]
fn every_scenario_of_endpoints_caches_and_herds_is_played_over_sockets() {
    let here = |id: &str| {
        ["endpoint/", "cache/", "herd/", "leak/metrics-"].iter().any(|group| id.starts_with(group))
    };
    let scenarios = lines("scenarios.jsonl");
    let written: BTreeSet<_> =
        scenarios.iter().map(|scenario| scenario["id"].as_str().unwrap()).filter(|id| here(id)).collect();
    let lists = [endpoints::COVERED, caches::COVERED, herds::COVERED, rebinding::COVERED];
    let played: Vec<_> = lists.concat();
    assert_eq!(played.iter().copied().collect::<BTreeSet<_>>(), written);
    assert_eq!(played.len(), written.len(), "a scenario is played twice");
}
