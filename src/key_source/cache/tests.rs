use super::*;
use crate::key_source::failure::FailureKind;

const START: UnixTime = UnixTime::from_seconds(1_760_000_000);
/// The middle of the jitter: a refresh ahead at exactly 80 %, a backoff halfway to its ceiling.
const MIDDLE: f64 = 0.5;
const TEN_MINUTES: u64 = 600_000;
const DAY: u64 = 24 * 3_600_000;

fn at(millis: u64) -> UnixTime {
    START.plus(Duration::from_millis(millis))
}

fn cold() -> Cache<&'static str> {
    Cache::new(Freshness::default())
}

/// A cache whose document came at `START` and lives as long as `max_age` says.
fn fetched_with(max_age: Option<u64>, random: f64) -> Cache<&'static str> {
    let mut cache = cold();
    fetch(&mut cache, 0, "first", max_age, random);
    cache
}

fn fetched() -> Cache<&'static str> {
    fetched_with(None, MIDDLE)
}

fn fetch(
    cache: &mut Cache<&'static str>,
    millis: u64,
    document: &'static str,
    max_age: Option<u64>,
    random: f64,
) {
    cache.on_replaced(at(millis), Arc::new(document), document.as_bytes().into());
    cache.on_confirmed(at(millis), None, max_age.map(Duration::from_secs), random);
}

fn fail(cache: &mut Cache<&'static str>, millis: u64, random: f64) {
    cache.on_failed(at(millis), FetchError::new(FailureKind::Timeout, "late", ""), random);
}

/// What a use answers, in a word.
fn used(cache: &mut Cache<&'static str>, millis: u64) -> &'static str {
    match cache.on_use(at(millis), false) {
        Use::Serve { served, refresh: false } => {
            if served.stale {
                "stale"
            } else {
                "fresh"
            }
        }
        Use::Serve { refresh: true, .. } => "fresh, refresh",
        Use::Wait(trigger) => trigger.label(),
        Use::Unavailable { .. } => "unavailable",
    }
}

#[test]
fn without_a_document_a_use_waits_for_the_first_fetch() {
    assert_eq!(used(&mut cold(), 0), "cold");
}

#[test]
fn a_document_is_fresh_until_its_very_end() {
    let mut cache = fetched();
    assert_eq!(used(&mut cache, 0), "fresh");
    assert_eq!(used(&mut cache, TEN_MINUTES - 1), "fresh, refresh");
    assert_eq!(used(&mut cache, TEN_MINUTES), "expired");
    assert_eq!(used(&mut cache, TEN_MINUTES + 1), "expired");
}

#[test]
fn a_use_refreshes_in_the_background_from_80_percent_on() {
    let mut cache = fetched();
    for (percent, expected) in [(79, "fresh"), (80, "fresh, refresh"), (81, "fresh, refresh")] {
        assert_eq!(used(&mut cache, TEN_MINUTES / 100 * percent), expected, "{percent} %");
    }
    assert_eq!(used(&mut cache, TEN_MINUTES / 100 * 80 - 1), "fresh");
    let in_flight = cache.on_use(at(TEN_MINUTES / 100 * 80), true);
    assert!(matches!(in_flight, Use::Serve { refresh: false, .. }), "{in_flight:?}");
}

#[test]
fn jitter_moves_the_refresh_between_75_and_85_percent() {
    for (random, percent) in [(0.0, 75), (MIDDLE, 80), (1.0, 85)] {
        let mut cache = fetched_with(None, random);
        assert_eq!(used(&mut cache, TEN_MINUTES / 100 * percent - 1), "fresh", "{percent} %");
        assert_eq!(used(&mut cache, TEN_MINUTES / 100 * percent), "fresh, refresh", "{percent} %");
    }
}

#[test]
fn only_a_document_that_was_used_since_its_fetch_is_refreshed_by_itself() {
    let eighty = TEN_MINUTES / 100 * 80;
    let mut cache = fetched();
    assert_eq!(cache.refresh_ahead(at(eighty - 1)), RefreshAhead::AskAt(at(eighty)));
    assert_eq!(cache.refresh_ahead(at(eighty)), RefreshAhead::No);
    assert_eq!(used(&mut cache, 1), "fresh");
    assert_eq!(cache.refresh_ahead(at(eighty - 1)), RefreshAhead::AskAt(at(eighty)));
    assert_eq!(cache.refresh_ahead(at(eighty)), RefreshAhead::Now);
    assert_eq!(cache.refresh_ahead(at(TEN_MINUTES - 1)), RefreshAhead::Now);
    assert_eq!(cache.refresh_ahead(at(TEN_MINUTES)), RefreshAhead::No);
    fetch(&mut cache, eighty, "second", None, MIDDLE);
    assert_eq!(cache.refresh_ahead(at(eighty * 2)), RefreshAhead::No);
}

#[test]
fn a_use_never_prolongs_the_freshness() {
    let mut cache = fetched();
    for second in 0..600 {
        assert!(used(&mut cache, second * 1000).starts_with("fresh"), "at {second} s");
    }
    assert_eq!(used(&mut cache, TEN_MINUTES), "expired");
}

#[test]
fn max_age_is_honoured_between_a_minute_and_an_hour() {
    for (max_age, seconds) in
        [(0, 60), (59, 60), (60, 60), (61, 61), (3599, 3599), (3600, 3600), (3601, 3600), (u64::MAX, 3600)]
    {
        let mut cache = fetched_with(Some(max_age), MIDDLE);
        assert!(used(&mut cache, seconds * 1000 - 1).starts_with("fresh"), "max-age {max_age}");
        assert_eq!(used(&mut cache, seconds * 1000), "expired", "max-age {max_age}");
    }
}

#[test]
fn the_stale_document_serves_only_after_a_failed_fetch_and_only_for_stale_for() {
    let last = TEN_MINUTES + DAY;
    for (millis, expected) in
        [(TEN_MINUTES, "stale"), (last - 1, "stale"), (last, "unavailable"), (last + 1, "unavailable")]
    {
        let mut cache = fetched();
        assert_eq!(used(&mut cache, millis), "expired", "before the fetch, at {millis} ms");
        fail(&mut cache, millis, MIDDLE);
        let after = cache.after_wait(at(millis));
        assert_eq!(after.is_ok(), expected == "stale", "{after:?} at {millis} ms");
        assert_eq!(used(&mut cache, millis), expected);
    }
}

#[test]
fn a_failed_fetch_never_changes_the_document() {
    let mut cache = fetched();
    for millis in [1, 2, TEN_MINUTES, DAY] {
        fail(&mut cache, millis, MIDDLE);
        let held = cache.held().map(|held| (*held.document, held.generation, held.fetched_at));
        assert_eq!(held, Some(("first", 1, START)));
    }
}

#[test]
fn after_a_failed_fetch_no_use_starts_another_before_the_backoff() {
    let mut cache = cold();
    fail(&mut cache, 0, 0.0);
    for (millis, expected) in [(0, "unavailable"), (999, "unavailable"), (1000, "cold"), (1001, "cold")] {
        assert_eq!(used(&mut cache, millis), expected, "at {millis} ms");
    }
    assert_eq!(cache.retry_after(at(250)), Duration::from_millis(750));
}

#[test]
fn a_use_joins_a_fetch_in_flight_in_spite_of_the_backoff() {
    let mut cache = cold();
    fail(&mut cache, 0, 0.0);
    let joined = cache.on_use(at(1), true);
    assert!(matches!(joined, Use::Wait(Trigger::Cold)), "{joined:?}");
}

#[test]
fn the_backoff_doubles_from_a_second_to_a_minute_and_jitter_shortens_it_to_a_second_at_most() {
    let mut cache = cold();
    for seconds in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        fail(&mut cache, 0, 1.0);
        assert_eq!(cache.retry_after(START), Duration::from_secs(seconds));
    }
    fail(&mut cache, 0, 0.0);
    assert_eq!(cache.retry_after(START), MIN_BACKOFF);
    fetch(&mut cache, 0, "first", None, MIDDLE);
    fail(&mut cache, 0, 1.0);
    assert_eq!(cache.retry_after(START), MIN_BACKOFF, "a success did not end the row of failures");
}

#[test]
fn a_refresh_ahead_that_failed_is_tried_again_when_the_backoff_is_over() {
    let mut cache = fetched();
    let eighty = TEN_MINUTES / 100 * 80;
    assert_eq!(used(&mut cache, eighty), "fresh, refresh");
    fail(&mut cache, eighty, 0.0);
    assert_eq!(used(&mut cache, eighty + 999), "fresh");
    assert_eq!(cache.refresh_ahead(at(eighty + 1)), RefreshAhead::AskAt(at(eighty + 1000)));
    assert_eq!(cache.refresh_ahead(at(eighty + 1000)), RefreshAhead::Now);
    assert_eq!(used(&mut cache, eighty + 1000), "fresh, refresh");
}

#[test]
fn a_document_that_came_again_is_fresh_anew_and_the_same() {
    let mut cache = fetched();
    cache.on_confirmed(at(500_000), Some("\"2\"".to_owned()), None, MIDDLE);
    assert!(used(&mut cache, 500_000 + TEN_MINUTES - 1).starts_with("fresh"));
    assert_eq!(used(&mut cache, 500_000 + TEN_MINUTES), "expired");
    let held = cache.held().map(|held| (*held.document, held.generation, held.etag.as_deref()));
    assert_eq!(held, Some(("first", 2, Some("\"2\""))));
}

#[test]
fn a_new_document_takes_nothing_over_from_the_old_one() {
    let mut cache = fetched();
    cache.on_confirmed(at(1), Some("\"1\"".to_owned()), None, MIDDLE);
    fetch(&mut cache, 2, "second", None, MIDDLE);
    let held = cache.held().map(|held| (*held.document, held.generation, held.etag.as_deref()));
    assert_eq!(held, Some(("second", 3, None)));
}

#[test]
fn a_refetch_is_had_twice_at_once_and_then_every_30_s() {
    let mut cache = fetched();
    let mut ask = |millis| cache.on_refetch(at(millis), 1, false);
    assert!(matches!(ask(0), Refetch::Wait));
    assert!(matches!(ask(0), Refetch::Wait));
    assert!(matches!(ask(0), Refetch::Throttled { retry_after } if retry_after == Duration::from_secs(30)));
    assert!(matches!(ask(29_999), Refetch::Throttled { .. }));
    assert!(matches!(ask(30_000), Refetch::Wait));
}

#[test]
fn a_refetch_joins_a_fetch_in_flight_for_nothing() {
    let mut cache = fetched();
    for _ in 0..1000 {
        assert!(matches!(cache.on_refetch(START, 1, true), Refetch::Wait));
    }
    assert!(matches!(cache.on_refetch(START, 1, false), Refetch::Wait));
}

#[test]
fn a_refetch_for_an_older_document_gets_the_newer_one_at_once() {
    let mut cache = fetched();
    fetch(&mut cache, 1, "second", None, MIDDLE);
    let answer = cache.on_refetch(at(2), 1, false);
    assert!(matches!(&answer, Refetch::Serve(served) if *served.document == "second"), "{answer:?}");
}

#[test]
fn after_a_failed_fetch_a_refetch_waits_for_the_backoff_too() {
    let mut cache = fetched();
    fail(&mut cache, 0, 0.0);
    let answer = cache.on_refetch(at(400), 1, false);
    assert!(
        matches!(answer, Refetch::Throttled { retry_after } if retry_after == Duration::from_millis(600))
    );
    assert!(matches!(cache.on_refetch(at(1000), 1, false), Refetch::Wait));
}

fn kept(fetched_at: UnixTime, fresh_until: UnixTime) -> Kept<&'static str> {
    Kept { document: Arc::new("kept"), body: Arc::from(&b"kept"[..]), etag: None, fetched_at, fresh_until }
}

#[test]
fn a_kept_document_goes_on_where_it_was() {
    for (millis, expected) in [
        (0, "fresh"),
        (TEN_MINUTES - 1, "fresh, refresh"),
        (TEN_MINUTES, "expired"),
        (TEN_MINUTES + DAY - 1, "expired"),
    ] {
        let mut cache = cold();
        assert!(cache.on_restored(at(millis), kept(START, at(TEN_MINUTES))));
        assert_eq!(used(&mut cache, millis), expected, "at {millis} ms");
        fail(&mut cache, millis, MIDDLE);
        assert!(cache.after_wait(at(millis)).is_ok(), "at {millis} ms");
    }
    let mut cache = cold();
    assert!(!cache.on_restored(at(TEN_MINUTES + DAY), kept(START, at(TEN_MINUTES))));
}

#[test]
fn of_two_documents_the_one_fetched_later_holds() {
    let mut cache = fetched();
    assert!(!cache.on_restored(at(5), kept(START, at(TEN_MINUTES))));
    assert!(cache.on_restored(at(5), kept(at(1), at(TEN_MINUTES))));
    assert_eq!(cache.held().map(|held| (*held.document, held.generation)), Some(("kept", 2)));
}

#[test]
fn a_kept_document_claims_no_more_than_the_longest_freshness() {
    let mut cache = cold();
    assert!(cache.on_restored(at(1), kept(START, at(100 * DAY))));
    assert_eq!(used(&mut cache, 3_600_000), "expired");
}

#[test]
fn a_clock_set_back_to_before_the_fetch_makes_the_document_stale() {
    let mut cache = fetched();
    let earlier = START.minus(Duration::from_millis(1));
    assert!(matches!(cache.on_use(earlier, false), Use::Wait(Trigger::Expired)));
    fail(&mut cache, 0, 1.0);
    let day_before = START.minus(Duration::from_hours(24));
    assert!(
        matches!(cache.on_use(day_before, false), Use::Wait(Trigger::Expired)),
        "the backoff outlived the step"
    );
}

#[test]
fn a_kept_document_from_the_future_serves_but_is_not_fresh() {
    let mut cache = cold();
    assert!(cache.on_restored(START, kept(at(1), at(TEN_MINUTES))));
    assert_eq!(used(&mut cache, 0), "expired");
    fail(&mut cache, 0, MIDDLE);
    assert_eq!(used(&mut cache, 1), "stale");
}
