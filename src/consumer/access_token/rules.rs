//! Until when an access token is good: a function of the grant, its last use, and the client as it is configured now.

use std::time::Duration;

use crate::config::Client;
use crate::domain::time::UnixTime;

use super::stored::{Grant, SecretMark};

/// Why a token that was issued is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::consumer) enum Unfit {
    /// Its lifetime is over.
    Expired,
    /// Nobody used it for the client's `idle_timeout`.
    Idle,
    /// The secret that it was got with is no longer in force.
    SecretReplaced,
}

/// When a token was used last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastUse {
    /// It is in use: an event stream that was opened with it is open.
    Now,
    /// At this instant.
    At(UnixTime),
}

/// The first instant at which a token is not taken, however it is used: the end of the lifetime that it was issued
/// with, or of the one that is configured now where that is shorter.
pub(super) fn ends_at(grant: &Grant, client: &Client) -> UnixTime {
    grant.expires_at.min(grant.issued_at.plus(client.token_lifetime))
}

/// Whether a token is taken at this instant.
pub(super) fn judge(grant: &Grant, client: &Client, last_use: LastUse, now: UnixTime) -> Result<(), Unfit> {
    if now >= ends_at(grant, client) {
        return Err(Unfit::Expired);
    }
    if !client.secrets.iter().any(|hash| SecretMark::of(hash) == grant.secret) {
        return Err(Unfit::SecretReplaced);
    }
    match (last_use, client.idle_timeout) {
        (LastUse::At(used_at), Some(idle_timeout)) if now.since(used_at) >= idle_timeout => Err(Unfit::Idle),
        _ => Ok(()),
    }
}

/// How far a stored last use may lag behind the real one before it is stored anew: a tenth of the idle timeout.
pub(super) fn stored_every(idle_timeout: Duration) -> Duration {
    idle_timeout / 10
}

#[cfg(test)]
mod tests {
    use crate::config::{AllowedTenants, Scopes};

    use super::*;

    const AT: UnixTime = UnixTime::from_seconds(1_760_000_000);
    const MILLISECOND: Duration = Duration::from_millis(1);
    const SHORTEST: Duration = Duration::from_mins(5);
    const LONGEST: Duration = Duration::from_hours(48);

    fn client(token_lifetime: Duration, idle_timeout: Option<Duration>) -> Client {
        Client {
            id: "router".parse().unwrap(),
            secrets: vec![[1; 32], [2; 32]],
            scopes: Scopes::all(),
            tenants: AllowedTenants::Any,
            token_lifetime,
            idle_timeout,
        }
    }

    fn grant(lifetime: Duration) -> Grant {
        Grant {
            client: "router".parse().unwrap(),
            scopes: Scopes::all(),
            secret: SecretMark::of(&[2; 32]),
            issued_at: AT,
            expires_at: AT.plus(lifetime),
        }
    }

    #[test]
    fn a_token_is_good_to_the_last_millisecond_of_its_lifetime_and_not_at_its_end() {
        for lifetime in [SHORTEST, LONGEST] {
            let (client, grant) = (client(lifetime, None), grant(lifetime));
            let at = |now| judge(&grant, &client, LastUse::At(AT), now);
            let end = AT.plus(lifetime);
            assert_eq!(at(end.minus(MILLISECOND)), Ok(()));
            assert_eq!(at(end), Err(Unfit::Expired));
            assert_eq!(at(end.plus(MILLISECOND)), Err(Unfit::Expired));
            assert_eq!(judge(&grant, &client, LastUse::Now, end), Err(Unfit::Expired), "in use or not");
        }
    }

    #[test]
    fn a_token_is_good_until_the_idle_timeout_since_its_last_use_and_not_at_its_end() {
        let idle_timeout = Duration::from_mins(15);
        let (client, grant) = (client(LONGEST, Some(idle_timeout)), grant(LONGEST));
        let used_at = AT.plus(Duration::from_hours(1));
        let at = |now| judge(&grant, &client, LastUse::At(used_at), now);
        let end = used_at.plus(idle_timeout);
        assert_eq!(at(end.minus(MILLISECOND)), Ok(()));
        assert_eq!(at(end), Err(Unfit::Idle));
        assert_eq!(at(end.plus(MILLISECOND)), Err(Unfit::Idle));
        assert_eq!(judge(&grant, &client, LastUse::Now, end), Ok(()), "a stream that is open is a use");
        assert_eq!(at(AT), Ok(()), "a clock that was set back makes nothing idle");
    }

    #[test]
    fn a_shorter_lifetime_holds_for_the_tokens_that_there_are_and_a_longer_one_does_not() {
        let (short, long) = (client(SHORTEST, None), client(LONGEST, None));
        assert_eq!(ends_at(&grant(LONGEST), &short), AT.plus(SHORTEST));
        assert_eq!(ends_at(&grant(SHORTEST), &long), AT.plus(SHORTEST));
    }

    #[test]
    fn a_token_falls_with_the_secret_that_it_was_got_with() {
        let (mut client, grant) = (client(SHORTEST, None), grant(SHORTEST));
        client.secrets = vec![[2; 32]];
        assert_eq!(judge(&grant, &client, LastUse::At(AT), AT), Ok(()));
        client.secrets = vec![[1; 32], [3; 32]];
        assert_eq!(judge(&grant, &client, LastUse::At(AT), AT), Err(Unfit::SecretReplaced));
    }
}
