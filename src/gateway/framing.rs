//! Where in its stream of frames (RFC 6455 §5.2) a widget stands: between two, within one, within a message.
//!
//! The library that reads the frames tells only of whole messages, and takes empty fragments without a word.

/// The position in a stream of frames. It follows their headers and looks at nothing else of them.
#[derive(Debug, Default)]
pub(super) struct Framing {
    /// How much of the frame's header was read; zero between two frames.
    header_read: u8,
    /// How long the header is, as far as is known.
    header_bytes: u8,
    /// Of that, how much is the extended payload length: 0, 2 or 8.
    extended: u8,
    /// FIN, reserved bits and opcode.
    first: u8,
    /// The payload's length, and then what is still to come of it.
    payload: u64,
    /// A message's first fragment came, and its last one didn't.
    fragmented: bool,
}

/// A payload's length stands in more bytes than it needs (RFC 6455 §5.2: "the minimal number of bytes MUST be used").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotMinimal {
    /// How many of the bytes came before the one that shows it.
    pub(super) at: usize,
}

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
/// The opcodes from here on are control frames.
const CONTROL: u8 = 0x08;

impl Framing {
    /// Goes on by these bytes. How many of them came after the end of the last message that ended in them; none where
    /// no message did.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<Option<usize>, NotMinimal> {
        let mut rest = bytes;
        let mut after_message = None;
        while let Some((&byte, behind)) = rest.split_first() {
            if self.header_read == 0 || self.header_read < self.header_bytes {
                self.header(byte).map_err(|()| NotMinimal { at: bytes.len() - rest.len() })?;
                rest = behind;
            }
            if self.header_read < self.header_bytes {
                continue;
            }
            let here = usize::try_from(self.payload).unwrap_or(usize::MAX).min(rest.len());
            self.payload -= here as u64;
            rest = &rest[here..];
            if self.payload == 0 {
                self.header_read = 0;
                if !self.is_control() {
                    self.fragmented = self.first & FIN == 0;
                    after_message = if self.fragmented { after_message } else { Some(rest.len()) };
                }
            }
        }
        Ok(after_message)
    }

    /// Whether a frame or a message has begun that is not whole yet.
    pub(super) const fn is_unfinished(&self) -> bool {
        self.fragmented || self.header_read > 0
    }

    /// Whether a message has begun that is not whole yet.
    pub(super) const fn is_in_message(&self) -> bool {
        self.fragmented || self.header_read > 0 && !self.is_control()
    }

    const fn is_control(&self) -> bool {
        self.first & CONTROL != 0
    }

    fn header(&mut self, byte: u8) -> Result<(), ()> {
        match self.header_read {
            0 => (self.first, self.header_bytes) = (byte, 2),
            1 => {
                (self.extended, self.payload) = match byte & !MASKED {
                    126 => (2, 0),
                    127 => (8, 0),
                    short => (0, short.into()),
                };
                self.header_bytes = 2 + self.extended + if byte & MASKED == 0 { 0 } else { 4 };
            }
            read if read < 2 + self.extended => {
                self.payload = self.payload << 8 | u64::from(byte);
                let least = if self.extended == 2 { 126 } else { 65_536 };
                if read == 1 + self.extended && self.payload < least {
                    return Err(());
                }
            }
            _ => {}
        }
        self.header_read += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked frame: the first byte, the length as it is written, and so many bytes of payload.
    fn frame(first: u8, length: &[u8], payload: usize) -> Vec<u8> {
        let mut frame = vec![first, length[0] | MASKED];
        frame.extend(&length[1..]);
        frame.extend(vec![0x5a; 4 + payload]);
        frame
    }

    const TEXT: u8 = 0x81;
    const FRAGMENT: u8 = 0x01;
    const CONTINUES: u8 = 0x00;
    const ENDS: u8 = 0x80;
    const PING: u8 = 0x89;

    #[test]
    fn it_knows_what_came_after_the_last_whole_message_however_the_bytes_are_cut() {
        let ping = frame(PING, &[3], 3);
        let begun = frame(TEXT, &[126, 0, 200], 100);
        let lengths = [(vec![5], 5), (vec![126, 0, 126], 126), (vec![127, 0, 0, 0, 0, 0, 1, 0, 0], 65_536)];
        for (length, payload) in lengths {
            let whole = [&ping[..], &frame(TEXT, &length, payload), &ping, &begun].concat();
            assert_eq!(Framing::default().follow(&whole), Ok(Some(ping.len() + begun.len())));
            for piece in [1, 2, 7, 64] {
                let mut framing = Framing::default();
                let mut behind = None;
                for bytes in whole.chunks(piece) {
                    let after = framing.follow(bytes).unwrap();
                    behind = after.or(behind.map(|behind: usize| behind + bytes.len()));
                }
                assert_eq!(behind, Some(ping.len() + begun.len()), "{payload} bytes in pieces of {piece}");
                assert!(framing.is_in_message());
            }
        }
    }

    #[test]
    fn a_message_is_whole_with_its_last_fragment_whatever_comes_between() {
        let mut framing = Framing::default();
        let mut goes_on = |bytes: &[u8]| {
            let ended = framing.follow(bytes).unwrap();
            (ended, framing.is_in_message(), framing.is_unfinished())
        };
        assert_eq!(goes_on(&frame(PING, &[0], 0)), (None, false, false));
        assert_eq!(goes_on(&frame(PING, &[4], 0)), (None, false, true), "a ping that is not whole");
        assert_eq!(goes_on(&[0; 4]), (None, false, false));
        assert_eq!(goes_on(&frame(FRAGMENT, &[1], 1)), (None, true, true));
        assert_eq!(goes_on(&frame(CONTINUES, &[0], 0)), (None, true, true));
        assert_eq!(goes_on(&frame(PING, &[0], 0)), (None, true, true));
        assert_eq!(goes_on(&frame(ENDS, &[0], 0)), (Some(0), false, false));
        assert_eq!(goes_on(&frame(TEXT, &[0], 0)), (Some(0), false, false));
    }

    #[test]
    fn a_length_in_more_bytes_than_it_needs_is_found_where_it_ends() {
        for (length, at) in
            [(vec![126, 0, 125], 3), (vec![126, 0, 0], 3), (vec![127, 0, 0, 0, 0, 0, 0, 255, 255], 9)]
        {
            let bytes = [frame(TEXT, &[1], 1), frame(TEXT, &length, 0)].concat();
            assert_eq!(Framing::default().follow(&bytes), Err(NotMinimal { at: 7 + at }), "{length:?}");
        }
    }

    #[test]
    fn the_longest_length_of_all_is_followed_without_a_fault() {
        let mut framing = Framing::default();
        let bytes = frame(TEXT, &[127, 255, 255, 255, 255, 255, 255, 255, 255], 1000);
        assert_eq!(framing.follow(&bytes), Ok(None));
        assert!(framing.is_in_message());
    }
}
