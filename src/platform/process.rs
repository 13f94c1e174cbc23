//! Metrics of this process, under the names of the Prometheus client libraries. Values that the system does not provide
//! are omitted.

use std::fs;

use crate::measure::Family;
use crate::model::Timestamp;

/// Clock ticks per second in `/proc/self/stat`: the kernel's unit for user space (proc(5)), the same on every machine.
const TICKS_PER_SECOND: u64 = 100;

/// Current values; the process started at `started_at`.
pub fn families(started_at: Timestamp) -> Vec<Family> {
    let start = started_at.millis() as f64 / 1_000.0;
    let mut families = vec![Family::gauge(
        "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds.",
        start,
    )];
    if let Some(bytes) = resident_bytes() {
        families.push(Family::gauge(
            "process_resident_memory_bytes",
            "Resident memory size in bytes.",
            bytes as f64,
        ));
    }
    if let Some(seconds) = cpu_seconds() {
        families.push(Family::counters(
            "process_cpu_seconds_total",
            "Total user and system CPU time spent in seconds.",
            [(Vec::new(), seconds)],
        ));
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        // Without the descriptor that reads the directory.
        let open = files.count().saturating_sub(1);
        families.push(Family::gauge("process_open_fds", "Number of open file descriptors.", open as f64));
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    if let Some(limit) = limit.current {
        families.push(Family::gauge(
            "process_max_fds",
            "Maximum number of open file descriptors.",
            limit as f64,
        ));
    }
    families
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1_024)
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The program name, in parentheses, may contain spaces; user and system time are fields 14 and 15.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) as f64 / TICKS_PER_SECOND as f64)
}
