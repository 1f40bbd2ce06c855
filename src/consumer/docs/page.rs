//! The page: both documents for people, in plain HTML that needs neither script nor network.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// The page's only style sheet.
pub(super) const STYLE: &str = include_str!("page.css");

/// The page of these documents.
pub(super) fn render(openapi: &Value, asyncapi: &Value) -> String {
    let mut page = Page::default();
    page.head(openapi);
    page.prose(text(openapi, "/info/description"));
    page.scopes(openapi);
    let operations = operations(openapi);
    let mut tags: Vec<&str> = Vec::new();
    for (_, _, operation) in &operations {
        let tag = text(operation, "/tags/0");
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    for tag in tags {
        page.heading(2, tag);
        for (method, path, operation) in operations.iter().filter(|one| text(&one.2, "/tags/0") == tag) {
            page.operation(method, path, operation);
        }
    }
    page.heading(2, "Schemas");
    page.schemas(&openapi["components"]["schemas"], "schema");
    let mut widgets = Page::default();
    widgets.widgets(asyncapi);
    // Its schemas stand apart from those of the API, whose names they may share.
    page.html(widgets.0.replace("\"#schema-", "\"#widget-"));
    page.0.push_str("</main></body></html>\n");
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    /// Adds what is HTML already.
    fn html(&mut self, html: impl AsRef<str>) {
        self.0.push_str(html.as_ref());
    }

    fn head(&mut self, openapi: &Value) {
        let title = escape(text(openapi, "/info/title"));
        let version = escape(text(openapi, "/info/version"));
        self.html(format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head><body>\
             <a class=\"skip\" href=\"#content\">To the content</a><header><h1>{title}</h1><p>Version {version}. For \
             programs: <a href=\"/openapi.json\">OpenAPI</a>, <a href=\"/asyncapi.json\">AsyncAPI of the widget \
             protocol</a>.</p></header><nav aria-label=\"Calls\"><ul>"
        ));
        for (method, path, operation) in operations(openapi) {
            let id = escape(text(&operation, "/operationId"));
            let _ = write!(
                self.0,
                "<li><a href=\"#{id}\"><b>{method}</b> {}</a> {}</li>",
                escape(&path),
                escape(text(&operation, "/summary"))
            );
        }
        self.html("<li><a href=\"#widgets\">The widget protocol</a></li></ul></nav><main id=\"content\">");
    }

    fn heading(&mut self, level: u8, title: &str) {
        self.html(format!("<h{level}>{}</h{level}>", escape(title)));
    }

    /// The little of Markdown that the guides use: headings, lists that are numbered, paragraphs, code.
    fn prose(&mut self, markdown: &str) {
        for block in markdown.trim().split("\n\n") {
            if let Some(title) = block.strip_prefix("## ") {
                self.heading(2, title);
            } else if block.starts_with("1. ") {
                let lines = block.lines().map(|line| line.split_once(' ').unwrap_or_default().1);
                let items: Vec<_> = lines.map(|line| format!("<li>{}</li>", inline(line))).collect();
                self.html(format!("<ol>{}</ol>", items.concat()));
            } else {
                self.html(format!("<p>{}</p>", inline(block)));
            }
        }
    }

    fn scopes(&mut self, openapi: &Value) {
        let scopes = "/components/securitySchemes/oauth2/flows/clientCredentials/scopes";
        let rows = openapi.pointer(scopes).and_then(Value::as_object).into_iter().flatten();
        let rows = rows.map(|(scope, about)| [code(scope), escape(about.as_str().unwrap_or_default())]);
        self.table("Scopes", ["Scope", "Allows"], rows);
    }

    fn table<const N: usize>(
        &mut self,
        caption: &str,
        heads: [&str; N],
        rows: impl Iterator<Item = [String; N]>,
    ) {
        self.html(format!(
            "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table><caption>{0}\
            </caption><thead><tr>",
            escape(caption)
        ));
        for head in heads {
            self.html(format!("<th scope=\"col\">{head}</th>"));
        }
        self.html("</tr></thead><tbody>");
        for row in rows {
            self.html(format!("<tr>{}</tr>", row.map(|cell| format!("<td>{cell}</td>")).concat()));
        }
        self.html("</tbody></table></div>");
    }

    fn operation(&mut self, method: &str, path: &str, operation: &Value) {
        let id = escape(text(operation, "/operationId"));
        let title = escape(text(operation, "/summary"));
        self.html(format!(
            "<section aria-labelledby=\"{id}\"><h3 id=\"{id}\">{title}</h3><p class=\"call\"><b>{method}</b> {}</p>",
            code(path)
        ));
        self.html(format!("<p>{}</p>", inline(text(operation, "/description"))));
        let scope =
            operation.pointer("/security/0").and_then(Value::as_object).and_then(|one| one.values().next());
        match scope.map(|scopes| text(scopes, "/0")) {
            Some("") => self.html("<p>Needs the client's id and secret.</p>"),
            Some(scope) => self.html(format!("<p>Scope: {}</p>", code(scope))),
            None => self.html("<p>Needs no key and no token.</p>"),
        }
        let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !parameters.is_empty() {
            let rows = parameters.iter().map(|one| {
                let required = one["required"] == true;
                let name = code(text(one, "/name")) + if required { " (needed)" } else { "" };
                [name, escape(text(one, "/in")), shape(&one["schema"]), inline(text(one, "/description"))]
            });
            self.table("Parameters", ["Name", "In", "Form", "Meaning"], rows);
        }
        let bodies = operation.pointer("/requestBody/content").and_then(Value::as_object);
        for (media_type, body) in bodies.into_iter().flatten() {
            self.members(&format!("Body, {media_type}"), &body["schema"]);
            if let Some(example) = body.get("example") {
                self.html(format!("<p>Such as {}</p>", code(&example.to_string())));
            }
        }
        let responses = operation["responses"].as_object().into_iter().flatten();
        let rows = responses.map(|(status, response)| {
            let content = response["content"].as_object().into_iter().flatten();
            let content: Vec<_> =
                content.map(|(media_type, one)| format!("{media_type}: {}", shape(&one["schema"]))).collect();
            [escape(status), inline(text(response, "/description")), content.join("<br>")]
        });
        self.table("Answers", ["Status", "Meaning", "Content"], rows);
        self.html("</section>");
    }

    /// The members of an object.
    fn members(&mut self, caption: &str, schema: &Value) {
        let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
        let properties = schema["properties"].as_object().into_iter().flatten();
        let rows = properties.map(|(name, property)| {
            let needed = if required.iter().any(|one| one == name) { " (needed)" } else { "" };
            [code(name) + needed, shape(property), inline(text(property, "/description"))]
        });
        self.table(caption, ["Member", "Form", "Meaning"], rows);
    }

    fn schemas(&mut self, schemas: &Value, place: &str) {
        for (name, schema) in schemas.as_object().into_iter().flatten() {
            self.html(format!("<section><h3 id=\"{place}-{0}\">{0}</h3>", escape(name)));
            self.html(format!("<p>{}</p>", inline(text(schema, "/description"))));
            self.members("Members", schema);
            if let Some(data) = schema.pointer("/properties/data").filter(|data| data.is_object()) {
                self.members("Members of data", data);
            }
            let alternatives =
                schema["oneOf"].as_array().into_iter().flatten().map(shape).collect::<Vec<_>>();
            if !alternatives.is_empty() {
                self.html(format!("<p>One of: {}</p>", alternatives.join(", ")));
            }
            self.html("</section>");
        }
    }

    fn widgets(&mut self, asyncapi: &Value) {
        self.html("<h2 id=\"widgets\">The widget protocol</h2>");
        self.prose(text(asyncapi, "/info/description"));
        let messages = asyncapi.pointer("/components/messages").and_then(Value::as_object);
        for (side, title) in [("Client", "From the widget"), ("Server", "To the widget")] {
            self.heading(2, title);
            for (name, message) in messages.into_iter().flatten().filter(|(name, _)| name.starts_with(side)) {
                let kind = escape(text(message, "/name"));
                self.html(format!("<section><h3 id=\"frame-{}\">{kind}</h3>", escape(name)));
                self.html(format!("<p>{}</p>", inline(text(message, "/payload/description"))));
                self.members("Fields", &message["payload"]);
                self.html("</section>");
            }
        }
        let closes = asyncapi["x-close-codes"].as_array().into_iter().flatten().map(|one| {
            let back = if one["reconnect"] == true { "yes" } else { "no" };
            [
                one["code"].to_string(),
                code(text(one, "/slug")),
                inline(text(one, "/meaning")),
                back.to_owned(),
            ]
        });
        self.table("Close codes", ["Code", "Slug", "Meaning", "Come back"], closes);
        self.heading(2, "Schemas of the widget protocol");
        self.schemas(&asyncapi["components"]["schemas"], "widget");
    }
}

/// Every operation: method, path, what is said about it.
fn operations(openapi: &Value) -> Vec<(String, String, Value)> {
    let paths = openapi["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.map(move |(method, one)| (method.to_ascii_uppercase(), path.clone(), one.clone()))
    });
    operations.collect()
}

fn text<'a>(value: &'a Value, place: &str) -> &'a str {
    value.pointer(place).and_then(Value::as_str).unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

/// Escaped, what stands between backticks as code.
fn inline(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts.map(|(at, part)| if at % 2 == 1 { code(part) } else { escape(part) }).collect()
}

/// A schema in a few words.
fn shape(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = escape(reference.rsplit('/').next().unwrap_or_default());
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    if let Some([base]) = schema["allOf"].as_array().map(Vec::as_slice) {
        let codes = schema.pointer("/properties/code").map(shape).unwrap_or_default();
        return format!("{} {codes}", shape(base));
    }
    if let Some(fixed) = schema.get("const") {
        return code(&fixed.to_string());
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<_> = words.iter().map(|word| code(word.as_str().unwrap_or_default())).collect();
        return words.join(", ");
    }
    if schema["type"] == "array" {
        return format!("list of {}", shape(&schema["items"]));
    }
    let mut words = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        one => one.as_str().unwrap_or("any").to_owned(),
    };
    let bounds = Map::new();
    let bounds = schema.as_object().unwrap_or(&bounds);
    for (bound, what) in [
        ("format", ""),
        ("minLength", "from characters: "),
        ("maxLength", "to characters: "),
        ("minimum", "from "),
        ("maximum", "to "),
    ] {
        match bounds.get(bound) {
            Some(Value::String(format)) => words.extend([", ", &escape(format)]),
            Some(number) => words.extend([", ", what, &number.to_string()]),
            None => {}
        }
    }
    words
}
