//! Which form of a file a client takes (RFC 9110 §12.5.3), and whether it has that form already (§13.1.2).

/// How a file's bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// As they are.
    Identity,
    /// gzip (RFC 1952).
    Gzip,
    /// Brotli (RFC 7932).
    Brotli,
}

impl Coding {
    /// The name of `Content-Encoding`; none where the bytes are as they are.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }

    /// The form to answer with, by the lines of `Accept-Encoding`: the most wanted, and of several the smallest.
    ///
    /// Who sends none is given the bytes as they are, and so is who refuses all three: an answer that can't be read
    /// helps as little as a 406, and a client that reads it anyway is helped.
    pub fn accepted<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut wanted = Wanted::default();
        let elements = lines.into_iter().flat_map(|line| line.split(','));
        for (coding, weight) in elements.filter_map(element) {
            let place = match coding.to_ascii_lowercase().as_str() {
                "br" => &mut wanted.brotli,
                "gzip" | "x-gzip" => &mut wanted.gzip,
                "identity" => &mut wanted.identity,
                "*" => &mut wanted.others,
                _ => continue,
            };
            *place = Some(weight);
        }
        wanted.best()
    }
}

/// A weight in thousandths: 0 is not taken at all.
type Weight = u16;
const WEIGHT_MAX: Weight = 1000;

/// What was said of each coding.
#[derive(Default)]
struct Wanted {
    brotli: Option<Weight>,
    gzip: Option<Weight>,
    identity: Option<Weight>,
    others: Option<Weight>,
}

impl Wanted {
    fn best(&self) -> Coding {
        let compressed = |weight: Option<Weight>| weight.or(self.others).unwrap_or(0);
        // It is acceptable unless excluded, but nobody who names another waits for it.
        let identity = self.identity.unwrap_or(0);
        let forms = [
            (Coding::Identity, identity),
            (Coding::Gzip, compressed(self.gzip)),
            (Coding::Brotli, compressed(self.brotli)),
        ];
        // Of equals the last.
        let best = forms.into_iter().max_by_key(|(_, weight)| *weight);
        best.filter(|(_, weight)| *weight > 0).map_or(Coding::Identity, |(coding, _)| coding)
    }
}

/// A coding and its weight; none where the weight is none by RFC 9110 §12.4.2.
fn element(text: &str) -> Option<(&str, Weight)> {
    let mut parts = text.split(';').map(str::trim);
    let coding = parts.next()?;
    let mut weight = WEIGHT_MAX;
    for parameter in parts {
        if let Some((name, value)) = parameter.split_once('=')
            && name.eq_ignore_ascii_case("q")
        {
            weight = thousandths(value)?;
        }
    }
    Some((coding, weight))
}

/// `0`, `1`, and up to three digits behind a point, at most one in all.
fn thousandths(value: &str) -> Option<Weight> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let sound = matches!(whole, "0" | "1") && fraction.len() <= 3;
    if !sound || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let weight: Weight = format!("{whole}{fraction:0<3}").parse().ok()?;
    (weight <= WEIGHT_MAX).then_some(weight)
}

/// Whether the lines of `If-None-Match` name this entity tag, by the weak comparison (RFC 9110 §8.8.3.2).
///
/// No entity tag holds a quotation mark, so that a part of somebody else's that a comma cut off is never ours.
pub fn is_known<'a>(etag: &str, lines: impl IntoIterator<Item = &'a str>) -> bool {
    let mut tags = lines.into_iter().flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::Coding::{Brotli, Gzip, Identity};
    use super::*;

    #[test]
    fn a_client_is_given_the_smallest_form_of_those_that_it_wants_most() {
        for (line, coding) in [
            ("gzip, deflate, br, zstd", Brotli),
            ("br", Brotli),
            ("BR;Q=0.5, gzip", Gzip),
            ("gzip;q=0.5, br;q=0.501", Brotli),
            ("gzip;q=0.5, br;q=0.499", Gzip),
            ("gzip;q=0.5, br;q=0.5", Brotli),
            ("x-gzip", Gzip),
            ("deflate", Identity),
            ("identity", Identity),
            ("identity, gzip", Gzip),
            ("identity;q=1, gzip;q=0.9", Identity),
            ("gzip ; q=0.001", Gzip),
            ("*", Brotli),
            ("*;q=0.1", Brotli),
            ("*, br;q=0", Gzip),
            ("br;q=0, gzip;q=0", Identity),
            ("", Identity),
            (" , ,", Identity),
        ] {
            assert_eq!(Coding::accepted([line]), coding, "{line:?}");
        }
        assert_eq!(Coding::accepted([]), Identity);
        assert_eq!(Coding::accepted(["deflate", "gzip"]), Gzip, "lines are one list");
    }

    #[test]
    fn who_refuses_every_form_is_given_the_bytes_as_they_are() {
        for line in ["identity;q=0", "*;q=0", "identity;q=0, *;q=0", "identity;q=0, gzip;q=0"] {
            assert_eq!(Coding::accepted([line]), Identity, "{line:?}");
        }
        assert_eq!(Coding::accepted(["identity;q=0, br;q=0.001"]), Brotli);
    }

    #[test]
    fn a_weight_is_written_by_the_rule_or_its_coding_is_not_wanted() {
        for (value, weight) in
            [("0", 0), ("0.", 0), ("0.001", 1), ("0.5", 500), ("0.999", 999), ("1", 1000), ("1.000", 1000)]
        {
            assert_eq!(thousandths(value), Some(weight), "{value:?}");
        }
        for value in ["", "2", "1.001", "0.1234", "-0", "+1", ".5", "0. 5", "1e0", "0,5", "NaN"] {
            assert_eq!(thousandths(value), None, "{value:?}");
            assert_eq!(Coding::accepted([&*format!("br;q={value}, gzip;q=0.1")]), Gzip, "{value:?}");
        }
    }

    #[test]
    fn an_entity_tag_is_known_wherever_it_stands_and_whoever_weakened_it() {
        for lines in
            [&["\"a\""][..], &["\"b\", \"a\""], &["\"b\"", "\"a\""], &["W/\"a\""], &["*"], &[" \"a\" "]]
        {
            assert!(is_known("\"a\"", lines.iter().copied()), "{lines:?}");
        }
        for lines in [&[][..], &[""], &["a"], &["\"A\""], &["\"b,\"a"], &["\"a"], &["w/\"a\""], &["\"ab\""]] {
            assert!(!is_known("\"a\"", lines.iter().copied()), "{lines:?}");
        }
    }
}
