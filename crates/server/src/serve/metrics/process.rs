//! What the system says of this process, under the names that all programs have for it. Linux alone says it.

/// Looks, and keeps what was found.
#[cfg(not(target_os = "linux"))]
pub(super) fn look() {}

/// Looks, and keeps what was found.
#[cfg(target_os = "linux")]
pub(super) fn look() {
    // A system that hides it from its own processes has no figures of them.
    if let Ok(found) = linux::Found::now() {
        linux::tell(&found);
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use blazing_sun_backbone::metrics::{
        Counter, Gauge, IntGauge, float_counter, float_gauge, gauge,
    };
    use procfs::process::{LimitValue, Process};
    use procfs::{ProcError, boot_time_secs, page_size, ticks_per_second};
    use std::sync::LazyLock;

    /// What is looked for.
    pub(super) struct Found {
        cpu_seconds: f64,
        resident_bytes: u64,
        virtual_bytes: u64,
        open_files: usize,
        open_files_max: Option<u64>,
        threads: i64,
        started_seconds: f64,
    }

    impl Found {
        pub(super) fn now() -> Result<Found, ProcError> {
            let process = Process::myself()?;
            let (stat, ticks) = (process.stat()?, ticks_per_second() as f64);
            let open_files_max = match process.limits()?.max_open_files.soft_limit {
                LimitValue::Value(most) => Some(most),
                LimitValue::Unlimited => None,
            };
            Ok(Found {
                cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
                resident_bytes: stat.rss * page_size(),
                virtual_bytes: stat.vsize,
                open_files: process.fd_count()?,
                open_files_max,
                threads: stat.num_threads,
                started_seconds: boot_time_secs()? as f64 + stat.starttime as f64 / ticks,
            })
        }
    }

    struct OfProcess {
        cpu: Counter,
        resident: IntGauge,
        virtual_memory: IntGauge,
        open_files: IntGauge,
        open_files_max: IntGauge,
        threads: IntGauge,
        started: Gauge,
    }

    static OF_PROCESS: LazyLock<OfProcess> = LazyLock::new(|| OfProcess {
        cpu: float_counter(
            "process_cpu_seconds_total",
            "User and system time that the process has used",
        ),
        resident: gauge(
            "process_resident_memory_bytes",
            "Memory that the process has in RAM",
        ),
        virtual_memory: gauge("process_virtual_memory_bytes", "Its virtual memory"),
        open_files: gauge("process_open_fds", "Its open files, sockets among them"),
        open_files_max: gauge("process_max_fds", "How many it may have open"),
        threads: gauge("process_threads", "Its threads"),
        started: float_gauge(
            "process_start_time_seconds",
            "When it started, since the epoch",
        ),
    });

    pub(super) fn tell(found: &Found) {
        let of = &*OF_PROCESS;
        of.cpu.inc_by((found.cpu_seconds - of.cpu.get()).max(0.0));
        super::super::set(&of.resident, found.resident_bytes);
        super::super::set(&of.virtual_memory, found.virtual_bytes);
        super::super::set(&of.open_files, found.open_files);
        super::super::set(&of.open_files_max, found.open_files_max.unwrap_or(u64::MAX));
        of.threads.set(found.threads);
        of.started.set(found.started_seconds);
    }
}
