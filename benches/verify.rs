//! What the whole verdict costs beside the RSA verification in it, by the same library with the same parsed key.
//!
//! `cargo bench --bench verify`, a few seconds.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::{Criterion, criterion_group, criterion_main};
use usher::domain::keys::{self, Found};
use usher::domain::time::UnixTime;
use usher::domain::token::{Revocations, TokenPolicy, verify};

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn verdict(criterion: &mut Criterion) {
    let keys =
        keys::parse(fixture("documents/set.json").as_bytes(), 4096).expect("the fixture can be used").keys;
    let token = fixture("tokens/accepted.jwt");
    let (policy, revocations) = (TokenPolicy::default(), Revocations::default());
    let now = UnixTime::from_seconds(1_760_000_000);
    verify(&token, &keys, &revocations, &policy, now).expect("the fixture is accepted");

    let Found::Key(key) = keys.find("a") else { panic!("the fixture lists the key") };
    let (message, signature) = token.rsplit_once('.').expect("a token has three parts");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("a signature is base64url");

    let mut group = criterion.benchmark_group("verify");
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    group.bench_function("the whole verdict", |bencher| {
        bencher.iter(|| verify(black_box(&token), &keys, &revocations, &policy, now).is_ok());
    });
    group.bench_function("the bare RSA verification", |bencher| {
        bencher.iter(|| key.parsed().verify_sig(black_box(message.as_bytes()), &signature).is_ok());
    });
    group.finish();
}

criterion_group!(benches, verdict);
criterion_main!(benches);
