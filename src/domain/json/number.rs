//! Numbers by their text: exact where it matters, a double where that is what was asked for.

/// A number by its RFC 8259 §6 text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number<'a>(&'a str);

/// A number lies outside of what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfRange {
    /// Less than 0.
    Negative,
    /// Greater than can be held.
    TooGreat,
}

/// The longest whole part that is read: beyond any date and well within an `i64`.
const MAX_WHOLE_DIGITS: i64 = 17;

impl<'a> Number<'a> {
    /// From a text that the grammar of numbers was found to hold for.
    pub(super) const fn from_checked(text: &'a str) -> Self {
        Self(text)
    }

    /// Reads a text that is exactly one number: no blanks around it, no sign `+`, no leading zero.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let digits_first = matches!(text.as_bytes().first(), Some(b'-' | b'0'..=b'9'));
        let digit_last = text.as_bytes().last().is_some_and(u8::is_ascii_digit);
        let whole =
            digits_first && digit_last && serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok();
        whole.then_some(Self(text))
    }

    /// The text as it came.
    #[must_use]
    pub const fn text(self) -> &'a str {
        self.0
    }

    /// The nearest double, where that is finite.
    #[must_use]
    pub fn as_f64(self) -> Option<f64> {
        self.0.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// A number of seconds as milliseconds: the whole ones, and whether a fraction of one is left over.
    ///
    /// Worked out on the decimal digits, so that no rounding of a double moves a date.
    pub fn as_millis(self) -> Result<(i64, bool), OutOfRange> {
        match scaled(self.0.trim_start_matches('-'), 3) {
            Ok((0, false)) => Ok((0, false)),
            _ if self.0.starts_with('-') => Err(OutOfRange::Negative),
            positive => positive,
        }
    }

    /// Its absolute value: the whole part, and whether a fraction is left over.
    pub fn magnitude(self) -> Result<(i64, bool), OutOfRange> {
        scaled(self.0.trim_start_matches('-'), 0)
    }
}

/// Multiplies an unsigned decimal by a power of ten: the whole part, and whether a fraction is left over.
fn scaled(text: &str, power: i64) -> Result<(i64, bool), OutOfRange> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    let Some(leading_zeros) = digits().position(|digit| digit != b'0') else { return Ok((0, false)) };
    // An exponent that no i32 holds is as good as the farthest one: no text has digits enough to make up for it.
    let exponent =
        exponent.parse::<i32>().unwrap_or(if exponent.starts_with('-') { i32::MIN } else { i32::MAX });
    let length = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let point = length(whole.len()) + i64::from(exponent) + power;
    if point - length(leading_zeros) > MAX_WHOLE_DIGITS {
        return Err(OutOfRange::TooGreat);
    }
    let before = usize::try_from(point).unwrap_or(0);
    let padded = digits().chain(std::iter::repeat(b'0'));
    let number = padded.take(before).fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Ok((number, digits().skip(before).any(|digit| digit != b'0')))
}
