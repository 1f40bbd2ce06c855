//! A routing engine, a bot or an agent's desktop.

use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

use super::soon;
use super::usher::Usher;

/// A client of the consumer API.
#[derive(Clone)]
pub(crate) struct Consumer {
    client: reqwest::Client,
    base: String,
    key: String,
}

/// An answer: its status, and its body where that is JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Value,
}

impl Consumer {
    pub(crate) fn new(usher: &Usher, key: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { client, base: format!("http://{}", usher.at().consumer), key: key.to_owned() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.key)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    /// Sends a body.
    pub(crate) async fn call(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.request(method, path).header("content-type", "application/json");
        answer(request.body(body.to_string())).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, body).await
    }

    /// What has to succeed.
    pub(crate) async fn read(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    /// The summary of a conversation.
    pub(crate) async fn summary(&self, conversation: &str) -> Value {
        self.read(&format!("/v1/conversations/{conversation}")).await
    }

    /// All pages of a list.
    pub(crate) async fn all(&self, path: &str) -> Vec<Value> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.read(&format!("{path}{joint}limit=500{cursor}")).await;
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// The journal of a conversation.
    pub(crate) async fn events(&self, conversation: &str) -> Vec<Value> {
        self.all(&format!("/v1/conversations/{conversation}/events")).await
    }

    /// The events of one kind among them.
    pub(crate) async fn events_of(&self, conversation: &str, kind: &str) -> Vec<Value> {
        let kind = format!("usher.conversation.{kind}");
        let events = self.events(conversation).await.into_iter();
        events.filter(|event| event["type"] == kind).collect()
    }

    /// The kinds of the journal's events, in order.
    pub(crate) async fn kinds(&self, conversation: &str) -> Vec<String> {
        let kind = |event: Value| event["type"].as_str().unwrap().replace("usher.conversation.", "");
        self.events(conversation).await.into_iter().map(kind).collect()
    }

    /// Posts this body to what a conversation has there.
    pub(crate) async fn tell(&self, conversation: &str, what: &str, body: &Value) -> Answer {
        self.post(&format!("/v1/conversations/{conversation}/{what}"), body).await
    }

    /// An agent says this; the entry's sequence.
    pub(crate) async fn say(&self, conversation: &str, id: &str, text: &str) -> u64 {
        let said = self.tell(conversation, "messages", &serde_json::json!({ "text": text, "id": id })).await;
        assert_eq!(said.status, 201, "{said:?}");
        said.body["sequence"].as_u64().unwrap()
    }

    /// The event stream with this query.
    pub(crate) async fn stream(&self, query: &str) -> Stream {
        let request = self.request(Method::GET, &format!("/v1/events{query}"));
        Stream::open(request).await.unwrap()
    }

    /// The event stream after this position; none where nobody answers.
    pub(crate) async fn resume_stream(&self, position: Option<&str>) -> Option<Stream> {
        let mut request = self.request(Method::GET, "/v1/events");
        if let Some(position) = position {
            request = request.header("last-event-id", position);
        }
        Stream::open(request).await.ok()
    }
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    try_answer(request).await.unwrap()
}

/// An answer, where somebody gives one.
pub(crate) async fn try_answer(request: RequestBuilder) -> reqwest::Result<Answer> {
    let response = soon("an answer", request.send()).await?;
    let status = response.status().as_u16();
    let content_type =
        response.headers().get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
    let bytes = soon("a body", response.bytes()).await?;
    Ok(Answer { status, content_type, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
}

/// Server-sent events as they come.
pub(crate) struct Stream {
    response: Response,
    buffer: Vec<u8>,
}

/// One record of the stream.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) id: Option<String>,
    pub(crate) event: Value,
}

impl Stream {
    async fn open(request: RequestBuilder) -> reqwest::Result<Self> {
        let response = soon("the event stream", request.send()).await?;
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Ok(Self { response, buffer: Vec::new() })
    }

    /// The next event; signs of life are passed over. None where the stream ended.
    pub(crate) async fn next(&mut self) -> Option<Sent> {
        loop {
            while let Some(end) = self.buffer.windows(2).position(|two| two == b"\n\n") {
                let record: Vec<u8> = self.buffer.drain(..end + 2).collect();
                if let Some(sent) = parse(std::str::from_utf8(&record).unwrap()) {
                    return Some(sent);
                }
            }
            let chunk = soon("an event", self.response.chunk()).await.ok()??;
            self.buffer.extend_from_slice(&chunk);
        }
    }

    /// The next event of this type.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        let sent = self.next().await.expect("the stream goes on");
        assert_eq!(sent.event["type"], kind, "{sent:?}");
        sent.event
    }
}

fn parse(record: &str) -> Option<Sent> {
    let field = |name: &str| {
        record.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    assert!(field("event").is_none(), "{record}");
    let event = serde_json::from_str(field("data")?).unwrap();
    Some(Sent { id: field("id").map(str::to_owned), event })
}
