//! A key endpoint that takes its time delays nobody but whoever waits for it.

use std::time::Duration;

use serde_json::json;

use crate::support::hostile_endpoint::{HostileEndpoint, Script};
use crate::support::keys::token;
use crate::support::setup::Setup;
use crate::support::usher::Usher;
use crate::support::widget::Widget;

#[tokio::test]
async fn what_is_said_reaches_a_widget_while_its_token_waits_for_keys() {
    let keys = HostileEndpoint::http(Script::SayAndHang(Vec::new())).await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    let (mut first, ticket) = Widget::start(&usher, "contoso/web").await;
    let (mut second, _) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    let token = token("customer-1", Duration::from_mins(10));
    second.send(json!({ "type": "authenticate", "token": token })).await;
    second.send(json!({ "type": "message", "id": "m2", "text": "in its turn" })).await;
    first.say("m1", "meanwhile").await;
    assert_eq!(second.expect("message").await["text"], "meanwhile");
    assert_eq!(second.expect_error("keys_unavailable").await["in_reply_to"], "authenticate");
    assert_eq!(second.expect("accepted").await["id"], "m2");
}
