//! Where a command reads a key document: a file, or a URL as the gateway would fetch it.

use std::fs::File;
use std::io::{self, Read as _};

use clap::Args;
use ipnet::IpNet;
use url::Url;

use crate::key_source::fetch::{Content, Fetch as _, FetchSettings, HttpFetcher};
use crate::key_source::guard::{GuardSettings, PlainHttp, SettingNames};

/// What a URL on the command line may reach beyond https to global addresses.
#[derive(Debug, Clone, Default, Args)]
pub struct NetworkArgs {
    /// A network that may be reached though its addresses aren't global; may be given several times.
    #[arg(long, value_name = "CIDR")]
    pub allow_network: Vec<IpNet>,
    /// Allow plain http.
    #[arg(long)]
    pub allow_http: bool,
}

/// Why there is no document.
#[derive(Debug)]
pub(super) enum NoDocument {
    /// The file can't be read, or what is named is neither a file nor a URL.
    Unreadable(String),
    /// The fetch failed: what happened and what to do.
    NotFetched(String, String),
}

/// Reads `source`, at most as many bytes as the gateway would.
pub(super) fn read(source: &str, network: &NetworkArgs) -> Result<Vec<u8>, NoDocument> {
    if source.starts_with("https://") || source.starts_with("http://") {
        let url = Url::parse(source);
        let url = url.map_err(|error| NoDocument::Unreadable(format!("{source} is no URL: {error}")))?;
        return fetch(&url, &settings(network));
    }
    let most = FetchSettings::default().max_document_bytes;
    let read = || -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        File::open(source)?.take(most as u64 + 1).read_to_end(&mut body)?;
        Ok(body)
    };
    match read() {
        Ok(body) if body.len() > most => {
            let action = "an endpoint may not serve more; list fewer keys".to_owned();
            Err(NoDocument::NotFetched(format!("the document is longer than {most} bytes"), action))
        }
        Ok(body) => Ok(body),
        Err(error) => Err(NoDocument::Unreadable(format!("{source} can't be read: {error}"))),
    }
}

fn settings(network: &NetworkArgs) -> FetchSettings {
    FetchSettings {
        guard: GuardSettings {
            allow_networks: network.allow_network.clone(),
            plain_http: if network.allow_http { PlainHttp::Anywhere } else { PlainHttp::Refused },
            names: SettingNames::OPTIONS,
        },
        ..FetchSettings::default()
    }
}

/// Fetches a document by these settings.
pub(super) fn fetch(url: &Url, settings: &FetchSettings) -> Result<Vec<u8>, NoDocument> {
    let internal = |error: &dyn std::fmt::Display| NoDocument::Unreadable(error.to_string());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| internal(&e))?;
    let fetched = runtime.block_on(async {
        let fetcher = HttpFetcher::new(settings).map_err(|error| internal(&error))?;
        let answer = fetcher.fetch(url, None).await;
        answer.map_err(|error| NoDocument::NotFetched(error.message, error.remedy.into_owned()))
    })?;
    match fetched.content {
        Content::Body(body) => Ok(body),
        Content::NotModified => Err(NoDocument::NotFetched(
            "the endpoint answered 304 to a request that asked nothing of the kind".to_owned(),
            "the endpoint must answer 200 with the document".to_owned(),
        )),
    }
}
