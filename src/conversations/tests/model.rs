//! The rules once more, as plainly as the widget protocol states them and as slowly as that is: what the journal
//! holds, what stood after each entry, and how much of it each node knows.

use super::state::{Doing, Entry, Fact, Judged, No, Revoked, Rules, Standing, State};
use super::steps::{Mode, NODES, Token};

/// How long a token whose time is up still opens an anonymous conversation of its identity.
pub(super) const EXPIRED_FOR: i64 = 60_000;
/// How long a key stands for its conversation.
const KEY_FOR: i64 = 600_000;

/// A visitor as the rules see one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visit {
    pub(super) here: bool,
    pub(super) mode: Mode,
    pub(super) claim: Claim,
    pub(super) after: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Claim {
    Generation(u32),
    Wrong,
    Key,
    Identity,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) entries: Vec<Entry>,
    /// How many entries each node knows, and what it takes for revoked.
    pub(super) seen: [usize; NODES],
    pub(super) revoked: [Revoked; NODES],
    /// The greatest `iat` accepted when the customer signed out while nobody was signed in.
    pub(super) noted: Option<i64>,
    pub(super) rules: Rules,
    /// The journal will not say that it has stored the next append.
    pub(super) answer_lost: bool,
}

impl Model {
    /// A node reads a conversation when somebody there needs it.
    pub(super) fn load(&mut self, node: usize) {
        if self.seen[node] == 0 {
            self.seen[node] = self.entries.len();
        }
    }

    /// Whether the key still stands for the conversation, as far as a node knows.
    pub(super) fn is_keyed(&mut self, node: usize, now: i64) -> bool {
        now < self.entries[0].at + KEY_FOR && {
            self.load(node);
            !self.known(node).ended
        }
    }

    pub(super) fn known(&self, node: usize) -> State {
        self.seen[node].checked_sub(1).map(|last| self.entries[last].after.clone()).unwrap_or_default()
    }

    pub(super) fn begin(&mut self, node: usize, now: i64, token: Option<&Token>, queue: &str) {
        let empty = State { queue: queue.to_owned(), ..State::default() };
        let mut after = token.map_or_else(|| empty.clone(), |token| empty.signed_in(token));
        if let (Some(queue), _) = self.rules.queue(&after) {
            after.queue = queue.to_owned();
        }
        self.store(now, vec![(Fact::Started, after)]);
        self.seen[node] = 1;
    }

    fn store(&mut self, now: i64, facts: Vec<(Fact, State)>) {
        let at = self.entries.last().map_or(now, |last| last.at.max(now));
        for (fact, mut after) in facts {
            after.at = at;
            let owner = self.entries.last().and_then(|last| last.after.owner.clone());
            after.owner = owner.or(after.owner);
            if let (None, Some(standing)) = (&after.owner, &after.standing) {
                after.owner = Some((standing.who.clone(), self.entries.len() as u64 + 1));
            }
            self.entries.push(Entry { at, fact, after });
        }
    }

    /// Does something on a node: the entries that it became, or why not. What was due is stored in any case.
    pub(super) fn act(&mut self, node: usize, now: i64, doing: &Doing) -> Result<usize, No> {
        self.load(node);
        loop {
            let known = self.known(node);
            let (facts, outcome) = self.decide(node, &known, now.max(known.at), doing);
            let count = facts.len();
            if count > 0 {
                let behind = self.seen[node] < self.entries.len();
                if !behind {
                    self.store(now, facts);
                }
                self.seen[node] = self.entries.len();
                match (std::mem::take(&mut self.answer_lost), behind) {
                    (true, true) => return Err(No::Unavailable),
                    (false, true) => continue,
                    (_, false) => {}
                }
            }
            return outcome.map(|()| count);
        }
    }

    fn decide(
        &self,
        node: usize,
        known: &State,
        at: i64,
        doing: &Doing,
    ) -> (Vec<(Fact, State)>, Result<(), No>) {
        let due = known.ended_by(at, &self.revoked[node]).and_then(|reason| known.downgraded(reason));
        let mut facts = due.map(|due| self.routed(due)).unwrap_or_default();
        let now = facts.last().map_or(known, |(_, after)| after).clone();
        match self.outcome(node, now, at, doing) {
            Ok(more) => {
                facts.extend(more.into_iter().flat_map(|more| self.routed(more)));
                (facts, Ok(()))
            }
            Err(no) => (facts, Err(no)),
        }
    }

    /// A fact, and the assignment that the rules make of it.
    fn routed(&self, (fact, after): (Fact, State)) -> Vec<(Fact, State)> {
        let asks = matches!(fact, Fact::SignedIn(_) | Fact::Downgraded(..) | Fact::Context);
        let queue = self.rules.queue(&after).0.filter(|queue| asks && !after.placed && *queue != after.queue);
        let moved = queue.map(|queue| {
            let after = State { queue: queue.to_owned(), ..after.clone() };
            (Fact::Assigned(Some(queue.to_owned())), after)
        });
        std::iter::once((fact, after)).chain(moved).collect()
    }

    fn outcome(
        &self,
        node: usize,
        mut now: State,
        at: i64,
        doing: &Doing,
    ) -> Result<Option<(Fact, State)>, No> {
        let repeated = repeatable(doing);
        if let Some((key, content)) = &repeated {
            match now.ids.get(key) {
                Some(same) if same == content => return Err(No::Stored),
                Some(_) => return Err(No::IdConflict),
                None => {}
            }
        }
        if now.ended {
            return if matches!(doing, Doing::Deadline) { Ok(None) } else { Err(No::Ended) };
        }
        now.ids.extend(repeated);
        let authenticated = now.standing.is_some();
        let must_be = |required: bool| {
            if required && !authenticated { Err(No::AuthenticationRequired) } else { Ok(()) }
        };
        let fact = match doing {
            Doing::Deadline => return Ok(None),
            Doing::SignIn(token) => return self.sign_in(node, &now, at, token).map(Some),
            Doing::SignOut => return Ok(now.downgraded("signed_out")),
            Doing::Revoke => return Ok(now.downgraded("revoked")),
            Doing::Idle => return Ok(now.downgraded("idle")),
            Doing::Say { by_customer, id, text, required } => {
                must_be(*required)?;
                let (id, text) = ((*id).to_owned(), (*text).to_owned());
                Fact::Said { by_customer: *by_customer, id, text, authenticated }
            }
            Doing::Request { .. } => Fact::Requested,
            Doing::SetContext { name, value, required } => {
                must_be(*required)?;
                let before = now.variables.clone();
                if !now.signed_ever.contains(*name) {
                    match value {
                        Some(value) => now.variables.insert((*name).to_owned(), ((*value).to_owned(), false)),
                        None => now.variables.remove(*name),
                    };
                }
                if now.variables == before {
                    return Ok(None);
                }
                Fact::Context
            }
            Doing::Read { by_customer, up_to } => {
                let last = self.seen[node] as u64;
                if !now.reads(*by_customer, *up_to, last, at)? {
                    return Ok(None);
                }
                Fact::Read { by_customer: *by_customer, up_to: *up_to }
            }
            Doing::Assign { queue, agent } => {
                let before = (now.queue.clone(), now.agent.clone());
                now.queue = queue.map_or(now.queue, str::to_owned);
                now.agent = agent.map(str::to_owned).or(now.agent);
                let is_first =
                    self.rules != Rules::None && !now.placed && (queue.is_some() || agent.is_some());
                if !is_first && (&now.queue, &now.agent) == (&before.0, &before.1) {
                    return Ok(None);
                }
                now.placed = true;
                Fact::Assigned(None)
            }
            Doing::End => {
                now.ended = true;
                Fact::Ended
            }
        };
        Ok(Some((fact, now)))
    }

    fn sign_in(&self, node: usize, now: &State, at: i64, token: &Token) -> Result<(Fact, State), No> {
        let standing = token.standing();
        if now.owner.as_ref().is_some_and(|(who, _)| *who != standing.who) {
            return Err(No::SubjectMismatch);
        }
        if self.is_barred(now, &standing) {
            return Err(No::Revoked);
        }
        let reason = match &now.standing {
            None => "token_presented",
            Some(held) if standing.issued > held.issued => "token_refreshed",
            Some(held) if standing.issued == held.issued && standing.ends > held.ends => "token_refreshed",
            Some(_) => return Err(No::Unchanged),
        };
        if self.revoked[node].covers(&standing) {
            return Err(No::Revoked);
        }
        if at >= standing.ends {
            return Err(No::Expired);
        }
        Ok((Fact::SignedIn(reason), now.signed_in(token)))
    }

    /// Whether the customer has signed out, or was revoked, since a token as old as this one was taken.
    fn is_barred(&self, now: &State, token: &Standing) -> bool {
        now.barred.max(self.noted).is_some_and(|until| token.issued <= until)
    }

    /// Signs out: where nobody was signed in, there is nothing to store, and still something to remember.
    pub(super) fn sign_out(&mut self, node: usize, now: i64) -> Result<usize, No> {
        let stored = self.act(node, now, &Doing::SignOut)?;
        let known = self.known(node);
        let new = &self.entries[self.seen[node] - stored..self.seen[node]];
        let signed_out = new.iter().any(|entry| matches!(entry.fact, Fact::Downgraded("signed_out", _)));
        if !signed_out && known.greatest > self.noted {
            self.noted = known.greatest;
            if std::mem::take(&mut self.answer_lost) {
                return Err(No::Unavailable);
            }
        }
        Ok(stored)
    }

    /// Judges a visitor on a node: whether the token signed in, or why the visitor stays out.
    pub(super) fn visit(&mut self, node: usize, now: i64, visit: Visit, token: Judged) -> Result<bool, No> {
        self.seen[node] = self.entries.len();
        let known = self.known(node);
        let claim = match visit.claim {
            Claim::Generation(generation) => generation == known.generation(),
            Claim::Wrong => false,
            Claim::Key => true,
            Claim::Identity => known.owner.is_some(),
        };
        if !visit.here || !claim || (visit.mode == Mode::Off && known.owner.is_some()) {
            return Err(No::Unknown);
        }
        self.act(node, now, &Doing::Deadline)?;
        let known = self.known(node);
        let required = visit.mode == Mode::Required;
        let of_the_owner = |token: &Token| {
            let standing = token.standing();
            if known.owner.as_ref().is_some_and(|(who, _)| *who != standing.who) {
                Err(No::SubjectMismatch)
            } else if self.is_barred(&known, &standing) {
                Err(No::AuthenticationRequired)
            } else if self.revoked[node].covers(&standing) {
                Err(No::Revoked)
            } else {
                Ok(())
            }
        };
        match token {
            Judged::Absent if required || known.owner.is_some() => return Err(No::AuthenticationRequired),
            Judged::Absent => {}
            Judged::Refused(no) => return Err(no),
            Judged::Valid(token) => of_the_owner(&token)?,
            Judged::Expired(token) => {
                of_the_owner(&token)?;
                let recent = now - token.standing().ends <= EXPIRED_FOR;
                if !recent || known.standing.is_some() || required || known.owner.is_none() {
                    return Err(No::Expired);
                }
            }
        }
        if visit.after > self.entries.len() as u64 {
            return Err(No::PastTheEnd);
        }
        match token {
            Judged::Valid(token) if !known.ended => match self.act(node, now, &Doing::SignIn(token)) {
                Ok(_) | Err(No::Unchanged) => Ok(true),
                Err(no) => Err(no),
            },
            _ => Ok(false),
        }
    }

    /// The entries that a socket of this node must have been told by now, of those after `after`; what consumers say
    /// while nobody is signed in waits where the widget is for signed-in customers only, and all that follows it.
    pub(super) fn told(&self, node: usize, after: u64, required: bool) -> Vec<u64> {
        self.told_of(self.seen[node], after, required)
    }

    pub(super) fn told_of(&self, known: usize, after: u64, required: bool) -> Vec<u64> {
        let entries = &self.entries[..known];
        let last = &entries[known - 1].after;
        let since = entries.iter().rposition(|entry| matches!(entry.fact, Fact::Downgraded(..)));
        let waits = |entry: &Entry| matches!(entry.fact, Fact::Said { by_customer: false, .. });
        let cut = if required && !last.ended && last.standing.is_none() {
            let since = since.unwrap_or_default();
            entries[since..].iter().position(waits).map_or(known, |first| since + first)
        } else {
            known
        };
        let is_shown = |number: &u64| {
            !matches!(entries[usize::try_from(*number).unwrap() - 1].fact, Fact::Started | Fact::Context)
        };
        (after + 1..=cut as u64).filter(is_shown).collect()
    }
}

/// Author and id of what may be sent again, and what is then compared. A program's requests and messages share ids.
fn repeatable(doing: &Doing) -> Option<((&'static str, String), String)> {
    match doing {
        Doing::Say { by_customer, id, text, .. } => {
            let author = if *by_customer { "customer" } else { "desk" };
            Some(((author, (*id).to_owned()), (*text).to_owned()))
        }
        Doing::Request { id } => Some((("desk", (*id).to_owned()), "a request".to_owned())),
        _ => None,
    }
}
