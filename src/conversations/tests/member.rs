//! A socket in the conversation, and what the rules have to say of it.

use proptest::prelude::*;

use super::model::Model;
use super::state::Fact;
use super::widget::Shown;
use super::*;

pub(super) struct Member {
    pub(super) widget: Widget,
    pub(super) live: Arc<Live>,
    pub(super) node: usize,
    /// What it had seen before it came.
    after: u64,
    pub(super) presented: Option<String>,
    pub(super) dozes: bool,
    /// With which code it is to be closed.
    pub(super) goes: Option<u16>,
    told: Vec<u64>,
    pub(super) said: Vec<u64>,
    judged: usize,
}

impl Member {
    pub(super) fn new(
        widget: Widget,
        live: Arc<Live>,
        node: usize,
        after: u64,
        presented: Option<String>,
    ) -> Self {
        let (dozes, goes, judged) = (false, None, 0);
        let (told, said) = (Vec::new(), Vec::new());
        Self { widget, live, node, after, presented, dozes, goes, told, said, judged }
    }

    /// What it was shown by now, and how it was closed.
    pub(super) fn check(&mut self, model: &Model) -> Checked {
        let shown: Vec<Shown> = self.widget.shown[self.judged..].to_vec();
        self.judged = self.widget.shown.len();
        for one in &shown {
            self.check_shown(one, model)?;
        }
        prop_assert_eq!(self.widget.closed, self.goes, "how socket {:?} is closed", self.widget.id);
        let all = model.told(self.node, self.after, false);
        match self.widget.closed {
            None => {
                let expected = model.told(self.node, self.after, self.widget.required);
                prop_assert_eq!(&self.told, &expected, "what socket {:?} sees", self.widget.id);
            }
            Some(1000) => {
                let last = model.entries.len();
                let before = model.told_of(last - 1, self.after, self.widget.required);
                prop_assert!(
                    before.iter().all(|number| self.told.contains(number)),
                    "missed: {:?}",
                    self.told
                );
                let is_last = self.told.last() == Some(&(last as u64)) || self.after >= last as u64;
                prop_assert!(is_last, "`ended` is the last frame, not {:?}", self.told);
            }
            Some(_) => {
                let seen = &all[..self.told.len().min(all.len())];
                prop_assert_eq!(&self.told, &seen, "what socket {:?} has seen", self.widget.id);
            }
        }
        Ok(())
    }

    fn check_shown(&mut self, shown: &Shown, model: &Model) -> Checked {
        let Shown { kind, sequence, frame, is_live } = shown;
        let last = self.told.last().copied().unwrap_or(self.after);
        if frame["reason"] == "unchanged" {
            prop_assert!(*sequence >= last, "{} after {}", frame, last);
            return Ok(());
        }
        prop_assert!(*sequence > last, "{} after {}", frame, last);
        let index = usize::try_from(*sequence).unwrap() - 1;
        let entry = model.entries.get(index);
        let Some(entry) = entry else {
            return Err(TestCaseError::fail(format!("not in the journal: {frame}")));
        };
        let last = &model.entries.last().unwrap().after;
        if let Some((owner, first)) = &last.owner {
            let may_see = sequence < first || self.presented.as_ref() == Some(owner);
            prop_assert!(may_see, "shown to somebody who has presented nothing: {}", frame);
        }
        let own = self.said.contains(sequence) && *is_live;
        let is_first = entry.after.owner.as_ref().is_some_and(|(_, first)| first == sequence);
        let kinds = match &entry.fact {
            Fact::Started => "none",
            Fact::Context => "context",
            Fact::SignedIn(_) | Fact::Downgraded(..) => "authentication",
            Fact::Said { by_customer: true, .. } if own => "accepted",
            Fact::Said { .. } => "message",
            Fact::Read { .. } => "read",
            Fact::Requested => "authentication_requested",
            Fact::Assigned(_) => "assigned",
            Fact::Ended => "ended",
        };
        prop_assert_eq!(kind.as_str(), kinds, "{}", frame);
        let reason = match &entry.fact {
            Fact::SignedIn(reason) | Fact::Downgraded(reason, _) => Some(*reason),
            _ => None,
        };
        prop_assert_eq!(frame["reason"].as_str(), reason, "{}", frame);
        if reason.is_some() {
            let status = if entry.after.standing.is_some() { "authenticated" } else { "anonymous" };
            prop_assert_eq!(frame["authentication"]["status"].as_str(), Some(status), "{}", frame);
            let has_token = frame["resume_token"].is_string();
            prop_assert_eq!(has_token, is_first && *is_live, "the new resume_token in {}", frame);
        }
        if let (Fact::Said { text, authenticated, .. }, "message") = (&entry.fact, kinds) {
            prop_assert_eq!(frame["text"].as_str(), Some(text.as_str()));
            let said = frame["authenticated"].as_bool().unwrap_or(*authenticated);
            prop_assert_eq!(said, *authenticated, "{}", frame);
        }
        if kinds != "context" {
            self.told.push(*sequence);
        }
        Ok(())
    }
}
