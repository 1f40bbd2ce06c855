//! The model's words and those of the program, one for the other.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::state::{self, Doing, Fact, Judged, No, Rules, Standing};
use super::steps::{Mode, Token};
use super::*;
use crate::config::AuthenticationMode;
use crate::domain::context::{
    ContextPolicy, Declared, Offered, Primitive, Source, Undeclared, Value, Variable, VariableType, Variables,
};
use crate::domain::conversation as real;
use crate::domain::conversation::{
    AuthenticationRequest, Author, Credential, EndedBy, MessageId, MessageText, NewMessage, NotAdmitted,
    Read, Reader, Role, SetContext,
};
use crate::domain::json::{Json, parse};
use crate::domain::queue::{Queue, Queues, Rule};
use crate::domain::token::{AuthenticationEnd, Reason, Refusal};
use crate::wire::{downgrade_reason, sign_in_reason};

/// The names of the token's variables, each with the same value.
fn signed(names: &[&str]) -> Variables {
    let variable = Variable {
        raw: Primitive::Text("signed".to_owned()),
        value: Value::Text("signed".to_owned()),
        source: Source::Token,
        displayable: true,
    };
    names.iter().map(|name| ((*name).to_owned(), variable.clone())).collect()
}

pub(super) fn customer(token: &Token) -> VerifiedCustomer {
    let (issued, ends) = (time(at(token.issued)), time(at(token.issued + token.life)));
    let customer = VerifiedCustomer::for_tests(token.subject, issued, ends, signed(token.signed))
        .issued_by(token.issuer, token.kid);
    if token.by_key { customer.ended_by_key() } else { customer }
}

pub(super) fn offered(name: &str, value: Option<&str>) -> Offered {
    let text = serde_json::json!({ name: value }).to_string();
    let policy = ContextPolicy { declared: std::collections::BTreeMap::new(), undeclared: Undeclared::Text };
    let Ok(Json::Object(context)) = parse(&text) else { panic!("{text} is an object") };
    Offered::read(&context, &policy)
}

/// The model's rules, written as a tenant would.
pub(super) fn queues(rules: Rules) -> Arc<Queues> {
    static WRITTEN: LazyLock<[Arc<Queues>; 3]> =
        LazyLock::new(|| [Rules::None, Rules::Two, Rules::TwoAndAll].map(|rules| Arc::new(written(rules))));
    WRITTEN[rules as usize].clone()
}

fn written(rules: Rules) -> Queues {
    let declared =
        ["tier", "page"].map(|name| (name.to_owned(), Declared { kind: VariableType::Text, signed: false }));
    let policy = ContextPolicy { declared: declared.into(), undeclared: Undeclared::Text };
    let rule = |text: &str| Rule::compile(text, &policy).unwrap();
    let queue = |name: &str, when| Queue { name: name.into(), when, priority: Some(7) };
    let mut listed = vec![
        queue("vip", Some(rule("authenticated && has(vars.tier)"))),
        queue("blue", Some(rule("claimed.page == 'blue'"))),
        queue("rest", None),
    ];
    match rules {
        Rules::None => return Queues::default(),
        Rules::Two => drop(listed.pop()),
        Rules::TwoAndAll => {}
    }
    Queues::new(listed)
}

pub(super) fn mode(mode: Mode) -> AuthenticationMode {
    match mode {
        Mode::Off => AuthenticationMode::Off,
        Mode::Optional => AuthenticationMode::Optional,
        Mode::Required => AuthenticationMode::Required,
    }
}

/// The event that does the same.
pub(super) fn event(doing: &Doing) -> Event {
    let desk = || "desk".parse().unwrap();
    match *doing {
        Doing::SignIn(token) => Event::SignIn(Box::new(customer(&token))),
        Doing::SignOut => Event::SignOut,
        Doing::Revoke => Event::Revoke,
        Doing::Idle => Event::Idle,
        Doing::Deadline => Event::Deadline,
        Doing::End => Event::End { by: EndedBy::Customer, reason: None },
        Doing::SetContext { name, value, required } => {
            Event::SetContext(SetContext { offered: offered(name, value), must_be_authenticated: required })
        }
        Doing::Say { by_customer, id, text, required } => {
            let author = if by_customer { Author::Customer } else { Author::consumer(desk(), Role::Agent) };
            Event::Message(NewMessage {
                author,
                id: MessageId::new(id).unwrap(),
                text: MessageText::new(text, 100).unwrap(),
                name: None,
                must_be_authenticated: required,
            })
        }
        Doing::Read { by_customer, up_to } => {
            let by = if by_customer { Reader::Customer } else { Reader::Agent };
            Event::Read(Read { by, up_to: Sequence::new(up_to) })
        }
        Doing::Request { id } => Event::RequestAuthentication(AuthenticationRequest {
            client: desk(),
            id: MessageId::new(id).unwrap(),
            message: None,
        }),
        Doing::Assign { queue, agent } => {
            Event::Assign(Assign { queue: queue.map(Into::into), agent: agent.map(str::to_owned) })
        }
    }
}

/// What the rules said, in the model's words.
pub(super) fn no(error: CommandError) -> No {
    let CommandError::Refused(refusal) = error else { return No::Unavailable };
    match refusal {
        InvalidTransition::ConversationEnded => No::Ended,
        InvalidTransition::AuthenticationRequired => No::AuthenticationRequired,
        InvalidTransition::SubjectMismatch => No::SubjectMismatch,
        InvalidTransition::TokenExpired => No::Expired,
        InvalidTransition::Revoked => No::Revoked,
        InvalidTransition::Unchanged => No::Unchanged,
        InvalidTransition::PastTheEnd => No::PastTheEnd,
        InvalidTransition::TooSoon { .. } => No::TooSoon,
        InvalidTransition::AlreadyStored { .. } => No::Stored,
        InvalidTransition::IdConflict => No::IdConflict,
        InvalidTransition::AlreadyStarted | InvalidTransition::NotStarted => panic!("{refusal:?}"),
    }
}

pub(super) fn not_visited(why: &NotVisited) -> No {
    match why {
        NotVisited::Unknown => No::Unknown,
        NotVisited::PastTheEnd => No::PastTheEnd,
        NotVisited::Command(error) => no(*error),
        NotVisited::NotAdmitted { why, .. } => match why {
            NotAdmitted::AuthenticationRequired => No::AuthenticationRequired,
            NotAdmitted::SubjectMismatch => No::SubjectMismatch,
            NotAdmitted::Refused(refusal) => match refusal.reason {
                Reason::Revoked => No::Revoked,
                Reason::Expired => No::Expired,
                _ => No::Malformed,
            },
        },
    }
}

pub(super) fn credential(judged: Judged) -> Credential {
    match judged {
        Judged::Absent => Credential::Absent,
        Judged::Valid(token) => Credential::Valid(Box::new(customer(&token))),
        Judged::Expired(token) => Credential::Refused(Box::new(Refusal::expired_of_tests(&customer(&token)))),
        Judged::Refused(No::Revoked) => Credential::Refused(Box::new(Refusal::revoked())),
        Judged::Refused(_) => Credential::Refused(Box::new(Refusal::keys_unavailable(None))),
    }
}

pub(super) fn standing(authentication: &Authentication) -> Option<Standing> {
    match authentication {
        Authentication::Anonymous => None,
        Authentication::Authenticated(held) => Some(standing_of(held)),
    }
}

fn standing_of(held: &real::Authenticated) -> Standing {
    Standing {
        who: format!("{}@{}", held.identity.subject, held.identity.issuer),
        issued: held.issued_at.millis(),
        ends: held.expires_at.millis(),
        by_key: held.ends_by == AuthenticationEnd::KeyExpired,
        kid: held.kid.as_deref().unwrap_or_default().to_owned(),
    }
}

pub(super) fn fact(fact: &real::Fact) -> Fact {
    match fact {
        real::Fact::Started(_) => Fact::Started,
        real::Fact::Authenticated(signed_in) => Fact::SignedIn(sign_in_reason(signed_in.reason)),
        real::Fact::Downgraded(downgraded) => {
            Fact::Downgraded(downgrade_reason(downgraded.reason), standing_of(&downgraded.previous))
        }
        real::Fact::Context(_) => Fact::Context,
        real::Fact::Message(said) => Fact::Said {
            by_customer: said.author == Author::Customer,
            id: said.id.as_str().to_owned(),
            text: said.text.as_str().to_owned(),
            authenticated: said.authenticated,
        },
        real::Fact::Read(read) => {
            Fact::Read { by_customer: read.by == Reader::Customer, up_to: read.up_to.get() }
        }
        real::Fact::AuthenticationRequested(_) => Fact::Requested,
        real::Fact::Assigned(assignment) => {
            assert_eq!(assignment.rule.is_some(), assignment.priority.is_some(), "{assignment:?}");
            Fact::Assigned(assignment.rule.as_deref().map(str::to_owned))
        }
        real::Fact::Ended(_) => Fact::Ended,
    }
}

pub(super) fn compare_state(
    conversation: &real::Conversation,
    sequence: u64,
    known: &state::State,
) -> Checked {
    prop_assert_eq!(conversation.sequence().get(), sequence, "how much the node knows");
    prop_assert_eq!(standing(conversation.authentication()), known.standing.clone());
    prop_assert_eq!(conversation.is_open(), !known.ended);
    prop_assert_eq!(conversation.generation(), known.generation());
    let identity = conversation.identity().map(|who| format!("{}@{}", who.subject, who.issuer));
    prop_assert_eq!(identity, known.owner.as_ref().map(|(who, _)| who.clone()));
    let variables: state::Variables = conversation
        .variables()
        .iter()
        .map(|(name, one)| (name.clone(), (one.raw.as_text().to_owned(), one.source == Source::Token)))
        .collect();
    prop_assert_eq!(variables, known.variables.clone());
    prop_assert_eq!(conversation.signed_names(), &known.signed_ever);
    prop_assert_eq!(&*conversation.assignment().queue, known.queue.as_str());
    prop_assert_eq!(&conversation.assignment().agent, &known.agent);
    let ends = known.standing.as_ref().filter(|_| !known.ended).map(|standing| time(standing.ends));
    prop_assert_eq!(conversation.next_deadline(), ends);
    Ok(())
}
