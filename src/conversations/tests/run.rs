//! Lives through random stories with the real conversations and with the model, and compares after every step.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::member::Member;
use super::model::Model;
use super::state::{Doing, Fact, Judged, No, Revoked};
use super::steps::{Deal, Deed, Mode, Presented, Step, Story, Tick, stories};
use super::translate::{compare_state, customer, event, fact, no, queues, standing};
use super::*;

/// Stories for each of the cases that proptest would try by itself; `PROPTEST_CASES` multiplies them.
const STORIES_PER_CASE: u32 = 8;
const QUEUE: &str = "default";

pub(super) struct Run<'w> {
    pub(super) world: &'w mut World,
    pub(super) model: Model,
    pub(super) mode: Mode,
    pub(super) place: Place,
    pub(super) key: Option<IdempotencyKey>,
    pub(super) members: Vec<Member>,
    /// Held, so that no node forgets what it knows before it restarts.
    pub(super) lives: Vec<Arc<Live>>,
    /// How many entries of the journal were compared.
    compared: usize,
}

#[test]
fn conversations_live_as_the_model_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = std::cell::RefCell::new(World::open());
    let config = ProptestConfig { source_file: Some(file!()), ..ProptestConfig::default() };
    let config = ProptestConfig { cases: config.cases * STORIES_PER_CASE, ..config };
    let number = std::cell::Cell::new(0_u64);
    let told = TestRunner::new(config).run(&stories(), |story| {
        number.set(number.get() + 1);
        runtime.block_on(live_through(&mut world.borrow_mut(), number.get(), &story))
    });
    told.unwrap_or_else(|error| panic!("{error}"));
}

async fn live_through(world: &mut World, number: u64, story: &Story) -> Checked {
    world.journal.provoke(Fault::Mended).await;
    world.set_clock(at(75));
    let mut run = Run::begin(world, number, story).await;
    for (index, step) in story.steps.iter().enumerate() {
        let in_its_place = |error| match error {
            TestCaseError::Fail(why) => TestCaseError::fail(format!("step {index}, {step:?}: {why}")),
            rejected @ TestCaseError::Reject(_) => rejected,
        };
        run.take(*step).await.map_err(in_its_place)?;
        run.compare().await.map_err(in_its_place)?;
    }
    run.finish().await
}

impl<'w> Run<'w> {
    async fn begin(world: &'w mut World, number: u64, story: &Story) -> Self {
        let (tenant, widget): (TenantId, WidgetId) =
            (format!("t{number}").parse().unwrap(), "web".parse().unwrap());
        let key = story.keyed.then(|| IdempotencyKey::new(&tenant, &widget, "a secret"));
        let start = Start::new(story.token.as_ref().map(customer), QUEUE.into());
        let rules = queues(story.rules);
        for node in &world.nodes {
            node.replace_queues(tenant.clone(), rules.clone());
        }
        let (socket, client) = world.socket(story.mode == Mode::Required);
        let identity = story.token.as_ref().map(|token| customer(token).identity().clone());
        let mut socket = Some(socket.having_presented(identity));
        let place = (tenant.clone(), widget.clone());
        let begun = world.nodes[0].start(tenant, widget, start, key.as_ref(), &mut socket).await.unwrap();
        let mut model = Model { rules: story.rules, ..Model::default() };
        model.begin(0, world.now(), story.token.as_ref(), QUEUE);
        let id = begun.live.id();
        let presented = story.token.map(|token| token.standing().who);
        let first = Member::new(client, begun.live, 0, 1, presented);
        let place = Place { id, tenant: place.0, widget: place.1 };
        let lives = world.nodes.iter().map(|node| node.get(id)).collect();
        Self { world, model, mode: story.mode, place, key, members: vec![first], lives, compared: 0 }
    }

    pub(super) fn node(&self, node: usize) -> Conversations {
        self.world.nodes[node].clone()
    }

    async fn take(&mut self, step: Step) -> Checked {
        match step {
            Step::Visit { node, visitor } => self.visit(node, visitor).await,
            Step::On { socket, deed } if !self.members.is_empty() => {
                self.on(socket % self.members.len(), deed).await
            }
            Step::On { .. } => Ok(()),
            Step::At { node, deal } => self.at(node, deal).await,
            Step::Clock(Tick::By(millis)) => {
                self.world.set_clock(self.world.now() + millis);
                Ok(())
            }
            Step::Clock(Tick::ToTheEnd(millis)) => {
                let last = self.model.entries.last().and_then(|entry| entry.after.standing.as_ref());
                if let Some(standing) = last {
                    self.world.set_clock(standing.ends + millis);
                }
                Ok(())
            }
            Step::AnswerLost => {
                self.world.journal.provoke(Fault::AnswerLost).await;
                self.model.answer_lost = true;
                Ok(())
            }
        }
    }

    /// What becomes of a node's sockets through the entries that it has learnt of.
    pub(super) fn learn(&mut self, node: usize, seen: usize) {
        for number in seen..self.model.seen[node] {
            let entry = &self.model.entries[number];
            let first_owner = entry
                .after
                .owner
                .as_ref()
                .filter(|(_, first)| *first == number as u64 + 1)
                .map(|(who, _)| who);
            for member in self.members.iter_mut().filter(|member| member.node == node) {
                let goes = match (&entry.fact, first_owner) {
                    (Fact::Ended, _) => Some(1000),
                    (Fact::Downgraded("signed_out", _), _) => Some(4504),
                    (_, Some(who)) if member.presented.as_ref() != Some(who) => Some(4004),
                    _ => None,
                };
                member.goes = member.goes.or(goes);
            }
        }
    }

    async fn on(&mut self, index: usize, deed: Deed) -> Checked {
        let (node, now) = (self.members[index].node, self.world.now());
        let required = self.members[index].widget.required;
        match deed {
            Deed::Doze => self.members[index].dozes = true,
            Deed::Wake => self.members[index].dozes = false,
            Deed::Leave => {
                let member = self.members.remove(index);
                member.live.leave(member.widget.id).await;
            }
            // Its session has a closed socket to see, or its past to read, before it serves a frame.
            _ if self.members[index].dozes => {}
            Deed::Authenticate(presented) => self.authenticate(index, presented).await?,
            Deed::SignOut => {
                let seen = self.model.seen[node];
                let live = self.members[index].live.clone();
                let outcome = live.lock().await.unwrap().unwrap().sign_out().await;
                let expected = self.model.sign_out(node, now);
                prop_assert_eq!(outcome.map_err(no), expected.map(|_| ()), "signing out");
                self.learn(node, seen);
                if expected.is_ok() {
                    for member in self.members.iter_mut().filter(|member| member.node == node) {
                        member.goes = member.goes.or(Some(4504));
                    }
                }
            }
            Deed::SetContext { name, value } => {
                let doing = Doing::SetContext { name, value, required };
                let Event::SetContext(set) = event(&doing) else { panic!("{doing:?} is set_context") };
                let (seen, member) = (self.model.seen[node], &self.members[index]);
                let mut locked = member.live.lock().await.unwrap().unwrap();
                let outcome = locked.set_context(set, member.widget.id).await.map_err(no);
                drop(locked);
                let expected = self.model.act(node, now, &doing);
                self.learn(node, seen);
                prop_assert_eq!(outcome, expected.map(|_| ()), "set_context");
            }
            Deed::Say { id, text } => {
                let doing = Doing::Say { by_customer: true, id, text, required };
                if self.execute(node, Some(index), &doing).await? {
                    self.members[index].said.push(self.model.entries.len() as u64);
                }
            }
            Deed::Read { back } => {
                let up_to = (self.model.seen[node] as u64 + 1).saturating_sub(back);
                self.execute(node, Some(index), &Doing::Read { by_customer: true, up_to }).await?;
            }
            Deed::End => {
                self.execute(node, Some(index), &Doing::End).await?;
            }
        }
        Ok(())
    }

    async fn authenticate(&mut self, index: usize, presented: Presented) -> Checked {
        let node = self.members[index].node;
        let mode = if self.members[index].widget.required { Mode::Required } else { self.mode };
        let Judged::Valid(token) = self.judge(node, mode, presented) else { return Ok(()) };
        let seen = self.model.seen[node];
        // What a socket presented last is what counts, up to the moment when its node learns of the first sign-in.
        let owner = self.model.known(node).owner.map(|(who, _)| who);
        let member = &mut self.members[index];
        if owner.is_none() || member.presented != owner {
            member.presented = Some(token.standing().who);
        }
        let mut locked = member.live.lock().await.unwrap().unwrap();
        let outcome = locked.sign_in(Box::new(customer(&token)), member.widget.id).await.map_err(no);
        drop(locked);
        self.model.seen[node] = self.model.entries.len();
        let expected = self.model.act(node, self.world.now(), &Doing::SignIn(token));
        self.learn(node, seen);
        let expected = match expected {
            Err(No::Unchanged) => Ok(()),
            expected => expected.map(|_| ()),
        };
        prop_assert_eq!(outcome, expected, "authenticate");
        Ok(())
    }

    /// Does something on a node; whether an entry came of it.
    async fn execute(
        &mut self,
        node: usize,
        by: Option<usize>,
        doing: &Doing,
    ) -> Result<bool, TestCaseError> {
        let seen = self.model.seen[node];
        let live = self.lives[node].clone();
        let from = by.map(|index| self.members[index].widget.id);
        let outcome = live.lock().await.unwrap().unwrap().execute(&event(doing), from).await;
        let outcome = outcome.map(|record| record.map_or(0, |record| record.entries().len())).map_err(no);
        let expected = self.model.act(node, self.world.now(), doing);
        self.learn(node, seen);
        prop_assert_eq!(outcome, expected, "{:?}", doing);
        Ok(expected.is_ok_and(|count| count > 0))
    }

    async fn at(&mut self, node: usize, deal: Deal) -> Checked {
        let doing = match deal {
            Deal::Say { id, text } => Doing::Say { by_customer: false, id, text, required: false },
            Deal::Request { id } => Doing::Request { id },
            Deal::Read { back } => {
                self.model.load(node);
                let up_to = (self.model.seen[node] as u64 + 1).saturating_sub(back);
                Doing::Read { by_customer: false, up_to }
            }
            Deal::Assign { queue, agent } => Doing::Assign { queue, agent },
            Deal::Revoke => Doing::Revoke,
            Deal::Idle => Doing::Idle,
            Deal::Deadline => Doing::Deadline,
            Deal::End => Doing::End,
            Deal::Revocations { kid, customer, everyone } => {
                self.model.revoked[node] = Revoked { kid, customer, everyone };
                self.put_revocations(node);
                return Ok(());
            }
            Deal::Restart => {
                self.world.nodes[node] = self.world.node();
                let rules = queues(self.model.rules);
                self.world.nodes[node].replace_queues(self.place.tenant.clone(), rules);
                self.lives[node] = self.world.nodes[node].get(self.place.id);
                self.model.seen[node] = 0;
                self.put_revocations(node);
                self.members.retain(|member| member.node != node);
                return Ok(());
            }
        };
        self.execute(node, None, &doing).await.map(drop)
    }

    fn put_revocations(&self, node: usize) {
        let (known, mut revocations) = (&self.model.revoked[node], Revocations::default());
        if let Some(kid) = known.kid {
            revocations.revoke_kid(kid.into());
        }
        if let Some((who, before)) = known.customer {
            let (subject, issuer) = who.split_once('@').unwrap();
            let identity = Identity { issuer: issuer.into(), subject: subject.into() };
            revocations.revoke_identity(identity, time(at(before)));
        }
        if let Some(before) = known.everyone {
            revocations.revoke_everyone(time(at(before)));
        }
        self.world.nodes[node].replace_revocations(self.place.tenant.clone(), revocations);
    }

    /// Somebody on a node has read all that the journal has.
    fn catch_up(&mut self, node: usize) {
        let seen = std::mem::replace(&mut self.model.seen[node], self.model.entries.len());
        self.learn(node, seen);
    }

    async fn compare(&mut self) -> Checked {
        self.compare_journal().await?;
        for node in (0..NODES).filter(|node| self.model.seen[*node] > 0).collect::<Vec<_>>() {
            let live = self.lives[node].clone();
            let locked = live.lock().await.unwrap().unwrap();
            compare_state(locked.conversation(), self.model.seen[node] as u64, &self.model.known(node))?;
        }
        let mut index = 0;
        while index < self.members.len() {
            if !self.members[index].dozes {
                let node = self.members[index].node;
                let member = &mut self.members[index];
                if member.widget.take(&self.world.journal, &member.live).await {
                    self.catch_up(node);
                }
                self.members[index].check(&self.model)?;
            }
            if self.members[index].widget.closed.is_some() {
                let member = self.members.remove(index);
                member.live.leave(member.widget.id).await;
            } else {
                index += 1;
            }
        }
        Ok(())
    }

    async fn compare_journal(&mut self) -> Checked {
        let after = Sequence::new(self.compared as u64);
        let page = self.world.journal.read(self.place.id, after, 512).await.unwrap().unwrap();
        for (_, entry) in &page.entries {
            let Some(expected) = self.model.entries.get(self.compared) else {
                return Err(TestCaseError::fail(format!("the journal has more: {entry:?}")));
            };
            prop_assert_eq!(entry.sequence.get(), self.compared as u64 + 1);
            prop_assert_eq!(entry.at.millis(), expected.at, "{:?}", entry);
            prop_assert_eq!(standing(&entry.authentication), expected.after.standing.clone(), "{:?}", entry);
            prop_assert_eq!(fact(&entry.fact), expected.fact.clone(), "{:?}", entry);
            if let Some(held) = &expected.after.standing {
                prop_assert!(entry.at.millis() < held.ends, "authenticated past the end: {:?}", entry);
            }
            self.compared += 1;
        }
        prop_assert_eq!(self.compared, self.model.entries.len(), "entries in the journal");
        Ok(())
    }

    /// Everybody wakes and sees everything; a node that starts now knows what all know.
    async fn finish(mut self) -> Checked {
        for member in &mut self.members {
            member.dozes = false;
        }
        self.compare().await?;
        for node in 0..NODES {
            self.execute(node, None, &Doing::Deadline).await?;
        }
        self.compare().await?;
        let entries = &self.model.entries;
        let begun = entries.iter().filter(|entry| match entry.fact {
            Fact::Started => entry.after.standing.is_some(),
            Fact::SignedIn(reason) => reason == "token_presented",
            _ => false,
        });
        let ends = entries.iter().filter(|entry| matches!(entry.fact, Fact::Downgraded(..))).count();
        let stands = entries.last().is_some_and(|last| last.after.standing.is_some());
        prop_assert_eq!(begun.count(), ends + usize::from(stands), "each authentication ends once");
        let fresh = self.world.node().get(self.place.id);
        let fresh = fresh.lock().await.unwrap().unwrap();
        for node in 0..NODES {
            let live = self.lives[node].clone();
            let mut locked = live.lock().await.unwrap().unwrap();
            locked.catch_up_with_journal().await.unwrap();
            prop_assert_eq!(locked.conversation(), fresh.conversation(), "what node {} knows", node);
        }
        Ok(())
    }
}
