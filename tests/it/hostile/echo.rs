//! The protocol itself (RFC 6455), case by case against an echo behind the widgets' own WebSocket: what the public
//! suites test, without them.

use std::net::SocketAddr;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::support::raw::{
    BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, RawSocket, TEXT, close_payload, frame, header,
};
use crate::support::soon;

/// The longest message that the echo takes, in bytes.
const MESSAGE_BYTES: usize = 70_000;

struct Echo {
    address: SocketAddr,
    _child: Child,
}

impl Echo {
    async fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
        command.args(["websocket-echo", "--message-bytes", &MESSAGE_BYTES.to_string()]);
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        soon("listening", out.read_line(&mut line)).await.unwrap();
        Self { address: line.strip_prefix("echo ").unwrap().trim().parse().unwrap(), _child: child }
    }

    async fn socket(&self) -> RawSocket {
        RawSocket::open(self.address, "/echo").await
    }

    /// What comes back for these bytes, up to the end of the connection, which our own close brings at the latest.
    async fn answers(&self, bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut socket = self.socket().await;
        socket.send(&[bytes, &frame(FIN | CLOSE, &close_payload(1000, ""))].concat()).await;
        let mut answers = Vec::new();
        while let Some(answer) = socket.frame().await {
            answers.push(answer);
        }
        answers
    }

    /// These bytes bring these frames back, and the connection stays.
    async fn gives(&self, bytes: &[u8], expected: &[(u8, &[u8])]) {
        let mut answers = self.answers(bytes).await;
        let head = &bytes[..bytes.len().min(32)];
        assert_eq!(answers.pop(), Some((FIN | CLOSE, close_payload(1000, ""))), "{head:02x?}");
        let answers: Vec<_> = answers.iter().map(|(first, payload)| (*first, payload.as_slice())).collect();
        assert!(answers == expected, "{head:02x?}: {} answers", answers.len());
    }

    /// These bytes close the connection with this code.
    async fn fails(&self, bytes: &[u8], code: u16) {
        let head = &bytes[..bytes.len().min(32)];
        let mut socket = self.socket().await;
        socket.send(bytes).await;
        assert_eq!(socket.close_code().await, Some(code), "{head:02x?}");
    }
}

#[tokio::test]
async fn messages_of_every_length_come_back() {
    let echo = Echo::start().await;
    for opcode in [TEXT, BINARY] {
        for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536, MESSAGE_BYTES - 1, MESSAGE_BYTES] {
            let payload = vec![b'*'; length];
            echo.gives(&frame(FIN | opcode, &payload), &[(FIN | opcode, &payload)]).await;
        }
        echo.fails(&header(FIN | opcode, MESSAGE_BYTES as u64 + 1), 1009).await;
    }
    let all_bytes: Vec<_> = (0..=255).collect();
    echo.gives(&frame(FIN | BINARY, &all_bytes), &[(FIN | BINARY, &all_bytes)]).await;
}

#[tokio::test]
async fn a_mask_is_taken_off_wherever_the_frame_is_cut() {
    let echo = Echo::start().await;
    let (mask, text) = ([0x37, 0xfa, 0x21, 0x3d], "Hello, 世界".as_bytes());
    let masked: Vec<_> = text.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    let length = 0x80 | u8::try_from(text.len()).unwrap();
    let whole = [&[FIN | TEXT, length][..], &mask, &masked].concat();
    for piece in 1..whole.len() {
        let mut socket = echo.socket().await;
        for bytes in whole.chunks(piece) {
            socket.send(bytes).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(socket.frame().await, Some((FIN | TEXT, text.to_vec())), "pieces of {piece}");
    }
}

#[tokio::test]
async fn pings_are_answered_with_what_they_bring_and_pongs_are_not() {
    let echo = Echo::start().await;
    let longest = [0xfe; 125];
    for payload in [&b""[..], b"ping", &longest] {
        echo.gives(&frame(FIN | PING, payload), &[(FIN | PONG, payload)]).await;
        echo.gives(&frame(FIN | PONG, payload), &[]).await;
    }
    let ten: Vec<_> = (0..10).flat_map(|number| frame(FIN | PING, &[number])).collect();
    let answers = echo.answers(&ten).await;
    // Of several pings that lie there at once, it's enough to answer the last (RFC 6455 §5.5.3).
    assert_eq!(answers[answers.len() - 2], (FIN | PONG, vec![9]));
    echo.fails(&frame(FIN | PING, &[0; 126]), 1002).await;
    echo.fails(&frame(PING, b""), 1002).await;
    echo.fails(&frame(FIN | PONG, &[0; 126]), 1002).await;
    echo.fails(&frame(PONG, b""), 1002).await;
}

#[tokio::test]
async fn reserved_bits_and_opcodes_end_the_connection_after_what_came_before() {
    let echo = Echo::start().await;
    for bits in 1..=7 {
        for opcode in [TEXT, BINARY, PING, PONG, CLOSE] {
            echo.fails(&frame(FIN | bits << 4 | opcode, b""), 1002).await;
        }
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for payload in [&b""[..], b"reserved"] {
            echo.fails(&frame(FIN | opcode, payload), 1002).await;
        }
        let mut socket = echo.socket().await;
        socket.send(&[frame(FIN | TEXT, b"first"), frame(FIN | opcode, b"")].concat()).await;
        assert_eq!(socket.frame().await, Some((FIN | TEXT, b"first".to_vec())));
        assert_eq!(socket.close_code().await, Some(1002), "{opcode}");
    }
}

#[tokio::test]
async fn fragments_become_one_message_with_control_frames_between() {
    let echo = Echo::start().await;
    let ping = frame(FIN | PING, b"between");
    for opcode in [TEXT, BINARY] {
        let two = [frame(opcode, b"one"), frame(FIN | CONTINUATION, b"two")].concat();
        echo.gives(&two, &[(FIN | opcode, b"onetwo")]).await;
        let empty = [frame(opcode, b""), frame(CONTINUATION, b""), frame(FIN | CONTINUATION, b"")].concat();
        echo.gives(&empty, &[(FIN | opcode, b"")]).await;
        let between = [frame(opcode, b"one"), ping.clone(), frame(FIN | CONTINUATION, b"two")].concat();
        echo.gives(&between, &[(FIN | PONG, b"between"), (FIN | opcode, b"onetwo")]).await;
    }
    let many: Vec<_> = (0..1000).flat_map(|_| frame(CONTINUATION, b"x")).collect();
    let thousand = [frame(TEXT, b""), many, frame(FIN | CONTINUATION, b"")].concat();
    echo.gives(&thousand, &[(FIN | TEXT, &[b'x'; 1000])]).await;
    for broken in [
        frame(FIN | CONTINUATION, b"nothing before"),
        frame(CONTINUATION, b""),
        [frame(TEXT, b"one"), frame(FIN | TEXT, b"two")].concat(),
        [frame(TEXT, b"one"), frame(BINARY, b"two")].concat(),
    ] {
        echo.fails(&broken, 1002).await;
    }
    let too_long = [frame(BINARY, &vec![0; MESSAGE_BYTES]), frame(FIN | CONTINUATION, &[0])].concat();
    echo.fails(&too_long, 1009).await;
}

#[tokio::test]
async fn text_is_utf8_and_nothing_else() {
    let echo = Echo::start().await;
    for valid in [
        "κόσμε",
        "\u{0}",
        "\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}",
        "\u{d7ff}\u{e000}\u{fffd}\u{fffe}",
        "\u{feff}",
        "🦆",
    ] {
        let bytes = valid.as_bytes();
        echo.gives(&frame(FIN | TEXT, bytes), &[(FIN | TEXT, bytes)]).await;
        for at in 0..=bytes.len() {
            let cut = [frame(TEXT, &bytes[..at]), frame(FIN | CONTINUATION, &bytes[at..])].concat();
            echo.gives(&cut, &[(FIN | TEXT, bytes)]).await;
        }
    }
    for invalid in [
        &b"\x80"[..],
        b"\xbf",
        b"\xc0\x80",
        b"\xc1\xbf",
        b"\xc2",
        b"\xe0\x9f\xbf",
        b"\xe2\x82",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xf5\x80\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xfe",
        b"\xff",
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    ] {
        echo.fails(&frame(FIN | TEXT, invalid), 1007).await;
        for at in 0..=invalid.len() {
            let cut = [frame(TEXT, &invalid[..at]), frame(FIN | CONTINUATION, &invalid[at..])].concat();
            echo.fails(&cut, 1007).await;
        }
        echo.gives(&frame(FIN | BINARY, invalid), &[(FIN | BINARY, invalid)]).await;
    }
}

#[tokio::test]
async fn a_close_is_answered_in_kind() {
    let echo = Echo::start().await;
    let close = async |payload: &[u8]| {
        let mut socket = echo.socket().await;
        socket.send(&frame(FIN | CLOSE, payload)).await;
        let answer = socket.close_frame().await;
        assert_eq!(socket.frame().await, None);
        answer.unwrap()
    };
    assert_eq!(close(b"").await, b"");
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        for reason in ["", "bye", &"x".repeat(123)] {
            let payload = close_payload(code, reason);
            assert_eq!(close(&payload).await, payload, "{code}");
        }
    }
    for code in [0, 1, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535] {
        assert_eq!(close(&close_payload(code, "")).await[..2], [0x03, 0xea], "{code}");
    }
    assert_eq!(close(b"\x03").await[..2], [0x03, 0xea]);
    assert_eq!(close(b"\x03\xe8\xce\xba\xe1\xbd\xb9\xed\xa0\x80").await[..2], [0x03, 0xef]);
    assert_eq!(close(&close_payload(1000, &"x".repeat(124))).await[..2], [0x03, 0xea]);
}

#[tokio::test]
async fn nothing_is_answered_after_a_close() {
    let echo = Echo::start().await;
    let close = frame(FIN | CLOSE, &close_payload(1000, ""));
    for late in [frame(FIN | TEXT, b"late"), frame(FIN | PING, b""), close.clone(), frame(FIN | 3, b"")] {
        let answers = echo.answers(&[close.clone(), late].concat()).await;
        assert_eq!(answers, [(FIN | CLOSE, close_payload(1000, ""))]);
    }
    // A message that the close cuts off is never heard of.
    let answers = echo.answers(&frame(TEXT, b"unfinished")).await;
    assert_eq!(answers, [(FIN | CLOSE, close_payload(1000, ""))]);
}
