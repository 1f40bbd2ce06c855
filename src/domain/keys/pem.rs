//! One PEM block (RFC 7468), read as people really serve it and no further.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::fault::Fault;
use super::{PublicKey, rsa};

const DASHES: &str = "-----";
const ONE_BLOCK: &str =
    "publish the one block from -----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY----- and nothing else";

/// Reads a text that is one public key. Blanks and line ends around it and within its base64 don't matter.
pub(super) fn read(text: &str, max_bits: u32) -> Result<PublicKey, Fault> {
    let text = text.trim_matches(is_blank);
    let Some((label, rest)) = text.strip_prefix("-----BEGIN ").and_then(|rest| rest.split_once(DASHES))
    else {
        return Err(not_begun(text));
    };
    let decode = match label {
        "PUBLIC KEY" => rsa::from_spki,
        "RSA PUBLIC KEY" => rsa::from_pkcs1,
        other => return Err(other_label(other)),
    };
    let end = format!("-----END {label}{DASHES}");
    let Some((body, after)) = rest.split_once(&end) else {
        let message = if rest.contains("-----END ") {
            format!("it begins as {label} and ends as something else")
        } else {
            format!("its last line, {end}, is missing")
        };
        return Err(Fault::new(message, ONE_BLOCK));
    };
    if !after.trim_matches(is_blank).is_empty() {
        return Err(if after.starts_with('\\') {
            Fault::new("its line ends are written as \\n", "publish real line ends, or spaces")
        } else if after.contains("-----BEGIN ") {
            Fault::new(
                "two blocks, and no telling which is the key",
                "publish a key set, with a kid for each key",
            )
        } else {
            Fault::new("text after the key's block", ONE_BLOCK)
        });
    }
    decode(&bytes(text, body)?, max_bits)
}

const fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

fn bytes(text: &str, body: &str) -> Result<Vec<u8>, Fault> {
    let compact: String = body.chars().filter(|&character| !is_blank(character)).collect();
    let is_base64 =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '+' | '/' | '=');
    if let Some((at, character)) =
        body.char_indices().find(|&(_, character)| !is_blank(character) && !is_base64(character))
    {
        return Err(stray(text, body.as_ptr().addr() - text.as_ptr().addr() + at, character, &compact));
    }
    if compact.is_empty() {
        return Err(Fault::new("nothing stands between its first and last line", ONE_BLOCK));
    }
    STANDARD.decode(&compact).map_err(|_| {
        let message = if compact.len().is_multiple_of(4) {
            "its base64 is not canonical: padding in the wrong place, or stray bits at its end".to_owned()
        } else {
            format!(
                "its base64 has {} characters, which is no multiple of 4: some are missing",
                compact.len()
            )
        };
        Fault::new(message, "copy the whole block again; nothing may be cut off or changed")
    })
}

/// A character that base64 doesn't have, and the trap that it usually means.
fn stray(text: &str, offset: usize, character: char, compact: &str) -> Fault {
    let line = text[..offset].matches('\n').count() + 1;
    let column = offset - text[..offset].rfind('\n').map_or(0, |at| at + 1) + 1;
    let place =
        format!("'{}' in its base64, at line {line} column {column} of the block", character.escape_debug());
    let action = match character {
        '\\' => "the line ends are written as \\n: publish real line ends, or spaces",
        '-' | '_' if !compact.contains(['+', '/']) => "that is base64url; a PEM has + and / instead",
        '&' | ';' => "the text is HTML-escaped: publish it as plain text",
        ':' => "remove the header lines within the block",
        _ => "copy the whole block again; nothing may be cut off or changed",
    };
    Fault::new(place, action)
}

fn other_label(label: &str) -> Fault {
    if label.ends_with("PRIVATE KEY") {
        return Fault::secret(format!("a PRIVATE key ({})", shown(label)));
    }
    match label {
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => Fault::new(
            "a certificate, where a public key is expected",
            "publish the key in it: openssl x509 -in certificate.pem -noout -pubkey",
        ),
        "EC PUBLIC KEY" => Fault::new("an EC key, where RS256 needs an RSA key", ONE_BLOCK),
        _ => Fault::new(
            format!("a block labelled \"{}\", where PUBLIC KEY is expected", shown(label)),
            ONE_BLOCK,
        ),
    }
}

fn not_begun(text: &str) -> Fault {
    if text.contains("PRIVATE KEY-----") {
        return Fault::secret("a PRIVATE key, after other text");
    }
    let message = if text.is_empty() {
        "it is empty"
    } else if text.contains("-----BEGIN ") {
        "text before the key's block"
    } else {
        "it is not a PEM: it does not begin with -----BEGIN PUBLIC KEY-----"
    };
    Fault::new(message, ONE_BLOCK)
}

/// A label, cut and escaped: it is anybody's text.
fn shown(label: &str) -> String {
    label.chars().take(40).flat_map(char::escape_debug).collect()
}
