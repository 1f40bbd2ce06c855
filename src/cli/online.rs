//! `usher check --online`: each tenant's keys, fetched as the gateway would.

use std::sync::Arc;

use crate::app::fetch_settings;
use crate::config::{KeysConfig, Tenant};
use crate::domain::keys;
use crate::key_source::fetch::{Content, Fetch as _, HttpFetcher};

use super::check::{KeysFound, KeysNotHad};

/// Fetches and reads a tenant's key document.
pub(super) async fn fetch_keys(tenant: Arc<Tenant>, config: KeysConfig) -> Result<KeysFound, KeysNotHad> {
    let no_keys = |message: String, remedy: &str| KeysNotHad { message, remedy: remedy.to_owned() };
    let url = tenant.public_key_url.as_ref();
    let url = url.ok_or_else(|| no_keys("it has no key endpoint".to_owned(), "Name its public_key_url"))?;
    let fetcher = HttpFetcher::new(&fetch_settings(&config));
    let fetcher = fetcher.map_err(|error| no_keys(error.to_string(), "Run the check on another machine"))?;
    let answer = fetcher.fetch(url, None).await;
    let answer = answer.map_err(|error| no_keys(error.message, &error.remedy))?;
    let Content::Body(body) = answer.content else {
        return Err(no_keys("it answered 304 to a request without an ETag".to_owned(), "Let it answer 200"));
    };
    match keys::parse(&body, tenant.policy.max_key_bits) {
        Ok(document) => Ok(KeysFound {
            usable: document.keys.len(),
            faults: document.faults.iter().map(ToString::to_string).collect(),
        }),
        Err(refused) => Err(no_keys(refused.to_string(), "See what usher keys inspect says of the document")),
    }
}
