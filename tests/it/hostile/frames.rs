//! Frames that no widget sends: each closes its own socket with the code that fits, and nothing else.

use crate::support::raw::{BINARY, CLOSE, CONTINUATION, FIN, PING, TEXT, frame, header};

use super::Scene;

/// `frame_bytes` of a tenant that says nothing about its tokens.
const FRAME_BYTES: usize = 98_304;

/// Each of these bytes, sent by a socket that is in a conversation, closes it with this code.
async fn each_is_closed(code: u16, cases: impl IntoIterator<Item = Vec<u8>>) {
    let mut scene = Scene::set().await;
    let mut sockets = Vec::new();
    for bytes in cases {
        let mut socket = scene.member().await;
        socket.send(&bytes).await;
        sockets.push((socket, bytes));
    }
    for (mut socket, bytes) in sockets {
        let head = &bytes[..bytes.len().min(16)];
        assert_eq!(socket.close_code().await, Some(code), "{head:02x?}");
    }
    scene.say().await;
    scene.ends_as_it_began().await;
}

#[tokio::test]
async fn reserved_bits_and_opcodes_are_1002() {
    let bits = [0x40, 0x20, 0x10, 0x70].map(|bits| frame(FIN | bits | TEXT, b"{}"));
    let control = [PING, CLOSE].map(|opcode| frame(FIN | 0x40 | opcode, b""));
    let opcodes = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(|opcode| frame(FIN | opcode, b""));
    each_is_closed(1002, bits.into_iter().chain(control).chain(opcodes)).await;
}

#[tokio::test]
async fn frames_without_a_mask_are_1002() {
    each_is_closed(1002, [vec![FIN | TEXT, 2, b'{', b'}'], vec![FIN | PING, 0], vec![FIN | CLOSE, 0]]).await;
}

#[tokio::test]
async fn broken_fragmentation_and_large_control_frames_are_1002() {
    let cases = [
        frame(FIN | CONTINUATION, b"{}"),
        frame(CONTINUATION, b"{}"),
        [frame(TEXT, b"{"), frame(FIN | TEXT, b"}")].concat(),
        [frame(TEXT, b"{"), frame(FIN | BINARY, b"}")].concat(),
        frame(PING, b"in"),
        frame(CLOSE, b""),
        frame(FIN | PING, &[b'x'; 126]),
        frame(FIN | CLOSE, &[0x03; 126]),
    ];
    each_is_closed(1002, cases).await;
}

#[tokio::test]
async fn lengths_in_more_bytes_than_they_need_are_1002() {
    let sixteen = [&[FIN | TEXT, 0xfe, 0, 2, 0, 0, 0, 0][..], b"{}"].concat();
    let sixty_four = [&[FIN | TEXT, 0xff, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0][..], b"{}"].concat();
    let nearly = [&[FIN | TEXT, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0][..], b"{}"].concat();
    let ping = [FIN | PING, 0xfe, 0, 0, 0, 0, 0, 0].to_vec();
    each_is_closed(1002, [sixteen, sixty_four, nearly, ping]).await;
}

#[tokio::test]
async fn lengths_beyond_the_largest_frame_are_1009_before_the_payload_comes() {
    let lengths = [FRAME_BYTES as u64 + 1, 1 << 30, 1 << 32, (1 << 63) - 1, 1 << 63, u64::MAX];
    let alone = lengths.map(|length| header(FIN | TEXT, length));
    let fragments = [frame(TEXT, &vec![b' '; FRAME_BYTES]), frame(CONTINUATION, b" ")].concat();
    each_is_closed(1009, alone.into_iter().chain([fragments])).await;
}

#[tokio::test]
async fn the_largest_frame_of_all_is_read_whole_or_in_pieces() {
    let mut scene = Scene::set().await;
    for pieces in [1, 2, 1000] {
        let mut socket = scene.member().await;
        let mut text = br#"{"type":"ping","rest":""#.to_vec();
        text.resize(FRAME_BYTES - 2, b' ');
        text.extend(b"\"}");
        let mut bytes = Vec::new();
        let chunks: Vec<_> = text.chunks(text.len().div_ceil(pieces)).collect();
        for (index, chunk) in chunks.iter().enumerate() {
            let opcode = if index == 0 { TEXT } else { CONTINUATION };
            let fin = if index + 1 == chunks.len() { FIN } else { 0 };
            bytes.extend(frame(fin | opcode, chunk));
        }
        socket.send(&bytes).await;
        assert_eq!(socket.frame().await, Some((FIN | TEXT, br#"{"type":"pong"}"#.to_vec())), "{pieces}");
    }
    scene.is_as_before_but_for(0).await;
}

#[tokio::test]
async fn invalid_utf8_is_1007_wherever_the_message_is_cut() {
    // Overlong, a surrogate, beyond the last code point, cut off, never valid.
    let invalid: [&[u8]; 6] =
        [b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xff", b"ok\x80"];
    let whole = invalid.map(|bytes| frame(FIN | TEXT, bytes));
    let cut = invalid.into_iter().flat_map(|bytes| {
        let cut = |at: usize| {
            let (one, other) = bytes.split_at(at);
            [frame(TEXT, one), frame(CONTINUATION, b""), frame(FIN | CONTINUATION, other)].concat()
        };
        (1..bytes.len()).map(cut).collect::<Vec<_>>()
    });
    each_is_closed(1007, whole.into_iter().chain(cut)).await;
}

#[tokio::test]
async fn binary_frames_are_1003() {
    let fragments = [frame(BINARY, b"{"), frame(FIN | CONTINUATION, b"}")].concat();
    each_is_closed(1003, [frame(FIN | BINARY, b""), frame(FIN | BINARY, b"{}"), fragments]).await;
}

#[tokio::test]
async fn what_was_said_before_a_broken_frame_is_served() {
    let scene = Scene::set().await;
    let mut socket = scene.member().await;
    let message = frame(FIN | TEXT, br#"{"type":"message","id":"m","text":"in time"}"#);
    let broken = [&[FIN | TEXT, 0xfe, 0, 2, 0, 0, 0, 0][..], b"{}"].concat();
    socket.send(&[message, broken].concat()).await;
    let (_, accepted) = socket.frame().await.unwrap();
    assert!(accepted.starts_with(br#"{"type":"accepted""#), "{}", String::from_utf8_lossy(&accepted));
    assert_eq!(socket.close_code().await, Some(1002));
    scene.ends_as_it_began().await;
}
