//! SHA-256 over several texts, and its text.

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;

/// The SHA-256 of texts that belong together. Each goes in behind its length, so that no two lists read the same.
#[must_use]
pub fn of_parts(parts: &[&str]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_keeps_leading_zeros() {
        assert_eq!(hex(&[0, 10, 255]), "000aff");
    }

    #[test]
    fn lists_that_only_read_alike_have_digests_of_their_own() {
        let lists: [&[&str]; 4] = [&["ab", "c"], &["a", "bc"], &["abc"], &["abc", ""]];
        for (at, list) in lists.iter().enumerate() {
            assert!(lists[..at].iter().all(|other| of_parts(other) != of_parts(list)), "{list:?}");
        }
    }
}
