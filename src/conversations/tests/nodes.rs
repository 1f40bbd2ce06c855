//! What one node stores, another learns before it lets anybody in or shows anything.

use super::state::No;
use super::translate::{no, not_visited};
use super::*;
use crate::config::AuthenticationMode;
use crate::domain::context::Variables;
use crate::domain::conversation::Credential;

/// A conversation of node 0 that node 1 knows as well, with a socket of each.
struct Chat {
    world: World,
    begun: Begun,
    there: Arc<Live>,
}

impl Chat {
    async fn begin(token: Option<VerifiedCustomer>) -> Self {
        let world = World::open();
        let (tenant, widget) = ("contoso".parse().unwrap(), "web".parse().unwrap());
        let (socket, _client) = world.socket(false);
        let start = Start::new(token, "default".into());
        let begun = world.nodes[0].start(tenant, widget, start, None, &mut Some(socket)).await.unwrap();
        let there = world.nodes[1].get(begun.live.id());
        drop(there.lock().await.unwrap().unwrap());
        Self { world, begun, there }
    }

    /// A visitor of node 1.
    async fn visit(
        &self,
        resume_token: &str,
        credential: Credential,
        after: Option<u64>,
    ) -> Result<(Visited, Widget), NotVisited> {
        let (tenant, widget) = ("contoso".parse().unwrap(), "web".parse().unwrap());
        let visit = Visit {
            conversations: &self.world.nodes[1],
            live: &self.there,
            tenant: &tenant,
            widget: &widget,
            mode: AuthenticationMode::Optional,
            expired_for: Duration::from_hours(24),
            claim: Claim::ResumeToken(resume_token),
        };
        let (socket, client) = self.world.socket(false);
        visit.knock().await?;
        let visited = visit.enter(credential, after.map(Sequence::new), &mut Some(socket)).await?;
        Ok((visited, client))
    }

    async fn here(&self, event: &Event) {
        self.begun.live.lock().await.unwrap().unwrap().execute(event, None).await.unwrap();
    }

    async fn take(&self, client: &mut Widget, after: u64) {
        client.past = Some(Sequence::new(after));
        client.take(&self.world.journal, &self.there).await;
    }
}

fn ada(issued: i64) -> VerifiedCustomer {
    VerifiedCustomer::for_tests("ada", time(at(issued)), time(at(1000)), Variables::new())
}

fn sign_in(issued: i64) -> Event {
    Event::SignIn(Box::new(ada(issued)))
}

fn credential(issued: i64) -> Credential {
    Credential::Valid(Box::new(ada(issued)))
}

#[tokio::test]
async fn after_a_first_sign_in_elsewhere_the_old_resume_token_opens_nothing_and_the_new_one_does() {
    let chat = Chat::begin(None).await;
    chat.here(&sign_in(0)).await;
    let old = &chat.begun.resume_token;
    assert!(matches!(chat.visit(old, Credential::Absent, None).await, Err(NotVisited::Unknown)));
    let chat = Chat::begin(None).await;
    chat.here(&sign_in(0)).await;
    let new = chat.world.nodes[0].resume_tokens().derive(chat.begun.live.id(), 1);
    let (visited, _client) = chat.visit(&new, credential(0), None).await.unwrap();
    assert_eq!((visited.resume_token, visited.sequence.get()), (new, 2));
}

#[tokio::test]
async fn a_visitor_has_seen_what_another_node_stored() {
    let chat = Chat::begin(None).await;
    chat.here(&Event::Assign(Assign { queue: Some("vip".into()), agent: None })).await;
    let visited = chat.visit(&chat.begun.resume_token, Credential::Absent, Some(2)).await;
    assert_eq!(visited.unwrap().0.sequence.get(), 2, "`after` is not past the end");
}

#[tokio::test]
async fn whoever_is_coming_back_while_another_node_signs_the_customer_in_stays_out() {
    for (claim, why) in [
        (None, No::Unknown),
        (Some(Claim::IdempotencyKey), No::AuthenticationRequired),
        (Some(Claim::Identity), No::AuthenticationRequired),
    ] {
        let chat = Chat::begin(None).await;
        chat.here(&Event::Disconnect).await;
        let mut locked = chat.there.lock().await.unwrap().unwrap();
        locked.catch_up_with_journal().await.unwrap();
        // Judged by now, and not back yet.
        chat.here(&sign_in(0)).await;
        let (tenant, widget) = ("contoso".parse().unwrap(), "web".parse().unwrap());
        let visit = Visit {
            conversations: &chat.world.nodes[1],
            live: &chat.there,
            tenant: &tenant,
            widget: &widget,
            mode: AuthenticationMode::Optional,
            expired_for: Duration::from_hours(24),
            claim: claim.unwrap_or(Claim::ResumeToken(&chat.begun.resume_token)),
        };
        let outcome = visit.reconnect(&mut locked).await;
        assert_eq!(outcome.map_err(|error| not_visited(&error)), Err(why), "{claim:?}");
    }
}

#[tokio::test]
async fn a_replay_closes_a_socket_that_another_node_has_put_out_and_shows_nothing() {
    let chat = Chat::begin(None).await;
    let (_, mut client) = chat.visit(&chat.begun.resume_token, Credential::Absent, None).await.unwrap();
    chat.here(&sign_in(0)).await;
    chat.take(&mut client, 0).await;
    assert_eq!(client.closed, Some(4004));
    assert!(client.shown.is_empty(), "{:?}", client.shown);
}

#[tokio::test]
async fn a_sign_out_closes_the_sockets_of_every_node() {
    let chat = Chat::begin(Some(ada(0))).await;
    let (visited, mut client) = chat.visit(&chat.begun.resume_token, credential(1), None).await.unwrap();
    chat.take(&mut client, visited.sequence.get()).await;
    chat.begun.live.lock().await.unwrap().unwrap().sign_out().await.unwrap();
    assert_eq!(client.closed, None);
    chat.there.lock().await.unwrap().unwrap().catch_up_with_journal().await.unwrap();
    client.take(&chat.world.journal, &chat.there).await;
    assert_eq!(client.closed, Some(4504));
}

#[tokio::test]
async fn a_sign_out_that_found_nobody_signed_in_bars_the_older_tokens_on_every_node() {
    let chat = Chat::begin(Some(ada(10))).await;
    let (visited, mut client) = chat.visit(&chat.begun.resume_token, credential(10), None).await.unwrap();
    chat.take(&mut client, visited.sequence.get()).await;
    chat.here(&Event::Idle).await;
    chat.begun.live.lock().await.unwrap().unwrap().sign_out().await.unwrap();
    for (issued, taken) in [(9, false), (10, false), (11, true)] {
        let mut there = chat.there.lock().await.unwrap().unwrap();
        let signed_in = there.sign_in(Box::new(ada(issued)), client.id).await;
        let expected = if taken { Ok(()) } else { Err(No::Revoked) };
        assert_eq!(signed_in.map_err(no), expected, "iat {issued}");
    }
}
