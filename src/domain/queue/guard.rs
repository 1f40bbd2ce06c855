//! What is looked at before a rule is parsed: the parser goes as deep as a rule makes it, and a stack is finite.

use super::RuleFault;

/// The longest rule in bytes.
pub const MAX_BYTES: usize = 2048;
/// How deep brackets may stand in each other.
pub const MAX_NESTING: usize = 16;
/// Operators of a rule: `+ - * / % < > = ! & | ? :`, those of two characters once, and `in`.
pub const MAX_OPERATORS: usize = 200;
/// Points and opening brackets of a rule: each may be one step deeper into a value.
pub const MAX_STEPS: usize = 200;

/// Bounds what the parser will have to do.
///
/// It counts bytes wherever they stand, in texts too: nothing has to be understood for that, so nothing can be made to
/// be misunderstood.
pub(super) fn check(text: &str) -> Result<(), RuleFault> {
    if text.len() > MAX_BYTES {
        let message = format!("the rule has {} bytes", text.len());
        return Err(RuleFault::new(
            0,
            message,
            format!("Write at most {MAX_BYTES}, or split it into two queues"),
        ));
    }
    let (mut nesting, mut operators, mut steps) = (0_usize, 0_usize, 0_usize);
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied();
        let mut width = 1;
        match byte {
            b'(' | b'[' | b'{' => {
                nesting += 1;
                steps += 1;
            }
            b')' | b']' | b'}' => nesting = nesting.saturating_sub(1),
            b'.' if !next.is_some_and(|next| next.is_ascii_digit()) => steps += 1,
            b'&' | b'|' if next == Some(byte) => {
                operators += 1;
                width = 2;
            }
            b'=' | b'!' | b'<' | b'>' if next == Some(b'=') => {
                operators += 1;
                width = 2;
            }
            b'+' | b'-' | b'*' | b'/' | b'%' | b'<' | b'>' | b'=' | b'!' | b'&' | b'|' | b'?' | b':' => {
                operators += 1;
            }
            b'i' if is_in(bytes, at) => operators += 1,
            _ => {}
        }
        let too_many = [
            (nesting > MAX_NESTING, "brackets stand too deep in each other", MAX_NESTING, "levels"),
            (operators > MAX_OPERATORS, "has too many operators", MAX_OPERATORS, "of them"),
            (steps > MAX_STEPS, "has too many points and brackets", MAX_STEPS, "of them"),
        ];
        if let Some((_, message, most, what)) = too_many.into_iter().find(|(is_over, ..)| *is_over) {
            let remedy = format!("Write at most {most} {what}, or split the rule into two queues");
            return Err(RuleFault::new(at, message, remedy));
        }
        at += width;
    }
    Ok(())
}

/// Whether the operator `in` stands there.
fn is_in(bytes: &[u8], at: usize) -> bool {
    let in_name = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let before = at.checked_sub(1).and_then(|before| bytes.get(before));
    bytes[at..].starts_with(b"in") && !in_name(before) && !in_name(bytes.get(at + 2))
}
