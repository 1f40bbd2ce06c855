//! Whose keys serve whom, and for how long.

use super::{AS_WRITTEN, Direction, play, scenarios};

/// It presents the new key two minutes after the first token: both are as good then.
const AFTER_BOTH: Direction = Direction { begins: 120, ..AS_WRITTEN };
/// The entry ends 30 s after the scenario's first instant.
const BEFORE_THE_EXPIRY: Direction = Direction { begins: 27, ..AS_WRITTEN };
/// An empty set is believed: a document is there, and it names no key.
const BELIEVED: Direction = Direction { verdict: Some("reject:unknown_kid"), ..AS_WRITTEN };

scenarios! {
    two_tenants_with_one_kid_take_only_their_own_keys: play("cache/cross-tenant-same-kid", AS_WRITTEN);
    a_token_of_one_tenant_is_nobodys_at_another: play("cache/cross-tenant-token", AS_WRITTEN);
    a_verdict_of_one_tenant_says_nothing_at_another: play("cache/verdict-not-shared", AS_WRITTEN);
    two_tenants_with_one_url_keep_their_own_settings: play("cache/two-tenants-one-url", AS_WRITTEN);
    a_new_kid_is_taken_after_one_refetch: play("cache/rotation-new-kid", AFTER_BOTH);
    a_key_that_is_gone_verifies_nothing_once_the_document_is_old: play("cache/rotation-key-removed", AS_WRITTEN);
    a_kid_with_another_key_takes_the_new_and_refuses_the_old: play("cache/rotation-same-kid", AS_WRITTEN);
    a_cached_key_ends_at_its_own_expiry: play("cache/key-expires-while-cached", BEFORE_THE_EXPIRY);
    rubbish_replaces_no_document_until_that_is_too_old: play("endpoint/goes-bad-after-good", AS_WRITTEN);
    an_empty_set_withdraws_every_key: play("endpoint/set-becomes-empty", BELIEVED);
}
