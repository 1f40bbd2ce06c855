//! Cores and descriptors.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Fault;

/// Keeps this thread, and every process and thread that it starts from now on, on one core.
#[cfg(target_os = "linux")]
pub(crate) fn pin(core: usize) -> Result<(), Fault> {
    use rustix::thread::{CpuSet, sched_setaffinity};
    if core >= CpuSet::MAX_CPU {
        return Err(format!("there is no core {core}").into());
    }
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).map_err(|error| format!("core {core} can't be had: {error}").into())
}

/// Keeps this thread on one core, which is possible on Linux alone.
#[cfg(not(target_os = "linux"))]
pub(crate) fn pin(_: usize) -> Result<(), Fault> {
    Err("cores can be given on Linux only: leave --server-core and --generator-core out".into())
}

/// Raises the number of descriptors to the most this process may have, and returns it.
pub(crate) fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => limit.maximum.unwrap_or(u64::MAX),
        Err(_) => limit.current.unwrap_or(u64::MAX),
    }
}
