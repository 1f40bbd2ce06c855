//! Frames without end that lead to no message. The other side may read what is answered, or never read.

use crate::support::raw::{CONTINUATION, FIN, PING, PONG, RawSocket, TEXT, frame};

use super::Scene;

/// Far more than any widget sends without saying anything.
const FAR_TOO_MUCH: usize = 64 << 20;

/// Sends this again and again until it is cut; how many bytes were taken.
async fn flood(socket: &mut RawSocket, bytes: &[u8]) -> usize {
    let many = bytes.repeat(64 * 1024 / bytes.len());
    let mut sent = 0;
    while socket.try_send(&many).await {
        sent += many.len();
        assert!(sent < FAR_TOO_MUCH, "{sent} bytes were taken, and it goes on");
    }
    sent
}

/// One that reads learns why it was cut, one that doesn't is cut all the same, and neither leaves anything behind.
async fn is_cut(first: &[u8], again: &[u8], code: u16) {
    let mut scene = Scene::set().await;
    let (mut reading, mut deaf) = (scene.member().await, scene.member().await);
    let flooding = async {
        reading.send(first).await;
        reading.send(&again.repeat(400_000 / again.len())).await;
        assert_eq!(reading.close_code().await, Some(code));
        deaf.send(first).await;
        flood(&mut deaf, again).await;
    };
    scene.while_chatting(flooding).await;
    // What is not read keeps nothing open.
    scene.ends_as_it_began().await;
}

#[tokio::test]
async fn pings_without_end() {
    is_cut(b"", &frame(FIN | PING, &[b'x'; 125]), 4003).await;
    is_cut(b"", &frame(FIN | PING, b""), 4003).await;
}

#[tokio::test]
async fn pongs_that_nobody_asked_for() {
    is_cut(b"", &frame(FIN | PONG, &[b'x'; 125]), 4003).await;
}

#[tokio::test]
async fn a_message_in_fragments_without_end() {
    is_cut(&frame(TEXT, b"["), &frame(CONTINUATION, b"1"), 1009).await;
}

#[tokio::test]
async fn empty_fragments_without_end() {
    is_cut(&frame(TEXT, b""), &frame(CONTINUATION, b""), 1009).await;
}

#[tokio::test]
async fn pings_between_the_fragments_of_a_message_without_end() {
    let again = [frame(FIN | PING, b""), frame(CONTINUATION, b"")].concat();
    is_cut(&frame(TEXT, b"["), &again, 1009).await;
}

/// What ordinary widgets do: control frames now and then, and a message in many pieces.
#[tokio::test]
async fn a_widget_that_pings_and_cuts_its_messages_small_is_served() {
    let mut scene = Scene::set().await;
    let mut socket = scene.member().await;
    for round in 0..20 {
        let pings = frame(FIN | PING, &[b'x'; 125]).repeat(100);
        socket.send(&pings).await;
        let message = format!(r#"{{"type":"message","id":"m{round}","text":"{}"}}"#, "x".repeat(1000));
        let pieces: Vec<_> = message.bytes().map(|byte| frame(CONTINUATION, &[byte])).collect();
        let mut message = pieces.concat();
        message[0] = TEXT;
        message.extend(frame(FIN | CONTINUATION, b""));
        socket.send(&message).await;
        let accepted = loop {
            let (first, payload) = socket.frame().await.unwrap();
            if first == FIN | TEXT {
                break payload;
            }
            assert_eq!((first, payload.len()), (FIN | PONG, 125));
        };
        assert!(accepted.starts_with(br#"{"type":"accepted""#), "{}", String::from_utf8_lossy(&accepted));
    }
    scene.is_as_before_but_for(1).await;
}
