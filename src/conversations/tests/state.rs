//! What the model knows: entries, what stands after each, tokens, what can be done and why not.

use std::collections::{BTreeMap, BTreeSet};

use super::at;
use super::steps::Token;

/// Who is signed in and until when, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) who: String,
    pub(super) issued: i64,
    pub(super) ends: i64,
    pub(super) by_key: bool,
    pub(super) kid: String,
}

/// Name, value, and whether a token gave it.
pub(super) type Variables = BTreeMap<String, (String, bool)>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact {
    Started,
    SignedIn(&'static str),
    Downgraded(&'static str, Standing),
    Context,
    Said {
        by_customer: bool,
        id: String,
        text: String,
        authenticated: bool,
    },
    Read {
        by_customer: bool,
        up_to: u64,
    },
    Requested,
    /// By this rule, or by a consumer.
    Assigned(Option<String>),
    Ended,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) at: i64,
    pub(super) fact: Fact,
    pub(super) after: State,
}

/// What stands after an entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct State {
    pub(super) ended: bool,
    pub(super) at: i64,
    pub(super) standing: Option<Standing>,
    /// Whose it is for good, and the entry that made it so.
    pub(super) owner: Option<(String, u64)>,
    pub(super) variables: Variables,
    pub(super) signed_ever: BTreeSet<String>,
    pub(super) queue: String,
    pub(super) agent: Option<String>,
    /// Whether a consumer has put it somewhere.
    pub(super) placed: bool,
    pub(super) greatest: Option<i64>,
    pub(super) barred: Option<i64>,
    pub(super) read: [Option<(u64, i64)>; 2],
    pub(super) ids: BTreeMap<(&'static str, String), String>,
}

/// Tokens that are revoked.
#[derive(Debug, Clone, Default)]
pub(super) struct Revoked {
    pub(super) kid: Option<&'static str>,
    pub(super) customer: Option<(&'static str, i64)>,
    pub(super) everyone: Option<i64>,
}

/// Something to be done.
#[derive(Debug, Clone)]
pub(super) enum Doing {
    SignIn(Token),
    SignOut,
    Revoke,
    Idle,
    SetContext { name: &'static str, value: Option<&'static str>, required: bool },
    Say { by_customer: bool, id: &'static str, text: &'static str, required: bool },
    Read { by_customer: bool, up_to: u64 },
    Request { id: &'static str },
    Assign { queue: Option<&'static str>, agent: Option<&'static str> },
    End,
    Deadline,
}

/// Why something was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum No {
    Ended,
    AuthenticationRequired,
    SubjectMismatch,
    Expired,
    Revoked,
    Malformed,
    Unchanged,
    PastTheEnd,
    TooSoon,
    Stored,
    IdConflict,
    Unknown,
    Unavailable,
}

/// A token that was judged.
#[derive(Debug, Clone, Copy)]
pub(super) enum Judged {
    Absent,
    Valid(Token),
    Expired(Token),
    Refused(No),
}

impl Token {
    pub(super) fn standing(&self) -> Standing {
        let (issued, ends) = (at(self.issued), at(self.issued + self.life));
        let who = format!("{}@{}", self.subject, self.issuer);
        Standing { who, issued, ends, by_key: self.by_key, kid: self.kid.to_owned() }
    }
}

impl Revoked {
    pub(super) fn covers(&self, token: &Standing) -> bool {
        self.kid.is_some_and(|kid| kid == token.kid)
            || self.everyone.is_some_and(|before| token.issued < at(before))
            || self.customer.is_some_and(|(who, before)| who == token.who && token.issued < at(before))
    }
}

/// The rules of a story's tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Rules {
    /// It has none.
    #[default]
    None,
    /// Two: those signed in with a signed tier, and those whose page is blue. The second fails without a page.
    Two,
    /// The same two, and a queue that takes all others.
    TwoAndAll,
}

impl Rules {
    /// The queue for what stands, and how many rules failed on the way.
    pub(super) fn queue(self, state: &State) -> (Option<&'static str>, u64) {
        let signed_in = state.standing.is_some();
        let tier = state.variables.get("tier").is_some_and(|(_, signed)| *signed);
        let page = state.variables.get("page").map(|(value, _)| value.as_str());
        match (self, page) {
            (Self::None, _) => (None, 0),
            _ if signed_in && tier => (Some("vip"), 0),
            (_, Some("blue")) => (Some("blue"), 0),
            (Self::TwoAndAll, page) => (Some("rest"), page.is_none().into()),
            (Self::Two, page) => (None, page.is_none().into()),
        }
    }
}

impl State {
    pub(super) fn generation(&self) -> u32 {
        u32::from(self.owner.is_some())
    }

    pub(super) fn ended_by(&self, at: i64, revoked: &Revoked) -> Option<&'static str> {
        let standing = self.standing.as_ref().filter(|_| !self.ended)?;
        match (at >= standing.ends, standing.by_key) {
            (true, true) => Some("key_expired"),
            (true, false) => Some("token_expired"),
            (false, _) => revoked.covers(standing).then_some("revoked"),
        }
    }

    /// What stands after a fact, but for the entry that it becomes.
    pub(super) fn downgraded(&self, reason: &'static str) -> Option<(Fact, Self)> {
        let mut after = self.clone();
        let ended = after.standing.take()?;
        if matches!(reason, "revoked" | "signed_out") {
            after.barred = after.barred.max(after.greatest);
        }
        Some((Fact::Downgraded(reason, ended), after))
    }

    pub(super) fn signed_in(&self, token: &Token) -> Self {
        let mut after = self.clone();
        let standing = token.standing();
        after.greatest = after.greatest.max(Some(standing.issued));
        after.variables.retain(|_, (_, signed)| !*signed);
        for name in token.signed {
            after.variables.insert((*name).to_owned(), ("signed".to_owned(), true));
            after.signed_ever.insert((*name).to_owned());
        }
        after.standing = Some(standing);
        after
    }

    /// Notes how far a side has read; whether that is news.
    pub(super) fn reads(&mut self, by_customer: bool, up_to: u64, last: u64, at: i64) -> Result<bool, No> {
        if up_to > last {
            return Err(No::PastTheEnd);
        }
        let held = &mut self.read[usize::from(by_customer)];
        if up_to <= held.map_or(0, |(held, _)| held) {
            return Ok(false);
        }
        if held.is_some_and(|(_, noted)| at < noted + 1000) {
            return Err(No::TooSoon);
        }
        *held = Some((up_to, at));
        Ok(true)
    }
}
