//! What can happen to a conversation, and what is tried at random.

use proptest::prelude::*;

use super::state::Rules;

/// Nodes that share the journal.
pub(super) const NODES: usize = 2;
/// The most steps of one story.
const STEPS_MAX: usize = 40;

/// What a widget asks of its customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Off,
    Optional,
    Required,
}

/// A token of a customer; its times are seconds after the beginning of all stories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) subject: &'static str,
    pub(super) issuer: &'static str,
    pub(super) issued: i64,
    pub(super) life: i64,
    /// Whether its key ends before it.
    pub(super) by_key: bool,
    pub(super) kid: &'static str,
    /// The names of its variables.
    pub(super) signed: &'static [&'static str],
}

/// What comes with a frame in the place of a token.
#[derive(Debug, Clone, Copy)]
pub(super) enum Presented {
    Nothing,
    /// A token that is judged now.
    Token(Token),
    /// One that was judged just before its time ran out, or before it was revoked.
    JudgedBefore(Token),
    /// Rubbish.
    Malformed,
}

/// How a visitor knows the conversation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Claim {
    /// By its `resume_token`.
    Current,
    /// By one that was in force before, or never.
    Generation(u32),
    /// By something else.
    Wrong,
    Key,
    Identity,
}

/// Where a visitor says to have been.
#[derive(Debug, Clone, Copy)]
pub(super) enum After {
    Nowhere,
    /// So many entries before the end.
    Before(u64),
    PastTheEnd,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Visitor {
    pub(super) claim: Claim,
    pub(super) presented: Presented,
    pub(super) mode: Option<Mode>,
    pub(super) after: After,
    pub(super) elsewhere: bool,
    pub(super) dozes: bool,
}

/// What the customer does on a socket.
#[derive(Debug, Clone, Copy)]
pub(super) enum Deed {
    Authenticate(Presented),
    Say {
        id: &'static str,
        text: &'static str,
    },
    SetContext {
        name: &'static str,
        value: Option<&'static str>,
    },
    Read {
        back: u64,
    },
    SignOut,
    End,
    Leave,
    /// It takes nothing more from its queue, until it wakes.
    Doze,
    Wake,
}

/// What consumers, operators and the time do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Deal {
    Say {
        id: &'static str,
        text: &'static str,
    },
    Request {
        id: &'static str,
    },
    Read {
        back: u64,
    },
    Assign {
        queue: Option<&'static str>,
        agent: Option<&'static str>,
    },
    Revoke,
    Idle,
    Deadline,
    End,
    /// What is revoked from now on, as this node knows it.
    Revocations {
        kid: Option<&'static str>,
        customer: Option<(&'static str, i64)>,
        everyone: Option<i64>,
    },
    Restart,
}

/// How the clock moves, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tick {
    By(i64),
    /// To so much after the end of the authentication that stands.
    ToTheEnd(i64),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Visit {
        node: usize,
        visitor: Visitor,
    },
    On {
        socket: usize,
        deed: Deed,
    },
    At {
        node: usize,
        deal: Deal,
    },
    Clock(Tick),
    /// The journal stores the next append and doesn't say so.
    AnswerLost,
}

/// A conversation from its beginning on.
#[derive(Debug, Clone)]
pub(super) struct Story {
    pub(super) mode: Mode,
    pub(super) token: Option<Token>,
    pub(super) keyed: bool,
    pub(super) rules: Rules,
    pub(super) steps: Vec<Step>,
}

fn tokens() -> impl Strategy<Value = Token> {
    let customer = prop_oneof![
        8 => Just(("ada", "contosohelp.com")),
        1 => Just(("bob", "contosohelp.com")),
        1 => Just(("ada", "elsewhere.example")),
    ];
    let life = prop_oneof![Just(20_i64), Just(40), Just(100), Just(1000)];
    let signed: [&[&str]; 3] = [&[], &["tier"], &["tier", "cart"]];
    (customer, 0..8_i64, life, prop::bool::weighted(0.2), prop::bool::ANY, 0..3_usize).prop_map(
        move |((subject, issuer), issued, life, by_key, other_key, signed_as)| Token {
            subject,
            issuer,
            issued: issued * 10,
            life,
            by_key,
            kid: if other_key { "b" } else { "a" },
            signed: signed[signed_as],
        },
    )
}

fn presented() -> impl Strategy<Value = Presented> {
    prop_oneof![
        2 => Just(Presented::Nothing),
        8 => tokens().prop_map(Presented::Token),
        2 => tokens().prop_map(Presented::JudgedBefore),
        1 => Just(Presented::Malformed),
    ]
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![1 => Just(Mode::Off), 6 => Just(Mode::Optional), 3 => Just(Mode::Required)]
}

fn visits() -> impl Strategy<Value = Step> {
    let claim = prop_oneof![
        8 => Just(Claim::Current),
        2 => (0..3_u32).prop_map(Claim::Generation),
        1 => Just(Claim::Wrong),
        2 => Just(Claim::Key),
        2 => Just(Claim::Identity),
    ];
    let after = prop_oneof![
        4 => Just(After::Nowhere),
        4 => (0..6_u64).prop_map(After::Before),
        1 => Just(After::PastTheEnd),
    ];
    let mode = prop_oneof![6 => Just(None), 1 => modes().prop_map(Some)];
    let visitor = (claim, presented(), mode, after, prop::bool::weighted(0.05), prop::bool::weighted(0.3))
        .prop_map(|(claim, presented, mode, after, elsewhere, dozes)| Visitor {
            claim,
            presented,
            mode,
            after,
            elsewhere,
            dozes,
        });
    (0..NODES, visitor).prop_map(|(node, visitor)| Step::Visit { node, visitor })
}

fn ids() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["1", "2", "3", "4", "5", "6"])
}

fn texts() -> impl Strategy<Value = &'static str> {
    prop_oneof![5 => Just("hello"), 1 => Just("good-bye")]
}

fn deeds() -> impl Strategy<Value = Deed> {
    let name = prop::sample::select(vec!["tier", "cart", "page"]);
    let value = prop_oneof![Just(None), Just(Some("blue")), Just(Some("red"))];
    prop_oneof![
        8 => presented().prop_map(Deed::Authenticate),
        6 => (ids(), texts()).prop_map(|(id, text)| Deed::Say { id, text }),
        2 => (name, value).prop_map(|(name, value)| Deed::SetContext { name, value }),
        2 => (0..4_u64).prop_map(|back| Deed::Read { back }),
        2 => Just(Deed::SignOut),
        1 => Just(Deed::Leave),
        3 => Just(Deed::Doze),
        3 => Just(Deed::Wake),
    ]
}

fn deals() -> impl Strategy<Value = Deal> {
    let before = || prop::option::weighted(0.2, (0..8_i64).prop_map(|tens| tens * 10 + 1));
    let kid = prop::option::weighted(0.6, prop::sample::select(vec!["a", "b"]));
    let revocations = (kid, before(), before()).prop_map(|(kid, customer, everyone)| Deal::Revocations {
        kid,
        customer: customer.map(|before| ("ada@contosohelp.com", before)),
        everyone,
    });
    let queue = prop::option::of(prop::sample::select(vec!["default", "vip"]));
    let agent = prop::option::of(prop::sample::select(vec!["kim", "lee"]));
    prop_oneof![
        8 => (ids(), texts()).prop_map(|(id, text)| Deal::Say { id, text }),
        1 => ids().prop_map(|id| Deal::Request { id }),
        1 => (0..4_u64).prop_map(|back| Deal::Read { back }),
        1 => (queue, agent).prop_map(|(queue, agent)| Deal::Assign { queue, agent }),
        2 => Just(Deal::Revoke),
        2 => Just(Deal::Idle),
        4 => Just(Deal::Deadline),
        4 => revocations,
        2 => Just(Deal::Restart),
    ]
}

fn ticks() -> impl Strategy<Value = Tick> {
    prop_oneof![
        6 => (0..5_i64).prop_map(|tens| Tick::By(tens * 5000)),
        1 => Just(Tick::By(1)),
        1 => Just(Tick::By(999)),
        1 => Just(Tick::By(1000)),
        2 => Just(Tick::By(-20_000)),
        1 => Just(Tick::By(600_000)),
        6 => (-1..=1_i64).prop_map(Tick::ToTheEnd),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        30 => visits(),
        40 => (0..6_usize, deeds()).prop_map(|(socket, deed)| Step::On { socket, deed }),
        25 => (0..NODES, deals()).prop_map(|(node, deal)| Step::At { node, deal }),
        20 => ticks().prop_map(Step::Clock),
        3 => Just(Step::AnswerLost),
        1 => (0..6_usize).prop_map(|socket| Step::On { socket, deed: Deed::End }),
        1 => (0..NODES).prop_map(|node| Step::At { node, deal: Deal::End }),
    ]
}

/// Any story that begins with a token which is valid, or without one where the widget lets it.
pub(super) fn stories() -> impl Strategy<Value = Story> {
    let token = (prop::bool::ANY, tokens());
    let steps = prop::collection::vec(steps(), 1..STEPS_MAX);
    let rules = prop::sample::select(vec![Rules::None, Rules::Two, Rules::TwoAndAll]);
    (modes(), token, prop::bool::ANY, rules, steps).prop_map(
        |(mode, (signed_in, token), keyed, rules, steps)| {
            let token = Token { life: token.life.max(100), ..token };
            let takes_it = mode == Mode::Required || (signed_in && mode == Mode::Optional);
            Story { mode, token: takes_it.then_some(token), keyed, rules, steps }
        },
    )
}
