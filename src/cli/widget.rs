//! `usher widget`: the lines that a page needs for a widget, with the hash that pins what they load.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use url::{Host, Url};

use crate::config::{AllowedOrigins, AuthenticationMode, Tenant, Vars, Widget};
use crate::domain::id::WidgetId;
use crate::gateway::WidgetFile;

use super::Exit;
use super::check::load_or_report;
use super::reach::reachable;

/// What the page does where its own server hands out the token.
const PROVIDER: &str = "<script>window.addEventListener(\"usher:ready\", () => \
                        Usher.setAuthTokenProvider(async () => (await fetch(\"/token\")).text()))</script>";

/// What `usher widget` is asked.
#[derive(Debug, Args)]
pub struct WidgetArgs {
    /// The tenant's id.
    #[arg(long, value_name = "ID")]
    pub tenant: String,
    /// The widget's id.
    #[arg(long, value_name = "ID")]
    pub widget: String,
    /// Where browsers reach the public listener: `https://chat.example.com`. Left out, its address on this machine.
    #[arg(long, value_name = "URL", value_parser = gateway)]
    pub gateway: Option<Url>,
    /// Pin the script: the page loads this release's or nothing, and needs a new line after each upgrade of usher.
    #[arg(long)]
    pub integrity: bool,
    /// The configuration's file.
    #[arg(long, value_name = "FILE", default_value = "usher.toml")]
    pub config: PathBuf,
    /// Print JSON: the lines, the URLs and hashes, and what a Content-Security-Policy has to allow.
    #[arg(long)]
    pub json: bool,
}

/// Prints the lines on `out`, and on `err` what stands in the way of the chat.
///
/// # Errors
/// Where `out` can't be written.
pub fn run(
    args: &WidgetArgs,
    vars: &dyn Vars,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<Exit> {
    let config = match load_or_report(&args.config, vars, err) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    let found = find(config.tenants.values().map(AsRef::as_ref), args);
    let asked = found.and_then(|(tenant, widget)| {
        let gateway = args.gateway.clone().map_or_else(|| on_this_machine(config.listen.public), Ok)?;
        Ok(Page { tenant, widget, id: &args.widget, gateway })
    });
    let page = match asked {
        Ok(page) => page,
        Err(why) => {
            writeln!(err, "usher: {why}")?;
            return Ok(Exit::Usage);
        }
    };
    for hint in page.hints(args.integrity) {
        writeln!(err, "usher: {hint}")?;
    }
    if args.json {
        writeln!(out, "{:#}", page.json(args.integrity))?;
    } else {
        for line in page.lines(args.integrity) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(Exit::Done)
}

fn find<'a>(
    mut tenants: impl Iterator<Item = &'a Tenant>,
    args: &WidgetArgs,
) -> Result<(&'a Tenant, &'a Widget), String> {
    let tenant = tenants.find(|tenant| tenant.id.as_str() == args.tenant).ok_or_else(|| {
        format!("there is no tenant `{}`; its file would be named after it", args.tenant.escape_debug())
    })?;
    let found = tenant.widgets.iter().find(|(id, _)| id.as_str() == args.widget);
    let (_, widget) = found.ok_or_else(|| {
        let known: Vec<_> = tenant.widgets.keys().map(WidgetId::as_str).collect();
        format!(
            "the tenant has no widget `{}`; its file has a table [widgets.ID] for each, now: {}",
            args.widget.escape_debug(),
            if known.is_empty() { "none".to_owned() } else { known.join(", ") }
        )
    })?;
    Ok((tenant, widget))
}

/// Where browsers reach the gateway: scheme and host, and nothing that a script's address couldn't be made of.
fn gateway(text: &str) -> Result<Url, String> {
    let url =
        Url::parse(text).map_err(|error| format!("{error}; write https://host or https://host:port"))?;
    let bare = matches!(url.scheme(), "http" | "https")
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if bare {
        Ok(url)
    } else {
        Err("write https://host or https://host:port, and nothing after it".to_owned())
    }
}

fn on_this_machine(listens: SocketAddr) -> Result<Url, String> {
    let at = reachable(listens);
    if at.port() == 0 {
        return Err(
            "the public listener's port is any; say with --gateway where browsers reach it".to_owned()
        );
    }
    Url::parse(&format!("http://{at}")).map_err(|error| error.to_string())
}

/// A page that a widget is to stand on.
struct Page<'a> {
    tenant: &'a Tenant,
    widget: &'a Widget,
    id: &'a str,
    gateway: Url,
}

impl Page<'_> {
    /// The gateway's origin: what the widget's addresses begin with.
    fn origin(&self) -> String {
        self.gateway.origin().ascii_serialization()
    }

    fn lines(&self, pinned: bool) -> Vec<String> {
        let (origin, tenant, id) = (self.origin(), &self.tenant.id, self.id);
        let script = file("usher.js");
        let source = if pinned {
            let integrity = script.integrity();
            format!("src=\"{origin}{}\" integrity=\"{integrity}\" crossorigin", script.immutable_path())
        } else {
            format!("src=\"{origin}{}\"", script.path())
        };
        let mut lines =
            vec![format!("<script {source} data-tenant=\"{tenant}\" data-widget=\"{id}\" defer></script>")];
        let signs_in = self.widget.authentication != AuthenticationMode::Off;
        // A function that is configured is found by the widget itself.
        if signs_in && self.tenant.javascript_client_function.is_none() {
            lines.push(PROVIDER.to_owned());
        }
        lines
    }

    /// What the chat will not work with, or not always.
    fn hints(&self, pinned: bool) -> Vec<String> {
        let mut hints = Vec::new();
        if self.widget.allowed_origins == AllowedOrigins::Listed(std::collections::BTreeSet::new()) {
            hints.push(format!(
                "no page may open this chat: allowed_origins of [widgets.{}] is empty. List the page's origin there",
                self.id
            ));
        }
        // Browsers load nothing from http on a page of https, this machine excepted.
        let is_local = match self.gateway.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        if self.gateway.scheme() == "http" {
            let remedy = "Put a proxy that speaks TLS before it, and name that with --gateway";
            hints.push(if is_local {
                "these lines are for pages on this machine; name what browsers reach with --gateway"
                    .to_owned()
            } else {
                format!("a page of https loads no script over http. {remedy}")
            });
        }
        if pinned {
            let lost = "after an upgrade of usher the pinned script may be gone (404), and with it the chat";
            hints.push(format!("{lost}: print the lines again, and change the page at the same time"));
        }
        hints
    }

    fn json(&self, pinned: bool) -> serde_json::Value {
        let origin = self.origin();
        let describe = |name: &str| {
            let file = file(name);
            json!({
                "url": format!("{origin}{}", file.path()),
                "immutable_url": format!("{origin}{}", file.immutable_path()),
                "integrity": file.integrity(),
            })
        };
        let socket = origin.replacen("http", "ws", 1);
        json!({
            "tenant": self.tenant.id.as_str(),
            "widget": self.id,
            "lines": self.lines(pinned),
            "files": {
                "usher.js": describe("usher.js"),
                "usher.mjs": describe("usher.mjs"),
                "usher.d.ts": describe("usher.d.ts"),
            },
            "content_security_policy": {
                "script-src": [origin],
                "connect-src": [origin, socket],
            },
        })
    }
}

fn file(name: &str) -> &'static WidgetFile {
    WidgetFile::named(name).expect("the binary holds every file of the widget")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_a_scheme_and_a_host() {
        for text in [
            "https://chat.example.com",
            "https://chat.example.com/",
            "http://127.0.0.1:8080",
            "http://[::1]:1",
        ] {
            assert!(gateway(text).is_ok(), "{text}");
        }
        for text in [
            "chat.example.com",
            "wss://chat.example.com",
            "https://chat.example.com/usher",
            "https://chat.example.com?",
            "https://chat.example.com/#a",
            "https://me:secret@chat.example.com",
            "https://",
        ] {
            let why = gateway(text).expect_err(text);
            assert!(why.contains("https://host") && !why.contains("secret"), "{why}");
        }
    }

    #[test]
    fn a_listener_on_any_port_is_nowhere() {
        assert_eq!(
            on_this_machine("0.0.0.0:8080".parse().unwrap()).unwrap().as_str(),
            "http://127.0.0.1:8080/"
        );
        assert_eq!(on_this_machine("[::]:1".parse().unwrap()).unwrap().as_str(), "http://[::1]:1/");
        assert!(on_this_machine("127.0.0.1:0".parse().unwrap()).is_err());
    }
}
