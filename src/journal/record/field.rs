//! Fields that have no shape of their own: text for what is checked elsewhere, lists and maps of shapes.

use data_encoding::HEXLOWER;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A field that is written as one text and read back by `$read`, which refuses what can't be one.
macro_rules! text {
    ($name:ident, $type:ty, |$value:ident| $write:expr, $read:expr) => {
        pub(super) mod $name {
            use super::*;

            pub(in super::super) fn serialize<S: Serializer>(
                $value: &$type,
                to: S,
            ) -> Result<S::Ok, S::Error> {
                to.collect_str($write)
            }

            pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
                from: D,
            ) -> Result<$type, D::Error> {
                let read: fn(String) -> Option<$type> = $read;
                read(String::deserialize(from)?)
                    .ok_or_else(|| D::Error::custom(concat!("not a valid ", stringify!($name))))
            }
        }
    };
}

type Client = crate::domain::id::ClientId;
type Id = crate::domain::conversation::MessageId;
type Text = crate::domain::conversation::MessageText;
type Print = crate::domain::keys::Fingerprint;

text!(client, Client, |value| value.as_str(), |text| text.parse().ok());
text!(message_id, Id, |value| value.as_str(), |text| Id::new(&text));
text!(message_text, Text, |value| value.as_str(), |text| Some(Text::stored(text)));
text!(fingerprint, Print, |value| value, |text| read_fingerprint(&text));
// As text: a JSON number may lose its last bit on the way, and this decides how customers are routed.
text!(double, f64, |value| value, |text| text.parse().ok().filter(|number: &f64| number.is_finite()));

fn read_fingerprint(text: &str) -> Option<Print> {
    let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
    bytes.try_into().ok().map(crate::domain::keys::Fingerprint)
}

/// Milliseconds since the epoch.
pub(super) mod time {
    use super::{Deserialize, Deserializer, Serialize, Serializer};
    use crate::domain::time::UnixTime;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields by reference")]
    pub(in super::super) fn serialize<S: Serializer>(time: &UnixTime, to: S) -> Result<S::Ok, S::Error> {
        time.millis().serialize(to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<UnixTime, D::Error> {
        i64::deserialize(from).map(UnixTime::from_millis)
    }
}

/// The number of an entry.
pub(super) mod sequence {
    use super::{Deserialize, Deserializer, Serialize, Serializer};
    use crate::domain::id::Sequence;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields by reference")]
    pub(in super::super) fn serialize<S: Serializer>(place: &Sequence, to: S) -> Result<S::Ok, S::Error> {
        place.get().serialize(to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Sequence, D::Error> {
        u64::deserialize(from).map(Sequence::new)
    }
}

pub(super) mod variables {
    use std::collections::BTreeMap;

    use super::super::VariableShape;
    use super::{Deserialize, Deserializer, Serialize, Serializer};
    use crate::domain::context::{Variable, Variables};

    #[derive(Serialize)]
    struct Borrowed<'a>(#[serde(with = "VariableShape")] &'a Variable);

    #[derive(Deserialize)]
    struct Owned(#[serde(with = "VariableShape")] Variable);

    pub(in super::super) fn serialize<S: Serializer>(all: &Variables, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(all.iter().map(|(name, variable)| (name, Borrowed(variable))))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Variables, D::Error> {
        let all = BTreeMap::<String, Owned>::deserialize(from)?;
        Ok(all.into_iter().map(|(name, variable)| (name, variable.0)).collect())
    }
}

pub(super) mod rejected {
    use super::super::RejectedVariableShape;
    use super::{Deserialize, Deserializer, Serialize, Serializer};
    use crate::domain::context::RejectedVariable;

    #[derive(Serialize)]
    struct Borrowed<'a>(#[serde(with = "RejectedVariableShape")] &'a RejectedVariable);

    #[derive(Deserialize)]
    struct Owned(#[serde(with = "RejectedVariableShape")] RejectedVariable);

    pub(in super::super) fn serialize<S: Serializer>(
        all: &[RejectedVariable],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(all.iter().map(Borrowed))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<RejectedVariable>, D::Error> {
        Ok(Vec::<Owned>::deserialize(from)?.into_iter().map(|one| one.0).collect())
    }
}
