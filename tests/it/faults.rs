//! What a widget may not send, and what becomes of its connection.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};

use crate::support::keys::KeyEndpoint;
use crate::support::setup::Setup;
use crate::support::usher::Usher;
use crate::support::widget::{Got, Widget};

async fn usher() -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    (usher, keys)
}

/// Violations in turn: bad frames, unknown types, frames out of order.
fn violation(number: usize, joined: bool) -> (Value, &'static str) {
    let out_of_order = if joined { json!({ "type": "start" }) } else { json!({ "type": "typing" }) };
    match number % 3 {
        0 => (json!({ "type": "message", "id": 7, "text": "x" }), "bad_frame"),
        1 => (json!({ "type": "frobnicate" }), "unsupported_frame"),
        _ => (out_of_order, "out_of_order"),
    }
}

async fn violate(widget: &mut Widget, times: usize, joined: bool) {
    for number in 0..times {
        let (frame, code) = violation(number, joined);
        widget.send(frame).await;
        widget.expect_error(code).await;
    }
}

#[tokio::test]
async fn nine_violations_are_survived_and_the_tenth_closes_with_4502() {
    let (usher, _keys) = usher().await;
    let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
    violate(&mut widget, 9, true).await;
    widget.say("m1", "still here").await;
    violate(&mut widget, 1, true).await;
    assert_eq!(widget.expect_close(4502).await, "protocol");
}

#[tokio::test]
async fn what_comes_before_the_first_frame_is_answered_by_its_id_or_its_type() {
    let (usher, _keys) = usher().await;
    let mut widget = Widget::connect(&usher, "contoso/web").await;
    widget.send(json!({ "type": "message", "id": "early", "text": "hello" })).await;
    assert_eq!(widget.expect_error("out_of_order").await["in_reply_to"], "early");
    widget.send(json!({ "type": "end" })).await;
    assert_eq!(widget.expect_error("out_of_order").await["in_reply_to"], "end");
}

#[tokio::test]
async fn violations_before_the_first_frame_count_too() {
    let (usher, _keys) = usher().await;
    let mut widget = Widget::connect(&usher, "contoso/web").await;
    violate(&mut widget, 9, false).await;
    widget.send(json!({ "type": "start" })).await;
    widget.expect("started").await;
    violate(&mut widget, 1, true).await;
    assert_eq!(widget.expect_close(4502).await, "protocol");
    let mut widget = Widget::connect(&usher, "contoso/web").await;
    violate(&mut widget, 10, false).await;
    assert_eq!(widget.expect_close(4502).await, "protocol");
}

#[tokio::test]
async fn refusals_that_are_no_violations_never_close() {
    let (usher, _keys) = usher().await;
    let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
    widget.say("m1", "x").await;
    for _ in 0..12 {
        widget.send(json!({ "type": "message", "id": "m1", "text": "y" })).await;
        widget.expect_error("id_conflict").await;
        widget.send(json!({ "type": "message", "id": "m2", "text": "y".repeat(6001) })).await;
        widget.expect_error("message_too_long").await;
    }
    widget.say("m2", "still here").await;
}

#[tokio::test]
async fn an_unknown_type_is_unsupported_and_named() {
    let (usher, _keys) = usher().await;
    let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
    widget.send(json!({ "type": "frobnicate" })).await;
    let error = widget.expect_error("unsupported_frame").await;
    assert_eq!((&error["in_reply_to"], &error["temporary"]), (&json!("frobnicate"), &json!(false)));
    assert!(error["message"].as_str().unwrap().contains("frobnicate"), "{error}");
    for other in ["Start", "accepted", ""] {
        widget.send(json!({ "type": other })).await;
        assert_eq!(widget.expect_error("unsupported_frame").await["in_reply_to"], other);
    }
}

#[tokio::test]
async fn a_faulty_field_is_a_bad_frame_that_names_it() {
    let (usher, _keys) = usher().await;
    for (frame, about, named) in [
        (r#"{"id":"m"}"#, "", "type"),
        (r#"{"type":null}"#, "", "type"),
        (r#"{"type":"start","token":7}"#, "start", "token"),
        (r#"{"type":"start","context":[]}"#, "start", "context"),
        (r#"{"type":"start","token":"a","token":"a"}"#, "", "token"),
        (r#"{"type":"resume","resume_token":"x"}"#, "resume", "conversation"),
        (r#"{"type":"resume","conversation":"x","resume_token":"x","after":"1"}"#, "resume", "after"),
        (r#"{"type":"message","id":"m"}"#, "m", "text"),
        (r#"{"type":"message","id":"m","text":["x"]}"#, "m", "text"),
    ] {
        let mut widget = Widget::connect(&usher, "contoso/web").await;
        widget.send_text(frame).await;
        let error = widget.expect_error("bad_frame").await;
        assert_eq!(error["in_reply_to"], about, "{frame}");
        assert!(error["message"].as_str().unwrap().contains(named), "{frame}: {error}");
        widget.send(json!({ "type": "start" })).await;
        widget.expect("started").await;
    }
}

#[tokio::test]
async fn what_is_no_json_object_closes_with_1007() {
    let (usher, _keys) = usher().await;
    for text in ["", "[]", "null", "\"start\"", "{", "{\"type\":\"start\"}{}", "\u{feff}{\"type\":\"start\"}"]
    {
        let mut widget = Widget::connect(&usher, "contoso/web").await;
        widget.send_text(text).await;
        widget.expect_close(1007).await;
    }
    let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
    let nested = format!("{}{}", "{\"a\":".repeat(40), "1".to_owned() + &"}".repeat(40));
    widget.send_text(&nested).await;
    widget.expect_close(1007).await;
}

fn raw_text(payload: Vec<u8>) -> Message {
    let header = FrameHeader { opcode: OpCode::Data(Data::Text), ..FrameHeader::default() };
    Message::Frame(Frame::from_payload(header, payload.into()))
}

#[tokio::test]
async fn text_that_is_no_utf_8_closes_with_1007() {
    let (usher, _keys) = usher().await;
    for bytes in
        [&b"{\"type\":\"\xff\"}"[..], b"\xc0\xaf", b"{\"type\":\"\xed\xa0\x80\"}", b"{\"a\":\"\xe2\x82"]
    {
        let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
        widget.send_raw(raw_text(bytes.to_vec())).await;
        widget.expect_close(1007).await;
    }
}

#[tokio::test]
async fn a_binary_frame_closes_with_1003() {
    let (usher, _keys) = usher().await;
    let (mut member, _) = Widget::start(&usher, "contoso/web").await;
    let mut stranger = Widget::connect(&usher, "contoso/web").await;
    for widget in [&mut member, &mut stranger] {
        widget.send_raw(Message::binary(b"{\"type\":\"start\"}".to_vec())).await;
        widget.expect_close(1003).await;
    }
}

#[tokio::test]
async fn a_frame_over_frame_bytes_closes_with_1009() {
    let (usher, _keys) = usher().await;
    let frame = |length: usize| {
        let empty = json!({ "type": "typing", "padding": "" }).to_string().len();
        json!({ "type": "typing", "padding": "x".repeat(length - empty) }).to_string()
    };
    let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
    for length in [98_303, 98_304] {
        widget.send_text(&frame(length)).await;
        widget.say(&length.to_string(), "it was taken").await;
    }
    widget.send_text(&frame(98_305)).await;
    widget.expect_close(1009).await;
    // In fragments it is as long.
    let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
    for number in 0..4 {
        let opcode = OpCode::Data(if number == 0 { Data::Text } else { Data::Continue });
        let header = FrameHeader { opcode, is_final: number == 3, ..FrameHeader::default() };
        let payload = vec![b' '; 98_304 / 4 + 1];
        widget.send_raw(Message::Frame(Frame::from_payload(header, payload.into()))).await;
    }
    widget.expect_close(1009).await;
}

#[tokio::test]
async fn broken_framing_closes_with_1002() {
    let (usher, _keys) = usher().await;
    for header in [
        FrameHeader { rsv1: true, ..FrameHeader::default() },
        FrameHeader { opcode: OpCode::Data(Data::Continue), ..FrameHeader::default() },
        FrameHeader { opcode: OpCode::Data(Data::Reserved(3)), ..FrameHeader::default() },
    ] {
        let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
        widget.send_raw(Message::Frame(Frame::from_payload(header, b"{}".to_vec().into()))).await;
        widget.expect_close(1002).await;
    }
}

#[tokio::test]
async fn one_widgets_fault_is_nobody_elses() {
    let (usher, _keys) = usher().await;
    let (mut other, ticket) = Widget::start(&usher, "contoso/web").await;
    let (mut widget, _) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    widget.send_text("[]").await;
    widget.expect_close(1007).await;
    assert_eq!(widget.next().await, Got::Gone);
    other.say("m1", "still here").await;
    assert_eq!(usher.metric("usher_session_panics_total").await, Some(0.0));
}
