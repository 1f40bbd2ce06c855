//! What the operating system knows of this process: memory, time, file descriptors.
//!
//! Read from `/proc` (`man 5 proc`) at each scrape. Where there is no `/proc` the series are absent.

use std::collections::HashMap;
use std::fs;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge};

/// Ticks a second in `/proc/self/stat`: Linux promises 100 to programs, whatever the kernel counts with.
const TICKS_PER_SECOND: f64 = 100.0;

const RESIDENT: (&str, &str) = ("usher_process_resident_memory_bytes", "Memory held in RAM.");
const OPEN_FDS: (&str, &str) = ("usher_process_open_fds", "Open file descriptors.");
const MAX_FDS: (&str, &str) = ("usher_process_max_fds", "File descriptors that may be open at once.");
const CPU: (&str, &str) =
    ("usher_process_cpu_seconds_total", "Time on a processor, in user and kernel mode.");
const START: (&str, &str) = ("usher_process_start_time_seconds", "When the process began, in Unix time.");

/// Collects the process's series whenever the registry is gathered.
#[derive(Debug)]
pub(super) struct Process {
    descriptions: Vec<Desc>,
}

impl Process {
    pub(super) fn new() -> Self {
        let describe = |(name, help): (&str, &str)| {
            Desc::new(name.into(), help.into(), Vec::new(), HashMap::new())
                .expect("the names above are valid")
        };
        Self { descriptions: [RESIDENT, OPEN_FDS, MAX_FDS, CPU, START].map(describe).into() }
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
        let stat = parse_stat(&read("/proc/self/stat"));
        let resident_kib = number_after(&read("/proc/self/status"), "VmRSS:");
        let boot = number_after(&read("/proc/stat"), "btime");
        // The listing itself holds one descriptor.
        let open = fs::read_dir("/proc/self/fd").ok().map(|fds| fds.count().saturating_sub(1));
        let series = [
            resident_kib.map(|kib| gauge(RESIDENT, kib * 1024.0)),
            open.map(|count| gauge(OPEN_FDS, f64::from(u32::try_from(count).unwrap_or(u32::MAX)))),
            number_after(&read("/proc/self/limits"), "Max open files").map(|count| gauge(MAX_FDS, count)),
            stat.map(|stat| counter(CPU, stat.cpu_seconds)),
            stat.zip(boot).map(|(stat, boot)| gauge(START, boot + stat.started_after_boot_seconds)),
        ];
        series.into_iter().flatten().flatten().collect()
    }
}

/// Made anew at each scrape: two scrapes at once can't see each other's half-set values.
fn gauge((name, help): (&str, &str), value: f64) -> Vec<MetricFamily> {
    let gauge = Gauge::new(name, help).expect("the names above are valid");
    gauge.set(value);
    gauge.collect()
}

fn counter((name, help): (&str, &str), value: f64) -> Vec<MetricFamily> {
    let counter = Counter::new(name, help).expect("the names above are valid");
    counter.inc_by(value);
    counter.collect()
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    started_after_boot_seconds: f64,
}

/// Fields 14, 15 and 22 of `/proc/self/stat`. The second is the program's name, which may hold blanks and brackets.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, after_name) = text.rsplit_once(')')?;
    let ticks = |field: usize| after_name.split_ascii_whitespace().nth(field - 3)?.parse::<f64>().ok();
    Some(Stat {
        cpu_seconds: (ticks(14)? + ticks(15)?) / TICKS_PER_SECOND,
        started_after_boot_seconds: ticks(22)? / TICKS_PER_SECOND,
    })
}

/// The first number on the line that begins with `label`.
fn number_after(text: &str, label: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(label))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_brackets_and_blanks_shifts_no_field() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 12345 1000 200 1 1";
        let expected = Stat { cpu_seconds: 3.0, started_after_boot_seconds: 123.45 };
        assert_eq!(parse_stat(stat), Some(expected));
    }

    #[test]
    fn a_cut_or_foreign_file_gives_no_value() {
        assert_eq!(parse_stat(""), None);
        assert_eq!(parse_stat("7 (usher) S 1 7"), None);
        assert_eq!(number_after("VmSize: 5 kB", "VmRSS:"), None);
        assert_eq!(number_after("Max open files            unlimited", "Max open files"), None);
    }

    #[test]
    fn a_number_is_read_from_its_own_line() {
        let status = "VmSize:\t  900 kB\nVmRSS:\t  512 kB\n";
        assert_eq!(number_after(status, "VmRSS:"), Some(512.0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn on_linux_every_series_has_a_value_above_zero() {
        let families = Process::new().collect();
        let names: Vec<_> = families.iter().map(MetricFamily::name).collect();
        assert_eq!(names, [RESIDENT, OPEN_FDS, MAX_FDS, CPU, START].map(|(name, _)| name));
        for family in families.iter().filter(|family| family.name() != CPU.0) {
            assert!(family.get_metric()[0].get_gauge().get_value() > 0.0, "{}", family.name());
        }
    }
}
