//! The examples in `examples/routing-engine`, each against the real gateway: they do what they say, and neither their
//! own end nor the gateway's makes them do it twice or leave it out.

mod engine;

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use self::engine::{Engine, Language};
use crate::support::consumer::Consumer;
use crate::support::keys::{KeyEndpoint, token, token_saying};
use crate::support::setup::{ROUTER, Setup};
use crate::support::until;
use crate::support::usher::Usher;
use crate::support::widget::{Ticket, Widget};

/// Customers who all begin while the engine dies.
const CROWD: usize = 20;

#[tokio::test]
async fn the_engine_in_python_answers_once_whatever_dies() {
    a_day_of(Language::PYTHON).await;
}

#[tokio::test]
async fn the_engine_for_node_answers_once_whatever_dies() {
    a_day_of(Language::NODE).await;
}

/// What the tests look at.
struct Office {
    usher: Usher,
    consumer: Consumer,
    _keys: KeyEndpoint,
}

impl Office {
    /// A gateway whose consumer listener has the same address after a restart.
    async fn open() -> Self {
        let keys = KeyEndpoint::start().await;
        // Nothing else listens at this address of the machine: the port stays free until usher takes it.
        let address = TcpListener::bind("127.0.77.1:0").unwrap().local_addr().unwrap().to_string();
        let setup = Setup::new().tenant("contoso", &keys.url()).variable("USHER_LISTEN_CONSUMER", address);
        let usher = Usher::start(setup).await;
        Self { consumer: Consumer::new(&usher, ROUTER), usher, _keys: keys }
    }

    async fn until_somebody_reads(&self) {
        until("a reader", async || {
            let readers = self.usher.metric("usher_event_readers").await?;
            (readers > 0.0).then_some(())
        })
        .await;
    }

    /// Waits until the conversation has so many events of a kind; their data.
    async fn until_there_are(&self, count: usize, kind: &str, ticket: &Ticket) -> Vec<Value> {
        until(kind, async || {
            let events = self.consumer.events_of(&ticket.conversation, kind).await;
            (events.len() >= count).then(|| events.into_iter().map(|event| event["data"].clone()).collect())
        })
        .await
    }

    async fn until_in(&self, queue: &str, ticket: &Ticket) {
        until(queue, async || {
            let summary = self.consumer.summary(&ticket.conversation).await;
            (summary["queue"] == queue && summary["agent"].is_string()).then_some(())
        })
        .await;
    }

    /// What the engine said there.
    async fn greetings(&self, ticket: &Ticket) -> usize {
        let said = self.consumer.events_of(&ticket.conversation, "message").await;
        said.iter().filter(|event| event["data"]["from"] == "bot").count()
    }

    async fn greeted(&self, tickets: &[Ticket]) -> usize {
        let mut greeted = 0;
        for ticket in tickets {
            greeted += usize::from(self.greetings(ticket).await > 0);
        }
        greeted
    }

    async fn until_greeted(&self, tickets: &[Ticket], count: usize) {
        until("greetings", async || (self.greeted(tickets).await >= count).then_some(())).await;
    }

    /// What was said and asked in a conversation: what an engine must not do twice.
    async fn told(&self, ticket: &Ticket) -> Vec<Value> {
        let mut told = self.consumer.events_of(&ticket.conversation, "message").await;
        told.extend(self.consumer.events_of(&ticket.conversation, "authentication_requested").await);
        told
    }
}

async fn a_day_of(language: Language) {
    let mut office = Office::open().await;
    let folder = office.usher.setup().path().to_owned();
    let mut engine = Engine::start(language, &office.usher, &folder);
    office.until_somebody_reads().await;
    let began_at = until("a place", async || std::fs::read_to_string(place(&folder)).ok()).await;

    let mut tickets = vec![greets_and_asks_to_sign_in(&office).await];
    tickets.extend(routes_by_what_is_verified(&office).await);

    tickets.extend(crowd_while_the_engine_dies(&office, &mut engine).await);

    office.usher.restart().await;
    let (mut widget, late) = Widget::start(&office.usher, "contoso/web").await;
    say(&mut widget, "m1", "Is anybody back?").await;
    office.until_greeted(std::slice::from_ref(&late), 1).await;
    assert!(engine.is_alive(), "it outlives the gateway: {}", engine.log());
    tickets.push(late);

    // All of it once more: an engine whose place was not kept for a day repeats nothing that anybody sees.
    let mut before = Vec::new();
    for ticket in &tickets {
        assert_eq!(
            office.greetings(ticket).await,
            usize::from(said_anything(&office, ticket).await),
            "{ticket:?}"
        );
        before.push(office.told(ticket).await);
    }
    engine.kill().await;
    std::fs::write(place(&folder), began_at).unwrap();
    engine.start_again();
    say(&mut widget, "m2", "About my order").await;
    let last = tickets.last().unwrap();
    office.until_there_are(1, "authentication_requested", last).await;
    for (ticket, before) in tickets.iter().zip(&before).take(tickets.len() - 1) {
        assert_eq!(office.told(ticket).await, *before, "{ticket:?}");
    }
    assert_eq!(office.greetings(last).await, 1);
    let log = engine.log();
    assert!(!log.contains("Traceback") && !log.contains("Error:"), "{log}");
}

/// Says this in a conversation where others act meanwhile.
async fn say(widget: &mut Widget, id: &str, text: &str) {
    widget.send(json!({ "type": "message", "id": id, "text": text })).await;
    while widget.frame().await["type"] != "accepted" {}
}

/// Where the engine keeps how far it is.
fn place(folder: &Path) -> std::path::PathBuf {
    folder.join("engine.place")
}

async fn said_anything(office: &Office, ticket: &Ticket) -> bool {
    let said = office.consumer.events_of(&ticket.conversation, "message").await;
    said.iter().any(|event| event["data"]["from"] == "customer")
}

async fn greets_and_asks_to_sign_in(office: &Office) -> Ticket {
    let (mut widget, ticket) = Widget::start(&office.usher, "contoso/web").await;
    say(&mut widget, "m1", "Hello").await;
    office.until_greeted(std::slice::from_ref(&ticket), 1).await;
    say(&mut widget, "m2", "Where is my order?").await;
    let asked = office.until_there_are(1, "authentication_requested", &ticket).await;
    assert_eq!(asked[0]["message"], "Please sign in, so that we may talk about your order.");
    say(&mut widget, "m3", "No, thanks").await;
    office.until_in("general", &ticket).await;
    ticket
}

async fn routes_by_what_is_verified(office: &Office) -> Vec<Ticket> {
    let usher = &office.usher;
    let rich = json!({ "msdyn_cartvalue": "1000.01" });
    let vip = token_saying("customer-1", 1.0, 3600.0, &rich);
    let (_vip, vip) = Widget::sign_in(usher, "contoso/web", &vip).await;
    office.until_in("vip", &vip).await;
    let exactly = token_saying("customer-2", 1.0, 3600.0, &json!({ "msdyn_cartvalue": "1000" }));
    let (_poor, poor) = Widget::sign_in(usher, "contoso/web", &exactly).await;
    office.until_in("general", &poor).await;
    // The page says of itself that it is rich.
    let boast = json!({ "type": "start", "context": { "msdyn_cartvalue": "5000", "msdyn_isvip": "true" } });
    let (mut boaster, started) = Widget::open(usher, "contoso/web", boast).await;
    let claimed = Ticket::of(&started);
    office.until_in("general", &claimed).await;
    boaster.authenticate(&token("customer-3", Duration::from_hours(1))).await;
    office.until_there_are(1, "authenticated", &claimed).await;
    // What was taken back routes no longer, and is asked for.
    let revoked = office.consumer.post("/v1/revocations", &json!({ "conversation": vip.conversation })).await;
    assert_eq!(revoked.status, 201, "{revoked:?}");
    office.until_there_are(1, "downgraded", &vip).await;
    office.until_in("general", &vip).await;
    office.until_there_are(1, "authentication_requested", &vip).await;
    vec![vip, poor, claimed]
}

/// Everybody says a first word; in the midst of answering, the engine is killed.
async fn crowd_while_the_engine_dies(office: &Office, engine: &mut Engine) -> Vec<Ticket> {
    let (mut widgets, mut tickets) = (Vec::new(), Vec::new());
    for _ in 0..CROWD {
        let (mut widget, ticket) = Widget::start(&office.usher, "contoso/web").await;
        say(&mut widget, "m1", "Good day").await;
        widgets.push(widget);
        tickets.push(ticket);
    }
    office.until_greeted(&tickets, 3).await;
    engine.kill().await;
    // Said while nobody reads.
    let (mut widget, ticket) = Widget::start(&office.usher, "contoso/web").await;
    say(&mut widget, "m1", "Is nobody there?").await;
    tickets.push(ticket);
    engine.start_again();
    office.until_greeted(&tickets, CROWD + 1).await;
    tickets
}
