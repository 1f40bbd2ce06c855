//! File descriptors: one for each connection.

use std::io;

use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For how many descriptors room is made at most: 2 MiB of the kernel's memory.
const ROOM_MAX: u64 = 262_144;

/// Lets the process have as many descriptors as it is allowed, and has the kernel make room for them now.
///
/// The kernel's table of them grows by doubling. In a process with more than one thread, whoever opens the descriptor
/// for which there is no room waits until no processor looks at the old table any more: 10 to 15 ms, in which a thread
/// that serves thousands of sockets serves none. So call this before anything is served.
///
/// Where the system refuses, everything goes on as it would have.
pub(super) fn make_room() {
    let limit = getrlimit(Resource::Nofile);
    // What a shell allows at first is far less than what it would allow if it were asked.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let last = room(getrlimit(Resource::Nofile).current).saturating_sub(1);
    if let Ok(last) = last.try_into() {
        // The table stays as large as the greatest number asked for, though it is closed at once.
        drop(fcntl_dupfd_cloexec(io::stderr(), last));
    }
}

/// For how many there is to be room, of so many that are allowed; none is no limit.
fn room(allowed: Option<u64>) -> u64 {
    allowed.unwrap_or(ROOM_MAX).min(ROOM_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_made_for_as_many_as_are_allowed_up_to_a_bound() {
        assert_eq!(room(Some(1024)), 1024);
        assert_eq!(room(Some(ROOM_MAX - 1)), ROOM_MAX - 1);
        assert_eq!(room(Some(ROOM_MAX)), ROOM_MAX);
        assert_eq!(room(Some(ROOM_MAX + 1)), ROOM_MAX);
        assert_eq!(room(None), ROOM_MAX);
    }
}
