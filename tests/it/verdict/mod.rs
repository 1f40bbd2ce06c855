//! The verdict and what it rests on: each reason, each boundary, each diagnosis.

mod boundaries;
mod claims;
mod command;
mod context;
mod documents;
mod form;
mod reasons;

use usher::domain::time::UnixTime;
use usher::domain::token::{Reason, Refusal, Revocations, TokenPolicy, VerifiedCustomer, verify};

use crate::mint::{NOW, key_set};

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_seconds(seconds)
}

/// The verdict by `documents/set.json` at [`NOW`].
fn judge(token: &str, policy: &TokenPolicy) -> Result<VerifiedCustomer, Refusal> {
    judge_at(token, policy, at(NOW))
}

fn judge_at(token: &str, policy: &TokenPolicy, now: UnixTime) -> Result<VerifiedCustomer, Refusal> {
    verify(token, &key_set("set.json"), &Revocations::default(), policy, now)
}

fn reason(verdict: Result<VerifiedCustomer, Refusal>) -> Option<Reason> {
    verdict.err().map(|refusal| refusal.reason)
}
