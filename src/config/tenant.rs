//! A tenant's file, typed.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::domain::context::{ContextPolicy, Declared, Undeclared, VariableType};
use crate::domain::id::{TenantId, WidgetId};
use crate::domain::queue::Queues;
use crate::domain::token::{KeyExpiry, TokenPolicy};

use super::endpoint_url::{self, Exceptions};
use super::fault::At;
use super::gateway::KeysConfig;
use super::origin::{self, AllowedOrigins};
use super::queue;
use super::raw::Span;
use super::raw_tenant::{
    RawAuthentication, RawContext, RawDeclared, RawInvalidToken, RawKeyExpiry, RawMode, RawTenant,
    RawUndeclared, RawVariable, RawVariableType, RawWidget,
};
use super::reader::Reader;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Declared variables of a tenant; a conversation holds at most 200.
const MAX_VARIABLES: usize = 500;

/// Whose website it is, and what holds there.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The tenant's id: the name of its file.
    pub id: TenantId,
    /// The name for people.
    pub name: String,
    /// Which tokens are taken, and how their variables are read.
    pub policy: TokenPolicy,
    /// Where its keys are published; there wherever a widget takes tokens.
    pub public_key_url: Option<Url>,
    /// The page's function that hands out the customer's token.
    pub javascript_client_function: Option<String>,
    /// Its chat panels.
    pub widgets: BTreeMap<WidgetId, Widget>,
    /// Its queues and their rules, at least one queue.
    pub queues: Arc<Queues>,
}

/// A chat panel's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widget {
    /// Whether customers sign in.
    pub authentication: AuthenticationMode,
    /// What becomes of a customer whose token is not accepted.
    pub invalid_token: InvalidToken,
    /// The pages that may open the chat.
    pub allowed_origins: AllowedOrigins,
    /// Whether a connection without `Origin` is refused.
    pub require_origin: bool,
}

/// Whether customers sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthenticationMode {
    /// Tokens are ignored.
    Off,
    /// Without a token a conversation is anonymous.
    Optional,
    /// No conversation without a valid token.
    Required,
}

/// What becomes of a customer whose token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidToken {
    /// Turned away.
    Refuse,
    /// Told, and then let in as anonymous.
    Anonymous,
}

/// Types a tenant's file; what `keys` allows decides about its URL.
pub(super) fn build(
    id: TenantId,
    raw: RawTenant,
    keys: Option<&KeysConfig>,
    reader: &mut Reader<'_, '_>,
) -> Tenant {
    let policy = policy(&raw.authentication, &raw.context, reader);
    let widgets = widgets(&raw.widgets, reader);
    let at = At::path("authentication.public_key_url");
    let signs_in = widgets.values().any(|widget| widget.authentication != AuthenticationMode::Off);
    let public_key_url = match &raw.authentication.public_key_url {
        None if signs_in => {
            let message = "is missing, and a widget takes tokens";
            let remedy = "Add the URL of the tenant's public-key endpoint, or write authentication = \"off\" for \
                          each widget";
            reader.fault(&at, message, remedy);
            None
        }
        Some(text) => {
            let exceptions = keys.map(|keys| Exceptions {
                http_hosts: &keys.allow_http_hosts,
                networks: &keys.allow_networks,
            });
            let parsed = endpoint_url::parse(text, &endpoint_url::KEYS, exceptions);
            parsed.map_err(|(message, remedy)| reader.fault(&at, message, remedy)).ok()
        }
        None => None,
    };
    let function = raw.authentication.javascript_client_function;
    if function.as_ref().is_some_and(|function| !is_function_path(function)) {
        reader.fault(
            &At::path("authentication.javascript_client_function"),
            "is no name of a JavaScript function",
            "Write the function's name alone, such as \"auth.getAuthenticationToken\", without parentheses",
        );
    }
    let queues = queue::build(&raw.queue, &policy.context, reader);
    Tenant {
        name: raw.name.unwrap_or_else(|| id.to_string()),
        id,
        policy,
        public_key_url,
        javascript_client_function: function,
        widgets,
        queues: Arc::new(queues),
    }
}

/// Types the `[authentication]` and `[context]` tables.
pub(super) fn policy(
    raw: &RawAuthentication,
    context: &RawContext,
    reader: &mut Reader<'_, '_>,
) -> TokenPolicy {
    let mut span = |name: &str, span: &Span, least, most| {
        reader.span(&At::path("authentication").key(name), span, least..=most)
    };
    let clock_skew = span("clock_skew", &raw.clock_skew, Duration::ZERO, HOUR);
    let expiry_grace = span("expiry_grace", &raw.expiry_grace, Duration::ZERO, DAY);
    let max_token_lifetime = span("max_token_lifetime", &raw.max_token_lifetime, SECOND, 366 * DAY);
    let claim = |text: &str| {
        let sound =
            !text.trim().is_empty() && text.chars().count() <= 512 && !text.contains(char::is_control);
        let remedy = "Write 1 to 512 characters, not only blanks and no control characters".to_owned();
        if sound { Ok(text.to_owned()) } else { Err(("no token could have this value".to_owned(), remedy)) }
    };
    TokenPolicy {
        issuers: reader.each(&At::path("authentication.issuers"), &raw.issuers, claim),
        audiences: reader.each(&At::path("authentication.audiences"), &raw.audiences, claim),
        clock_skew,
        expiry_grace,
        max_token_lifetime,
        key_expiry: match raw.key_expiry {
            RawKeyExpiry::Enforce => KeyExpiry::Enforce,
            RawKeyExpiry::Warn => KeyExpiry::Warn,
            RawKeyExpiry::Ignore => KeyExpiry::Ignore,
        },
        strict_context: raw.strict_context,
        max_key_bits: raw.max_key_bits,
        max_token_bytes: usize::try_from(raw.max_token_bytes).unwrap_or(usize::MAX),
        context: variables(context, reader),
    }
}

fn variables(raw: &RawContext, reader: &mut Reader<'_, '_>) -> ContextPolicy {
    let at = At::path("context.variables");
    if raw.variables.len() > MAX_VARIABLES {
        reader.fault(&at, "declares too many variables", format!("Declare at most {MAX_VARIABLES}"));
    }
    let mut declared = BTreeMap::new();
    for (name, variable) in &raw.variables {
        if name.is_empty() || name.chars().count() > 100 || name.contains(char::is_control) {
            let remedy = "Give it 1 to 100 characters, none a control character";
            reader.fault(&at.key(name), "no variable can have this name", remedy);
        }
        let (kind, signed) = match variable {
            RawVariable::Type(kind) => (Some(*kind), false),
            RawVariable::Declared(RawDeclared { kind, signed }) => (*kind, *signed),
        };
        let kind = kind.map(|kind| match kind {
            RawVariableType::Text => VariableType::Text,
            RawVariableType::Number => VariableType::Number,
            RawVariableType::Boolean => VariableType::Boolean,
        });
        declared.extend(kind.map(|kind| (name.clone(), Declared { kind, signed })));
    }
    let undeclared = match raw.undeclared {
        RawUndeclared::Text => Undeclared::Text,
        RawUndeclared::Reject => Undeclared::Reject,
    };
    ContextPolicy { declared, undeclared }
}

fn widgets(raw: &BTreeMap<String, RawWidget>, reader: &mut Reader<'_, '_>) -> BTreeMap<WidgetId, Widget> {
    let mut widgets = BTreeMap::new();
    for (id, raw) in raw {
        let at = At::path("widgets").key(id);
        if raw.invalid_token == RawInvalidToken::Anonymous && raw.authentication == RawMode::Required {
            let message =
                "\"anonymous\" contradicts authentication = \"required\", which lets nobody anonymous in";
            let remedy = "Write invalid_token = \"refuse\", or authentication = \"optional\"";
            reader.fault(&at.key("invalid_token"), message, remedy);
        }
        let listed = raw.allowed_origins.as_deref().unwrap_or_default();
        let allowed_origins = if listed == ["*"] {
            AllowedOrigins::Any
        } else {
            let origins = reader.each(&at.key("allowed_origins"), listed, origin::parse);
            AllowedOrigins::Listed(origins.into_iter().collect())
        };
        let widget = Widget {
            authentication: match raw.authentication {
                RawMode::Off => AuthenticationMode::Off,
                RawMode::Optional => AuthenticationMode::Optional,
                RawMode::Required => AuthenticationMode::Required,
            },
            invalid_token: match raw.invalid_token {
                RawInvalidToken::Refuse => InvalidToken::Refuse,
                RawInvalidToken::Anonymous => InvalidToken::Anonymous,
            },
            allowed_origins,
            require_origin: raw.require_origin,
        };
        match WidgetId::from_str(id) {
            Ok(id) => {
                widgets.insert(id, widget);
            }
            Err(error) => {
                reader.fault(&at, format!("a widget's id {error}"), "Rename it, as in [widgets.web]");
            }
        }
    }
    widgets
}

fn is_function_path(text: &str) -> bool {
    let identifier = |name: &str| {
        let first = |c: char| c.is_alphabetic() || c == '_' || c == '$';
        name.starts_with(first) && name.chars().all(|c| first(c) || c.is_numeric())
    };
    text.len() <= 200 && text.split('.').all(identifier)
}
