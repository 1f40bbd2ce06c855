//! Changes to `usher.toml` as a text: what isn't changed keeps every byte, comments included.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::domain::id::ClientId;

use super::AddArgs;
use super::edit::NotEdited;

/// Secrets of a client in force at one time.
const SECRETS_MAX: usize = 2;

/// The text with one more `[[client]]` at its end.
pub(super) fn add(text: &str, args: &AddArgs, hash: &str) -> Result<String, NotEdited> {
    if secrets_of(text, &args.id)?.is_some() {
        let why = "is there already: choose another id, or give it a new secret with usher client rotate";
        return Err(NotEdited::Refused(format!("the client {} {why}", args.id)));
    }
    let eol = line_end(text);
    let list = |all: &[String]| all.iter().map(|one| format!("\"{one}\"")).collect::<Vec<_>>().join(", ");
    let mut lines = vec![
        "[[client]]".to_owned(),
        format!("id = \"{}\"", args.id),
        format!("secret_sha256 = [\"{hash}\"]"),
        format!("scopes = [{}]", list(&args.scopes)),
        format!("tenants = [{}]", list(&args.tenants)),
    ];
    let spans = [("token_lifetime", &args.token_lifetime), ("idle_timeout", &args.idle_timeout)];
    let given = spans.into_iter().filter_map(|(name, span)| Some((name, span.as_ref()?)));
    lines.extend(given.map(|(name, span)| format!("{name} = \"{span}\"")));
    let gap = match text {
        "" => "",
        _ if text.ends_with('\n') => eol,
        _ => &eol.repeat(2),
    };
    Ok(format!("{text}{gap}{}{eol}", lines.join(eol)))
}

/// The text with a second secret of this client behind the first.
pub(super) fn add_secret(text: &str, id: &ClientId, hash: &str) -> Result<String, NotEdited> {
    let secrets = secrets_of(text, id)?.ok_or_else(|| unknown(id))?;
    if secrets.len() >= SECRETS_MAX {
        return Err(NotEdited::Refused(format!(
            "{id} has two secrets, and a third is not taken: drop the older one first, with usher client rotate --id \
             {id} --finish"
        )));
    }
    let Some(last) = secrets.last() else { return Err(elsewhere(id)) };
    Ok(format!("{}, \"{hash}\"{}", &text[..last.end], &text[last.end..]))
}

/// The text without the first of this client's two secrets.
pub(super) fn drop_older(text: &str, id: &ClientId) -> Result<String, NotEdited> {
    let secrets = secrets_of(text, id)?.ok_or_else(|| unknown(id))?;
    let [older, newer] = &secrets[..] else {
        return Err(NotEdited::Refused(format!(
            "{id} has one secret, and that stays: make the new one first, with usher client rotate --id {id}"
        )));
    };
    Ok(format!("{}{}", &text[..older.start], &text[newer.start..]))
}

fn unknown(id: &ClientId) -> NotEdited {
    NotEdited::Refused(format!("there is no client {id} in the file: see usher client list"))
}

fn elsewhere(id: &ClientId) -> NotEdited {
    NotEdited::Refused(format!(
        "the secrets of {id} can't be found in the file: change secret_sha256 by hand"
    ))
}

/// Where each of a client's secrets stands; none where there is no such client. The text has been found to be a
/// configuration, so that what isn't found here stands elsewhere, as in a variable.
fn secrets_of(text: &str, id: &ClientId) -> Result<Option<Vec<Range<usize>>>, NotEdited> {
    let no_toml =
        |error: toml::de::Error| NotEdited::Refused(format!("the file isn't TOML: {}", error.message()));
    let root = DeTable::parse(text).map_err(no_toml)?.into_inner();
    let Some(DeValue::Array(clients)) = root.get("client").map(Spanned::get_ref) else { return Ok(None) };
    let tables = clients.iter().filter_map(|client| client.get_ref().as_table());
    let is_it = |table: &&DeTable<'_>| {
        table.get("id").and_then(|value| value.get_ref().as_str()).is_some_and(|text| text == id.as_str())
    };
    let Some(table) = tables.into_iter().find(is_it) else { return Ok(None) };
    match table.get("secret_sha256").map(Spanned::get_ref) {
        Some(DeValue::Array(secrets)) => Ok(Some(secrets.iter().map(Spanned::span).collect())),
        _ => Err(elsewhere(id)),
    }
}

fn line_end(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"# by hand
[listen]
public = "127.0.0.1:0" # here

[[client]]
id = "one"
secret_sha256 = [
    "aa", # since May
]
scopes = ["*"]
tenants = ["*"]

[[client]] # the other
secret_sha256 = [ "bb" , { env = "SECOND" } ]  # both
id = "two"
scopes = ["*"]
tenants = ["*"]
# the end"#;

    fn args(id: &str) -> AddArgs {
        AddArgs {
            id: id.parse().unwrap(),
            scopes: vec!["events:read".into(), "keys:read".into()],
            tenants: vec!["contoso".into()],
            token_lifetime: None,
            idle_timeout: Some("15m".into()),
            config: "usher.toml".into(),
        }
    }

    fn id(text: &str) -> ClientId {
        text.parse().unwrap()
    }

    fn refusal(edited: Result<String, NotEdited>) -> String {
        match edited {
            Err(NotEdited::Refused(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_client_is_added_at_the_end_and_all_else_stays() {
        let table = "[[client]]\nid = \"new\"\nsecret_sha256 = [\"cc\"]\nscopes = [\"events:read\", \"keys:read\"]\n\
            tenants = [\"contoso\"]\nidle_timeout = \"15m\"\n";
        assert_eq!(add(FILE, &args("new"), "cc").unwrap(), format!("{FILE}\n\n{table}"));
        assert_eq!(add("a = 1\n", &args("new"), "cc").unwrap(), format!("a = 1\n\n{table}"));
        assert_eq!(add("", &args("new"), "cc").unwrap(), table);
        let windows = format!("a = 1\r\n\r\n{}", table.replace('\n', "\r\n"));
        assert_eq!(add("a = 1\r\n", &args("new"), "cc").unwrap(), windows);
    }

    #[test]
    fn an_id_is_taken_once() {
        assert!(refusal(add(FILE, &args("two"), "cc")).contains("is there already"));
    }

    #[test]
    fn a_second_secret_goes_behind_the_first_and_a_third_nowhere() {
        let rotated = add_secret(FILE, &id("one"), "cc").unwrap();
        assert_eq!(rotated, FILE.replace("\"aa\"", "\"aa\", \"cc\""));
        assert!(refusal(add_secret(&rotated, &id("one"), "dd")).contains("a third is not taken"));
        assert!(refusal(add_secret(FILE, &id("three"), "dd")).contains("no client three"));
    }

    #[test]
    fn the_older_of_two_secrets_is_dropped_and_the_only_one_is_not() {
        let finished = drop_older(FILE, &id("two")).unwrap();
        assert_eq!(finished, FILE.replace("\"bb\" , ", ""));
        assert!(refusal(drop_older(&finished, &id("two"))).contains("has one secret"));
        assert!(refusal(drop_older(FILE, &id("three"))).contains("no client three"));
        let rotated = add_secret(FILE, &id("one"), "cc").unwrap();
        assert_eq!(drop_older(&rotated, &id("one")).unwrap(), FILE.replace("\"aa\"", "\"cc\""));
    }
}
