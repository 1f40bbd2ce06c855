//! Events are posted: signed, at least once, in order within a conversation, whatever the endpoint does.

mod kill;
mod manual;
mod parking;
mod posting;
mod receiver;
mod retrying;

use self::receiver::{Receiver, SECRET};
use crate::support::keys::KeyEndpoint;
use crate::support::setup::Setup;
use crate::support::usher::Usher;

/// A gateway that posts to this endpoint, named `crm`, with these lines in its `[[webhook]]`.
async fn posting_to(receiver: &Receiver, lines: &str) -> (Usher, KeyEndpoint) {
    posting_to_url(&receiver.url(), lines).await
}

async fn posting_to_url(url: &str, lines: &str) -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let lines = format!("id = \"crm\"\nsecret = \"{SECRET}\"\n{lines}");
    let setup = Setup::new().tenant("contoso", &keys.url()).webhook(url, &lines);
    (Usher::start(setup).await, keys)
}
