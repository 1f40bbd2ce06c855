//! Which pages may open a widget's chat.

use std::collections::BTreeSet;

use url::Url;

use super::fault::shown;

/// The pages that may open a widget's chat, by their origins (RFC 6454).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// Any page.
    Any,
    /// Pages of these origins, in the form that a browser sends.
    Listed(BTreeSet<String>),
}

impl AllowedOrigins {
    /// Whether the value of an `Origin` header is among them, exactly.
    #[must_use]
    pub fn admits(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(listed) => listed.contains(origin),
        }
    }
}

/// An origin in the form that browsers send: lower case, without the scheme's own port, names in their ASCII form.
pub(super) fn parse(text: &str) -> Result<String, (String, String)> {
    let refused = |why: &str, remedy: &str| Err((format!("`{}` {why}", shown(text)), remedy.to_owned()));
    let form = "Write scheme://host[:port], such as \"https://www.contoso.com\"";
    if text.contains('@') {
        // What stands before it may be a password.
        return Err(("holds credentials, which no origin has".to_owned(), form.to_owned()));
    }
    if text == "null" {
        let remedy = "Name the site, or write [\"*\"] for any";
        return refused("is what sandboxed pages send, of whatever site", remedy);
    }
    let Some((scheme, host)) = text.split_once("://") else { return refused("has no scheme", form) };
    if text.contains('*') {
        return refused("holds a *, which stands for any only alone", "List each origin, or write [\"*\"]");
    }
    if host.contains(['/', '?', '#', '\\']) || text.contains(char::is_whitespace) {
        let host = host.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        let remedy =
            format!("Write scheme://host[:port] and nothing after it: \"{scheme}://{}\"", shown(host));
        return refused("is more than an origin", &remedy);
    }
    let malformed = || refused("is no origin", form);
    let Ok(url) = Url::parse(text) else { return malformed() };
    if url.host_str().is_none_or(str::is_empty) {
        return malformed();
    }
    match url.origin() {
        origin @ url::Origin::Tuple(..) => Ok(origin.ascii_serialization()),
        // Schemes of apps' own web views have no origin in the URL standard; their browsers send it as written.
        url::Origin::Opaque(_) => Ok(text.to_ascii_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_origin_is_kept_as_a_browser_sends_it() {
        for (written, sent) in [
            ("https://www.contoso.com", "https://www.contoso.com"),
            ("https://WWW.Contoso.com:443", "https://www.contoso.com"),
            ("http://shop.test:80", "http://shop.test"),
            ("http://shop.test:8080", "http://shop.test:8080"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("capacitor://localhost", "capacitor://localhost"),
        ] {
            assert_eq!(parse(written).as_deref(), Ok(sent), "{written}");
        }
    }

    #[test]
    fn what_is_more_or_less_than_an_origin_is_refused() {
        for (written, why) in [
            ("https://www.contoso.com/", "is more than an origin"),
            ("https://www.contoso.com/shop", "is more than an origin"),
            ("https://user@www.contoso.com", "holds credentials"),
            (" https://www.contoso.com", "is more than an origin"),
            ("https://*.contoso.com", "holds a *"),
            ("www.contoso.com", "has no scheme"),
            ("null", "sandboxed"),
            ("https://", "is no origin"),
            ("https://shop:99999", "is no origin"),
        ] {
            let message = parse(written).expect_err(written).0;
            assert!(message.contains(why), "{written}: {message}");
        }
    }
}
