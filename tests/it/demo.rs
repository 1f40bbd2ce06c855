//! `usher demo`: what it prints is where things are, and a chat through all of its parts works.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

/// Everything here is answered at once; past this something is wrong.
const DEADLINE: Duration = Duration::from_secs(30);

struct Demo {
    process: Child,
    shop: String,
    chat: String,
    consumer: String,
    /// The header that the line for a second terminal sends.
    authorization: String,
    http: reqwest::Client,
}

impl Demo {
    /// Starts the real binary on free ports, its temporary folders under `temporary`, and reads what it prints.
    async fn start(temporary: &Path, options: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_usher"))
            .args(["demo", "--port", "0"])
            .args(options)
            .env("TMPDIR", temporary)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut printed = String::new();
        while !printed.contains("Ctrl-C") {
            let line = tokio::time::timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap();
            let Some(line) = line else { panic!("it ended early:\n{printed}") };
            printed += &line;
            printed.push('\n');
        }
        let after = |mark: &str, end: char| {
            let from = printed.find(mark).unwrap_or_else(|| panic!("no {mark:?} in:\n{printed}"));
            let rest = &printed[from + mark.len()..];
            rest[..rest.find(end).unwrap()].to_owned()
        };
        Self {
            process,
            shop: format!("http://{}", after("Open the shop      http://", '/')),
            chat: format!("ws://{}", after("Widgets connect to ws://", '\n')),
            consumer: format!("http://{}", after("\" http://", '/')),
            authorization: after("Authorization: ", '"'),
            // It is asked on this machine only; a proxy of the environment has no part in it.
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.http.get(format!("{}{path}", self.shop)).timeout(DEADLINE).send().await.unwrap()
    }

    async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> reqwest::Response {
        let request =
            self.http.post(format!("{}{path}", self.shop)).header("content-type", "application/json");
        request.body(body.to_string()).timeout(DEADLINE).send().await.unwrap()
    }

    /// A widget of the shop's page, after its first frame.
    async fn widget(&self, first: Value) -> Widget {
        let mut request = self.chat.as_str().into_client_request().unwrap();
        request.headers_mut().insert("origin", self.shop.parse().unwrap());
        let address = request.uri().authority().unwrap().to_string();
        let (socket, _) = client_async(request, TcpStream::connect(address).await.unwrap()).await.unwrap();
        let mut widget = Widget { socket, conversation: String::new(), resume_token: String::new() };
        widget.say(first).await;
        widget
    }

    /// A token as the shop's page gets one.
    async fn token(&self, customer: &str) -> String {
        self.get(&format!("/auth/token?customer={customer}")).await.text().await.unwrap()
    }

    /// A widget in a new conversation of this customer.
    async fn signed_in(&self, customer: &str) -> Widget {
        let mut widget = self.widget(json!({ "type": "start", "token": self.token(customer).await })).await;
        let started = widget.hear("started").await;
        assert_eq!(started["authentication"]["subject"], customer, "{started}");
        started["conversation"].as_str().unwrap().clone_into(&mut widget.conversation);
        started["resume_token"].as_str().unwrap().clone_into(&mut widget.resume_token);
        widget
    }

    /// Ctrl-C, and the end.
    async fn interrupt(mut self) -> ExitStatus {
        let id = self.process.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
        tokio::time::timeout(DEADLINE, self.process.wait()).await.unwrap().unwrap()
    }
}

struct Widget {
    socket: WebSocketStream<TcpStream>,
    /// Both empty before there is a conversation that `signed_in` began.
    conversation: String,
    resume_token: String,
}

impl Widget {
    async fn say(&mut self, frame: Value) {
        self.socket.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// The next frame of this type; an `error` is one too many.
    async fn hear(&mut self, kind: &str) -> Value {
        loop {
            let message = tokio::time::timeout(DEADLINE, self.socket.next()).await.unwrap().unwrap().unwrap();
            let Message::Text(text) = message else { continue };
            let frame: Value = serde_json::from_str(&text).unwrap();
            if frame["type"] == kind {
                return frame;
            }
            assert_ne!(frame["type"], "error", "{frame}");
        }
    }

    /// Listens on until the gateway closes, and answers that as a browser does.
    async fn closed(&mut self) -> u16 {
        let mut code = None;
        // The answer goes out while reading on.
        while let Some(Ok(message)) = tokio::time::timeout(DEADLINE, self.socket.next()).await.unwrap() {
            if let Message::Close(Some(close)) = message {
                code = Some(close.code.into());
            }
        }
        code.expect("a close frame with a code")
    }
}

#[tokio::test]
async fn a_customer_of_the_demo_is_seen_signed_in_by_the_agent_who_answers() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = Demo::start(temporary.path(), &[]).await;
    let token = demo.get("/auth/token?customer=ada").await.text().await.unwrap();
    let mut widget = demo.widget(json!({ "type": "start", "token": token })).await;
    let started = widget.hear("started").await;
    assert_eq!(started["authentication"]["status"], "authenticated", "{started}");
    assert_eq!(started["authentication"]["subject"], "ada");
    widget.say(json!({ "type": "message", "id": "m1", "text": "Hello" })).await;
    assert_eq!(widget.hear("accepted").await["id"], "m1");

    let listed = demo.json("/v1/conversations?tenant=demo").await;
    let [seen] = listed["items"].as_array().unwrap().as_slice() else { panic!("{listed}") };
    let id = started["conversation"].as_str().unwrap();
    assert_eq!((seen["id"].as_str(), &seen["authenticated"]), (Some(id), &json!(true)), "{seen}");
    let cart = &seen["variables"]["msdyn_cartvalue"];
    assert_eq!((&cart["value"], &cart["verified"]), (&json!(1249.5), &json!(true)), "{seen}");

    let answer = json!({ "text": "Good day", "id": "a1", "name": "Agent" });
    assert_eq!(demo.post(&format!("/v1/conversations/{id}/messages"), answer).await.status(), 201);
    let heard = widget.hear("message").await;
    assert_eq!((&heard["from"], &heard["text"]), (&json!("agent"), &json!("Good day")), "{heard}");

    let (ended, closed) = tokio::join!(demo.interrupt(), widget.closed());
    assert_eq!((ended.code(), closed), (Some(0), 1012));
    let left: Vec<_> = std::fs::read_dir(temporary.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_customers_sign_in_that_the_console_revokes_ends_within_a_second_and_may_be_lifted() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = Demo::start(temporary.path(), &[]).await;
    let mut widget = demo.signed_in("ada").await;
    let ada = json!({ "tenant": "demo", "subject": "ada", "issuer": "shop.example" });
    let within_a_second = tokio::time::timeout(Duration::from_secs(1), async {
        let answer = demo.post("/v1/revocations", ada).await;
        assert_eq!(answer.status(), 201);
        (answer.bytes().await.unwrap(), widget.hear("authentication").await)
    });
    let (answer, downgraded) = within_a_second.await.expect("the downgrade within a second");
    let revoked: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(revoked["matched"], 1, "{revoked}");
    assert_eq!(downgraded["reason"], "revoked", "{downgraded}");
    assert_eq!(downgraded["authentication"]["status"], "anonymous");

    let listed = demo.json("/v1/revocations").await;
    let [only] = listed["items"].as_array().unwrap().as_slice() else { panic!("{listed}") };
    assert_eq!((&only["id"], &only["subject"]), (&revoked["id"], &json!("ada")), "{only}");
    let only = format!("{}/v1/revocations/{}", demo.shop, revoked["id"].as_str().unwrap());
    assert_eq!(demo.http.delete(only).timeout(DEADLINE).send().await.unwrap().status(), 204);
    assert_eq!(demo.json("/v1/revocations").await["items"], json!([]));
}

#[tokio::test]
async fn a_conversations_sign_in_that_the_console_revokes_ends_there_alone() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = Demo::start(temporary.path(), &[]).await;
    let (mut one, mut other) = (demo.signed_in("ada").await, demo.signed_in("ada").await);
    let revoked = demo.post("/v1/revocations", json!({ "conversation": one.conversation })).await;
    assert_eq!(revoked.status(), 201);
    assert_eq!(one.hear("authentication").await["reason"], "revoked");
    let seen = demo.json(&format!("/v1/conversations/{}", other.conversation)).await;
    assert_eq!(seen["authenticated"], true, "{seen}");
    other.say(json!({ "type": "message", "id": "m1", "text": "Still here" })).await;
    assert_eq!(other.hear("accepted").await["id"], "m1");
}

#[tokio::test]
async fn a_customer_who_is_asked_to_sign_in_does_so_on_the_same_socket() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = Demo::start(temporary.path(), &[]).await;
    let mut widget = demo.widget(json!({ "type": "start" })).await;
    let started = widget.hear("started").await;
    let conversation = started["conversation"].as_str().unwrap();
    let path = format!("/v1/conversations/{conversation}/authentication-request");
    let asked = demo.post(&path, json!({ "id": "r1", "message": "please" })).await;
    assert_eq!(asked.status(), 201);
    assert_eq!(widget.hear("authentication_requested").await["message"], "please");

    widget.say(json!({ "type": "authenticate", "token": demo.token("ben").await })).await;
    let signed_in = widget.hear("authentication").await;
    assert_eq!(signed_in["authentication"]["subject"], "ben", "{signed_in}");
    assert_eq!(signed_in["reason"], "token_presented");
    assert_ne!(signed_in["resume_token"], started["resume_token"]);
    assert!(signed_in["resume_token"].is_string(), "{signed_in}");

    widget.say(json!({ "type": "sign_out" })).await;
    assert_eq!(widget.closed().await, 4504);
}

#[tokio::test]
async fn another_customer_does_not_enter_with_the_secret_of_a_chat_and_its_owner_does() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = Demo::start(temporary.path(), &[]).await;
    let mut owner = demo.signed_in("ada").await;
    let resume = |token: Option<String>| {
        let mut frame = json!({
            "type": "resume", "conversation": owner.conversation, "resume_token": owner.resume_token,
        });
        if let Some(token) = token {
            frame["token"] = json!(token);
        }
        frame
    };
    let mut thief = demo.widget(resume(None)).await;
    assert_eq!(thief.hear("error").await["code"], "authentication_required");
    thief.say(resume(Some(demo.token("ben").await))).await;
    assert_eq!(thief.hear("error").await["code"], "subject_mismatch");

    let mut tab = demo.widget(resume(Some(demo.token("ada").await))).await;
    assert_eq!(tab.hear("resumed").await["authentication"]["subject"], "ada");
    owner.say(json!({ "type": "message", "id": "m1", "text": "Hello" })).await;
    assert_eq!(tab.hear("message").await["text"], "Hello");
}

#[tokio::test]
async fn what_the_page_says_by_itself_is_never_verified_and_never_stands_over_the_token() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = Demo::start(temporary.path(), &[]).await;
    let mut widget = demo.widget(json!({ "type": "start" })).await;
    let id = widget.hear("started").await["conversation"].as_str().unwrap().to_owned();
    let seen = async || demo.json(&format!("/v1/conversations/{id}")).await["variables"].clone();
    let says = json!({
        "type": "set_context",
        "context": { "cart_items": 2, "msdyn_isvip": true, "portalcontactid": "x" },
    });
    widget.say(says.clone()).await;
    let taken = widget.hear("context").await["context"].clone();
    assert_eq!(taken["accepted"], json!(["cart_items", "msdyn_isvip"]), "{taken}");
    assert_eq!(taken["rejected"], json!([{ "name": "portalcontactid", "reason": "signed_only" }]));
    let vip = seen().await["msdyn_isvip"].clone();
    assert_eq!((&vip["value"], &vip["verified"]), (&json!(true), &json!(false)), "{vip}");

    widget.say(json!({ "type": "authenticate", "token": demo.token("ben").await })).await;
    widget.hear("authentication").await;
    widget.say(says).await;
    let taken = widget.hear("context").await["context"].clone();
    assert_eq!(taken["accepted"], json!(["cart_items"]), "{taken}");
    assert_eq!(taken["rejected"][0], json!({ "name": "msdyn_isvip", "reason": "signed_wins" }), "{taken}");
    let vip = seen().await["msdyn_isvip"].clone();
    assert_eq!((&vip["value"], &vip["verified"]), (&json!(false), &json!(true)), "{vip}");
}

#[tokio::test]
async fn tokens_of_both_published_keys_are_taken() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = Demo::start(temporary.path(), &[]).await;
    let kids: Vec<_> = demo.json("/auth/publickey").await.as_array().unwrap().clone();
    assert_eq!(kids.len(), 2);
    // They sign in turn.
    for _ in &kids {
        let token = demo.get("/auth/token?customer=ben").await.text().await.unwrap();
        let mut widget = demo.widget(json!({ "type": "start", "token": token })).await;
        assert_eq!(widget.hear("started").await["authentication"]["subject"], "ben");
    }
}

#[tokio::test]
async fn the_line_for_a_second_terminal_works_and_its_key_may_only_read() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = Demo::start(temporary.path(), &[]).await;
    let mut widget = demo.widget(json!({ "type": "start" })).await;
    let id = widget.hear("started").await["conversation"].as_str().unwrap().to_owned();

    let events = demo.http.get(format!("{}/v1/events", demo.consumer));
    let events = events.header("authorization", &demo.authorization).send().await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let (mut stream, mut text) = (events.bytes_stream(), String::new());
    while !text.contains("usher.conversation.started") {
        let chunk = tokio::time::timeout(DEADLINE, stream.next()).await.unwrap().unwrap().unwrap();
        text += std::str::from_utf8(&chunk).unwrap();
    }
    assert!(text.contains(&id), "{text}");
    let end = demo.http.post(format!("{}/v1/conversations/{id}/end", demo.consumer));
    let end = end.header("authorization", &demo.authorization).header("content-type", "application/json");
    assert_eq!(end.body("{}").send().await.unwrap().status(), 403);
    let revoke = demo.http.post(format!("{}/v1/revocations", demo.consumer));
    let revoke =
        revoke.header("authorization", &demo.authorization).header("content-type", "application/json");
    let this = json!({ "conversation": id }).to_string();
    assert_eq!(revoke.body(this).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn with_a_folder_for_the_data_a_chat_outlives_the_demo() {
    let (temporary, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let options = ["--data", data.path().to_str().unwrap()];
    let demo = Demo::start(temporary.path(), &options).await;
    let mut widget = demo.widget(json!({ "type": "start" })).await;
    let started = widget.hear("started").await;
    drop(widget);
    assert_eq!(demo.interrupt().await.code(), Some(0));

    let demo = Demo::start(temporary.path(), &options).await;
    let token = demo.get("/auth/token?customer=ada").await.text().await.unwrap();
    let resume = json!({
        "type": "resume",
        "conversation": started["conversation"],
        "resume_token": started["resume_token"],
        "token": token,
    });
    let resumed = demo.widget(resume).await.hear("resumed").await;
    assert_eq!(resumed["conversation"], started["conversation"]);
    assert_eq!(resumed["authentication"]["subject"], "ada");
}

#[tokio::test]
async fn a_taken_port_is_named_and_nothing_is_left() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = Demo::start(temporary.path(), &[]).await;
    let port = demo.shop.rsplit(':').next().unwrap();
    let again = tempfile::tempdir().unwrap();
    let mut second = Command::new(env!("CARGO_BIN_EXE_usher"));
    second.args(["demo", "--port", port]).env("TMPDIR", again.path()).kill_on_drop(true);
    let output = tokio::time::timeout(DEADLINE, second.output()).await.unwrap().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("port {port} ")) && said.contains("--port"), "{said}");
    assert_eq!(std::fs::read_dir(again.path()).unwrap().count(), 0);
}
