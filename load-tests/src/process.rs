//! What a process has used, as Linux tells it under `/proc`.

use std::fs;
use std::time::Duration;

use crate::Fault;

/// The memory of a process, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// What is in memory, shared parts whole.
    pub(crate) rss: u64,
    /// The same, shared parts by this process's share.
    pub(crate) pss: u64,
}

/// The processor time of a process, its ended threads included.
pub(crate) fn cpu(pid: u32) -> Result<Duration, Fault> {
    let ticks = parse_ticks(&fs::read_to_string(format!("/proc/{pid}/stat"))?)
        .ok_or("the kernel's stat has an unknown form")?;
    Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?)
}

/// The memory of a process.
pub(crate) fn memory(pid: u32) -> Result<Memory, Fault> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let bytes = |name| parse_kilobytes(&text, name).map(|kilobytes| kilobytes * 1024);
    let missing = "the kernel's smaps_rollup has an unknown form";
    Ok(Memory { rss: bytes("Rss:").ok_or(missing)?, pss: bytes("Pss:").ok_or(missing)? })
}

/// User and system time of `/proc/PID/stat`, in ticks. The second field, the name, may hold blanks and brackets.
fn parse_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn parse_kilobytes(smaps: &str, name: &str) -> Option<u64> {
    let line = smaps.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_whatever_the_process_is_called() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 90 0 0 0 250 50 0 0 20 0 3 0 9 1 1";
        assert_eq!(parse_ticks(stat), Some(300));
        assert_eq!(parse_ticks("7 a S 1"), None);
    }

    #[test]
    fn memory_is_read_by_its_whole_name() {
        let smaps = "5-7 ---p 0 00:00 0  [rollup]\nRss:    12 kB\nPss:    8 kB\nPss_Anon:  3 kB\n";
        assert_eq!((parse_kilobytes(smaps, "Rss:"), parse_kilobytes(smaps, "Pss:")), (Some(12), Some(8)));
        assert_eq!(parse_kilobytes(smaps, "Swap:"), None);
    }
}
