//! The signature of a delivery (Standard Webhooks, "Signature scheme").

use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::WebhookSecret;

/// The value of `webhook-signature`: one signature for each secret, so that a receiver that knows either is content.
/// `timestamp` is in Unix seconds.
pub(super) fn sign(secrets: &[WebhookSecret], id: &str, timestamp: i64, body: &[u8]) -> String {
    let one = |secret: &WebhookSecret| {
        let mut context = Context::with_key(&Key::new(HMAC_SHA256, secret.as_bytes()));
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    };
    secrets.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn secret(text: &str) -> WebhookSecret {
        text.parse().unwrap()
    }

    fn published() -> WebhookSecret {
        secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    }

    #[test]
    fn the_published_vector_is_signed_as_published() {
        assert_eq!(sign(&[published()], ID, AT, BODY), SIGNATURE);
    }

    #[test]
    fn during_a_rotation_there_is_a_signature_of_each_secret() {
        let other = secret("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        let alone = sign(std::slice::from_ref(&other), ID, AT, BODY);
        assert_ne!(alone, SIGNATURE);
        assert_eq!(sign(&[published(), other], ID, AT, BODY), format!("{SIGNATURE} {alone}"));
    }

    #[test]
    fn id_time_and_body_are_all_signed() {
        let changed = [
            sign(&[published()], "msg_other", AT, BODY),
            sign(&[published()], ID, AT + 1, BODY),
            sign(&[published()], ID, AT, b"{}"),
        ];
        assert!(changed.iter().all(|signature| signature != SIGNATURE));
    }
}
