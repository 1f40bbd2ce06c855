//! The bytes that a widget sends, counted where they come in: what leads to no message has a bound.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::framing::{Framing, NotMinimal};

/// What may come beside the largest message until it is whole, in bytes: its frames' headers, and control frames. Even
/// the longest text, 6000 characters of four bytes in fragments of one byte, stays below it.
pub(super) const FRAMING_BYTES_MAX: usize = 128 * 1024;
/// How much of what was spent comes back in a second, in bytes: eight of the longest pings, or 170 of the shortest. A
/// widget that answers our pings for days spends a hundredth of it.
const BYTES_PER_SECOND: usize = 1024;

/// How much is taken of the socket at once, in bytes, whatever is asked for: a usual token. The library asks for
/// little, since what it asks for is held for as long as the socket lives.
const AHEAD: usize = 2048;

/// A stream of frames whose bytes are counted as they are read. Writing is left alone.
#[derive(Debug)]
pub(super) struct Metered<S> {
    inner: S,
    /// What was taken and not asked for yet. It holds no room once it is empty, which a `BufReader` would.
    ahead: Bytes,
    framing: Framing,
    /// Bytes since the last whole message, less what came back with time.
    spent: usize,
    spent_max: usize,
    /// Until when `spent` has got back what time gives.
    refilled_at: Instant,
    fault: Option<InboundFault>,
}

/// Why no more is read of a widget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum InboundFault {
    /// A frame's length stands in more bytes than it needs.
    #[error("a frame's length is not written in the fewest bytes")]
    NotMinimal,
    /// A message takes far more bytes than the largest one.
    #[error("a message does not end")]
    EndlessMessage,
    /// Control frames come without end, and no message.
    #[error("control frames come without end")]
    ControlFrames,
}

impl From<InboundFault> for io::Error {
    fn from(fault: InboundFault) -> Self {
        Self::new(io::ErrorKind::InvalidData, fault)
    }
}

impl<S> Metered<S> {
    /// A stream whose messages may have so many bytes.
    pub(super) fn new(inner: S, message_bytes_max: usize) -> Self {
        Self {
            inner,
            ahead: Bytes::new(),
            framing: Framing::default(),
            spent: 0,
            spent_max: message_bytes_max + FRAMING_BYTES_MAX,
            refilled_at: Instant::now(),
            fault: None,
        }
    }

    /// Whether what was read ends within a frame, or within a message of several.
    pub(super) const fn is_unfinished(&self) -> bool {
        self.framing.is_unfinished()
    }

    /// The stream itself, for what isn't frames any more.
    pub(super) const fn inner(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Counts what was read; where it is too much, how many of the bytes are still good, and the fault.
    fn count(&mut self, read: &[u8]) -> Result<(), (usize, InboundFault)> {
        let after_message =
            self.framing.follow(read).map_err(|NotMinimal { at }| (at, InboundFault::NotMinimal))?;
        self.spent = after_message.unwrap_or(self.spent + read.len());
        // The clock is asked only by those who spend: time is given back when there is need of it.
        if self.spent > self.spent_max {
            self.refill(Instant::now());
        }
        if self.spent <= self.spent_max {
            return Ok(());
        }
        let fault = if self.framing.is_in_message() {
            InboundFault::EndlessMessage
        } else {
            InboundFault::ControlFrames
        };
        Err((0, fault))
    }

    /// Reads what was taken before, or from the socket.
    fn poll_take(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>>
    where
        S: AsyncRead + Unpin,
    {
        let room = buffer.remaining();
        if !self.ahead.is_empty() {
            buffer.put_slice(&self.ahead.split_to(room.min(self.ahead.len())));
            return Poll::Ready(Ok(()));
        }
        if room >= AHEAD {
            return Pin::new(&mut self.inner).poll_read(context, buffer);
        }
        let mut taken = [const { MaybeUninit::uninit() }; AHEAD];
        let mut taken = ReadBuf::uninit(&mut taken);
        ready!(Pin::new(&mut self.inner).poll_read(context, &mut taken))?;
        let (asked, rest) = taken.filled().split_at(room.min(taken.filled().len()));
        buffer.put_slice(asked);
        // Nothing is held, and nothing allocated, for those who asked for all that there was.
        if !rest.is_empty() {
            self.ahead = Bytes::copy_from_slice(rest);
        }
        Poll::Ready(Ok(()))
    }

    fn refill(&mut self, now: Instant) {
        let millis = usize::try_from((now - self.refilled_at).as_millis()).unwrap_or(usize::MAX);
        self.spent = self.spent.saturating_sub(millis.saturating_mul(BYTES_PER_SECOND) / 1000);
        self.refilled_at = now;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let metered = self.get_mut();
        if let Some(fault) = metered.fault {
            return Poll::Ready(Err(fault.into()));
        }
        let before = buffer.filled().len();
        ready!(metered.poll_take(context, buffer))?;
        if let Err((good, fault)) = metered.count(&buffer.filled()[before..]) {
            metered.fault = Some(fault);
            // What came before the fault is still read; nothing at all would be the stream's end.
            buffer.set_filled(before + good);
            if good == 0 {
                return Poll::Ready(Err(fault.into()));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncReadExt as _;

    use super::*;

    const MESSAGE_MAX: usize = 1000;
    const MAX: usize = MESSAGE_MAX + FRAMING_BYTES_MAX;
    /// An empty ping, masked.
    const PING: [u8; 6] = [0x89, 0x80, 0, 0, 0, 0];
    /// A message of one byte, masked.
    const TEXT: [u8; 7] = [0x81, 0x81, 0, 0, 0, 0, b'x'];

    /// What a stream of these bytes gives before its end or its fault.
    async fn read(bytes: &[u8]) -> (usize, Option<InboundFault>) {
        let mut metered = Metered::new(bytes, MESSAGE_MAX);
        let mut all = Vec::new();
        let fault = metered.read_to_end(&mut all).await.err();
        (all.len(), fault.map(|fault| *fault.get_ref().unwrap().downcast_ref().unwrap()))
    }

    /// So many bytes of empty pings, and as many messages of one byte as it takes to make it exact.
    fn pings(bytes: usize) -> Vec<u8> {
        let mut pings = PING.repeat(bytes / PING.len());
        pings.extend(&PING[..bytes % PING.len()]);
        pings
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_bytes_without_a_message_are_taken_and_not_one_more() {
        assert_eq!(read(&pings(MAX - 1)).await, (MAX - 1, None));
        assert_eq!(read(&pings(MAX)).await, (MAX, None));
        let (taken, fault) = read(&pings(MAX + 1)).await;
        assert!(taken <= MAX);
        assert_eq!(fault, Some(InboundFault::ControlFrames));
    }

    #[tokio::test(start_paused = true)]
    async fn a_whole_message_makes_room_again_and_empty_fragments_do_not() {
        let paused = [pings(MAX / 6 * 6), TEXT.to_vec()].concat();
        assert_eq!(read(&paused.repeat(5)).await.1, None);
        let endless = [&[0x01, 0x80, 0, 0, 0, 0][..], &[0x00, 0x80, 0, 0, 0, 0].repeat(MAX / 6)].concat();
        assert_eq!(read(&endless).await.1, Some(InboundFault::EndlessMessage));
    }

    #[tokio::test(start_paused = true)]
    async fn time_gives_back_what_a_widget_that_pings_now_and_then_spends() {
        let mut metered = Metered::new(tokio::io::empty(), MESSAGE_MAX);
        // The longest pings at the stated rate, for a day.
        let a_second = [&[0x89, 0xfa, 0, 0, 0, 0][..], &[0; 122]].concat().repeat(8);
        for second in 0..86_400 {
            assert_eq!(metered.count(&a_second), Ok(()), "second {second}");
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let mut flooding = Metered::new(tokio::io::empty(), MESSAGE_MAX);
        let twice = a_second.repeat(2);
        let mut lasted = 0;
        while flooding.count(&twice).is_ok() {
            tokio::time::advance(Duration::from_secs(1)).await;
            lasted += 1;
        }
        assert!((MAX / 2048..=MAX / 512).contains(&lasted), "{lasted} s at twice the rate");
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_text_in_fragments_of_one_byte_is_taken() {
        const LONGEST_TEXT: usize = 6000 * 4;
        let mut bytes = [0x00, 0x81, 0, 0, 0, 0, b'x'].repeat(LONGEST_TEXT);
        bytes[0] = 0x01;
        bytes.extend([0x80, 0x80, 0, 0, 0, 0]);
        let mut metered = Metered::new(&bytes[..], LONGEST_TEXT + 1024);
        let mut all = Vec::new();
        metered.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, bytes);
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_before_a_fault_is_read() {
        let bytes = [&TEXT[..], &TEXT, &[0x81, 0xfe, 0, 1, 0, 0, 0, 0, b'x'], &TEXT].concat();
        assert_eq!(read(&bytes).await, (TEXT.len() * 2 + 3, Some(InboundFault::NotMinimal)));
    }

    /// A socket that gives all that it has, as far as there is room for it, and counts how often it was asked.
    struct Asked<'a> {
        bytes: &'a [u8],
        times: usize,
    }

    impl AsyncRead for Asked<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.times += 1;
            Pin::new(&mut self.bytes).poll_read(context, buffer)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_socket_is_asked_once_for_what_is_taken_in_small_parts() {
        const ASKED_FOR: usize = 512;
        for (length, times) in [(AHEAD - 1, 1), (AHEAD, 1), (AHEAD + 1, 2), (3 * AHEAD, 3)] {
            let bytes = [&TEXT.repeat(length / TEXT.len())[..], &PING[..length % TEXT.len()]].concat();
            let mut metered = Metered::new(Asked { bytes: &bytes, times: 0 }, MESSAGE_MAX);
            let (mut taken, mut part) = (Vec::<u8>::new(), [0; ASKED_FOR]);
            while taken.len() < length {
                let read = metered.read(&mut part).await.unwrap();
                assert!((1..=ASKED_FOR).contains(&read), "{read}");
                taken.extend(&part[..read]);
            }
            assert_eq!((taken == bytes, metered.inner.times), (true, times), "{length}");
            assert_eq!(metered.read(&mut part).await.unwrap(), 0, "the end is told");
        }
    }
}
