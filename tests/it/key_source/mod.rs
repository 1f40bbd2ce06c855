//! The fetch of key documents over real sockets, from endpoints that mean harm or merely do it.

mod answers;
mod corpus;
mod environment;
mod hostile;
mod kept;
mod names;
mod redirects;
mod refetch;
mod scenarios;
mod scripted;
mod sockets;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use url::Url;
use usher::key_source::failure::{FailureKind, FetchError};
use usher::key_source::fetch::{Content, Fetch, FetchSettings, Fetched, HttpFetcher};
use usher::key_source::guard::{GuardSettings, PlainHttp, SettingNames};
use usher::key_source::resolve::{Addresses, Lookup};

use crate::support::hostile_endpoint;

/// Settings that reach 127.0.0.1, by plain http too, and are in no hurry.
fn settings() -> FetchSettings {
    FetchSettings {
        guard: GuardSettings {
            allow_networks: vec!["127.0.0.1/32".parse().unwrap()],
            plain_http: PlainHttp::Hosts(vec!["127.0.0.1".to_owned()]),
            names: SettingNames::KEYS,
        },
        connect_timeout: Duration::from_secs(30),
        fetch_timeout: Duration::from_mins(1),
        ..FetchSettings::default()
    }
}

/// Settings under which a fetch ends soon though the endpoint never does.
fn impatient() -> FetchSettings {
    FetchSettings { fetch_timeout: Duration::from_millis(300), ..settings() }
}

async fn fetch(settings: &FetchSettings, url: &str) -> Result<Fetched, FetchError> {
    HttpFetcher::new(settings).unwrap().fetch(&Url::parse(url).unwrap(), None).await
}

async fn failure(settings: &FetchSettings, url: &str) -> FailureKind {
    fetch(settings, url).await.unwrap_err().kind
}

fn body(fetched: Fetched) -> Vec<u8> {
    match fetched.content {
        Content::Body(body) => body,
        Content::NotModified => panic!("no body"),
    }
}

/// A resolver that gives each of its answers once, the last one for ever.
#[derive(Debug)]
struct Names {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Names {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        let answers = answers.iter().rev().map(parse).collect();
        Arc::new(Self { answers: Mutex::new(answers), asked: AtomicUsize::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Lookup for Names {
    fn lookup(&self, _name: String) -> BoxFuture<'static, Addresses> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop() } else { answers.last().cloned() };
        let addresses = answer.unwrap_or_default().into_iter().map(|address| SocketAddr::new(address, 0));
        Box::pin(std::future::ready(Ok(addresses.collect())))
    }
}
