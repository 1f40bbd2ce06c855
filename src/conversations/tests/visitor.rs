//! Somebody comes in, or not: the real rules and the model's are asked alike.

use proptest::prelude::*;

use super::member::Member;
use super::model;
use super::run::Run;
use super::state::{Judged, No};
use super::steps::{After, Claim, Mode, Presented, Token, Visitor};
use super::translate::{credential, not_visited, standing};
use super::*;

impl Run<'_> {
    /// What the gateway's verdict would be, but for the signature and the claims.
    pub(super) fn judge(&self, node: usize, mode: Mode, presented: Presented) -> Judged {
        let is_past = |token: &Token| self.world.now() >= token.standing().ends;
        match presented {
            _ if mode == Mode::Off => Judged::Absent,
            Presented::Nothing => Judged::Absent,
            Presented::Malformed => Judged::Refused(No::Malformed),
            Presented::Token(token) if self.model.revoked[node].covers(&token.standing()) => {
                Judged::Refused(No::Revoked)
            }
            Presented::Token(token) if is_past(&token) => Judged::Expired(token),
            Presented::JudgedBefore(token)
                if self.model.revoked[node].covers(&token.standing()) && is_past(&token) =>
            {
                Judged::Expired(token)
            }
            Presented::Token(token) | Presented::JudgedBefore(token) => Judged::Valid(token),
        }
    }

    pub(super) async fn visit(&mut self, node: usize, visitor: Visitor) -> Checked {
        let (conversations, now) = (self.node(node), self.world.now());
        let mode = visitor.mode.unwrap_or(self.mode);
        let seen = self.model.seen[node];
        let live = match (visitor.claim, &self.key) {
            (Claim::Key, None) => return Ok(()),
            (Claim::Key, Some(key)) => {
                let begun = conversations.begun_with(key).await.unwrap();
                prop_assert_eq!(begun.is_some(), self.model.is_keyed(node, now), "what the key stands for");
                let Some(live) = begun else { return Ok(()) };
                live
            }
            _ => self.lives[node].clone(),
        };
        let judged = self.judge(node, mode, visitor.presented);
        let last = self.model.entries.len() as u64;
        let current = self.model.entries.last().map_or(0, |entry| entry.after.generation());
        let (claim, text) = match visitor.claim {
            Claim::Current => (model::Claim::Generation(current), self.resume_token(current)),
            Claim::Generation(other) => (model::Claim::Generation(other), self.resume_token(other)),
            Claim::Wrong => (model::Claim::Wrong, "wrong".to_owned()),
            Claim::Key => (model::Claim::Key, String::new()),
            Claim::Identity => (model::Claim::Identity, String::new()),
        };
        let after = match visitor.after {
            After::Nowhere => None,
            After::Before(entries) => Some(last.saturating_sub(entries)),
            After::PastTheEnd => Some(last + 1),
        };
        let widget = if visitor.elsewhere { "other".parse().unwrap() } else { self.place.widget.clone() };
        let asked = Visit {
            conversations: &conversations,
            live: &live,
            tenant: &self.place.tenant,
            widget: &widget,
            mode: translate::mode(mode),
            expired_for: Duration::from_millis(u64::try_from(model::EXPIRED_FOR).unwrap()),
            claim: match claim {
                model::Claim::Key => super::Claim::IdempotencyKey,
                model::Claim::Identity => super::Claim::Identity,
                _ => super::Claim::ResumeToken(&text),
            },
        };
        let (socket, client) = self.world.socket(mode == Mode::Required);
        let mut socket = Some(socket);
        let after = after.map(Sequence::new);
        let entered = match asked.knock().await {
            Ok(()) => asked.enter(credential(judged), after, &mut socket).await,
            Err(why) => Err(why),
        };
        let visit =
            model::Visit { here: !visitor.elsewhere, mode, claim, after: after.map_or(0, Sequence::get) };
        let expected = self.model.visit(node, now, visit, judged);
        let outcome = entered.as_ref().map(|_| ()).map_err(not_visited);
        prop_assert_eq!(outcome, expected.map(|_| ()), "who comes in");
        self.learn(node, seen);
        let Ok(visited) = entered else {
            prop_assert!(socket.is_some(), "a visitor who stays out keeps the socket");
            return Ok(());
        };
        self.join(node, visitor.dozes, visit.after, judged, visited, client)
    }

    /// Compares what a visitor was let in with, who is a member from now on.
    fn join(
        &mut self,
        node: usize,
        dozes: bool,
        after: u64,
        judged: Judged,
        visited: Visited,
        client: Widget,
    ) -> Checked {
        let known = self.model.known(node);
        prop_assert_eq!(visited.resume_token, self.resume_token(known.generation()), "the resume_token");
        prop_assert_eq!(visited.sequence.get(), self.model.seen[node] as u64, "the sequence of `resumed`");
        prop_assert_eq!(standing(&visited.authentication), known.standing, "the state that `resumed` shows");
        let presented = match judged {
            Judged::Valid(token) | Judged::Expired(token) => Some(token.standing().who),
            Judged::Absent | Judged::Refused(_) => None,
        };
        let mut member = Member::new(client, visited.live, node, after, presented);
        member.widget.past = Some(Sequence::new(after));
        member.dozes = dozes;
        if known.ended {
            member.goes = Some(1000);
        }
        self.members.push(member);
        Ok(())
    }

    fn resume_token(&self, generation: u32) -> String {
        self.world.nodes[0].resume_tokens().derive(self.place.id, generation)
    }
}
