//! A value that may be secret: written out, or named by an environment variable or a file.

use std::fmt;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use super::vars::Vars;

/// A secret takes at most this many bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// A value that may be secret: written here, or named by the environment variable or the file that holds it.
// It has no `Display`, and its `Debug` shows where, never what.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Secret {
    /// Written in the configuration itself.
    Literal(String),
    /// Held by an environment variable or a file.
    Elsewhere(Elsewhere),
}

/// Where a secret stands that isn't in the configuration: exactly one of the two.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Elsewhere {
    /// The environment variable that holds it.
    pub env: Option<String>,
    /// The file that holds it, a line end after it not counted.
    pub file: Option<String>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(_) => f.write_str("Literal(…)"),
            Self::Elsewhere(place) => place.fmt(f),
        }
    }
}

impl Secret {
    /// Fetches the value. The error says what is wrong and what to do, and holds nothing of the value.
    pub(super) fn read(&self, folder: &Path, vars: &dyn Vars) -> Result<String, (String, String)> {
        let found = match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Elsewhere(Elsewhere { env: Some(name), file: None }) => vars.get(name).ok_or_else(|| {
                let message = format!("the environment variable {name} isn't set");
                (message, "Set it for the process that runs usher, or name another".to_owned())
            }),
            Self::Elsewhere(Elsewhere { env: None, file: Some(file) }) => read(&folder.join(file)),
            Self::Elsewhere(_) => Err((
                "a secret is named by `env` or by `file`, by one of them".to_owned(),
                "Write { env = \"NAME\" } or { file = \"path\" }".to_owned(),
            )),
        }?;
        Ok(found.trim_end_matches(['\r', '\n']).to_owned())
    }
}

fn read(path: &Path) -> Result<String, (String, String)> {
    let refused = |why: &str| {
        let message = format!("the file {} can't be read: {why}", path.display());
        (message, "Correct the path, and let the user that runs usher read the file".to_owned())
    };
    super::files::read_text(path, MAX_BYTES).map_err(|why| refused(&why))
}
