//! What /proc says: CPU of the server, of this tool and of the whole machine. The server is found by
//! the port that it listens on; where it belongs to someone else it is not visible, and the report
//! says so.

use super::watched::Watch;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

/// CPU seconds so far, by whom.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// The server process; none where it is not visible.
    pub server_s: Option<f64>,
    /// The server's busiest thread.
    pub server_thread_s: Option<f64>,
    /// This process.
    pub own_s: f64,
    /// The whole machine, at work.
    pub busy_s: f64,
    /// Idle only because of the disk.
    pub disk_wait_s: f64,
    /// Taken by other machines of the host.
    pub steal_s: f64,
    /// Those that are watched.
    pub watched_s: Vec<f64>,
}

/// Reads /proc.
#[derive(Debug)]
pub struct Machine {
    ticks_per_s: f64,
    server: Option<u32>,
    watch: Watch,
}

impl Machine {
    /// For the server that listens there.
    pub fn beside(server: SocketAddr) -> Machine {
        Machine {
            ticks_per_s: ticks_per_s(),
            server: server
                .ip()
                .is_loopback()
                .then(|| listener_of(server.port()))
                .flatten(),
            watch: Watch::default(),
        }
    }

    /// Without a server.
    pub fn alone() -> Machine {
        Machine {
            ticks_per_s: ticks_per_s(),
            server: None,
            watch: Watch::default(),
        }
    }

    /// The same, and these processes.
    pub fn watching(self, watch: Watch) -> Machine {
        Machine { watch, ..self }
    }

    /// The watched processes' names.
    pub fn watched(&self) -> Vec<String> {
        self.watch.names()
    }

    /// The server's process, where it is visible.
    pub fn server(&self) -> Option<u32> {
        self.server
    }

    /// How many cores the server may use; 1 where that is not visible.
    pub fn server_cores(&self) -> usize {
        let status = self
            .server
            .and_then(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok());
        let list = status.as_deref().and_then(|status| {
            status
                .lines()
                .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        });
        list.and_then(cores_in).unwrap_or(1)
    }

    /// What the server holds in memory now; none where it is not visible.
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server?)).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    }

    /// CPU seconds until now.
    pub fn sample(&self) -> Sample {
        let machine = fs::read_to_string("/proc/stat").unwrap_or_default();
        let ticks: Vec<f64> = machine
            .lines()
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .skip(1)
            .map(|field| field.parse().unwrap_or(0.0))
            .collect();
        // user nice system idle iowait irq softirq steal
        let at = |field: usize| ticks.get(field).copied().unwrap_or(0.0) / self.ticks_per_s;
        let server = self.server.map(|pid| format!("/proc/{pid}"));
        Sample {
            server_s: server
                .as_ref()
                .and_then(|path| self.process_s(Path::new(path))),
            server_thread_s: server.and_then(|path| {
                let threads = fs::read_dir(format!("{path}/task")).ok()?.flatten();
                threads
                    .filter_map(|thread| self.process_s(&thread.path()))
                    .reduce(f64::max)
            }),
            own_s: self.process_s(Path::new("/proc/self")).unwrap_or(0.0),
            busy_s: at(0) + at(1) + at(2) + at(5) + at(6),
            disk_wait_s: at(4),
            steal_s: at(7),
            watched_s: self.watch.sample(),
        }
    }

    fn process_s(&self, path: &Path) -> Option<f64> {
        let stat = fs::read_to_string(path.join("stat")).ok()?;
        let fields = stat_fields(&stat)?;
        let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
        Some((ticks(11)? + ticks(12)?) / self.ticks_per_s)
    }
}

/// Of what /proc counts CPU in.
pub fn ticks_per_s() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

/// The fields of /proc/PID/stat from the state on; the name before it, in brackets, may hold anything.
pub fn stat_fields(stat: &str) -> Option<Vec<&str>> {
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().collect())
}

/// The machine's load averages over 1 and 5 minutes.
pub fn load_average() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace()
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
}

fn cores_in(list: &str) -> Option<usize> {
    list.trim().split(',').try_fold(0, |sum, range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        Some(sum + last.checked_sub(first)? + 1)
    })
}

/// The process that listens there, where it is visible.
pub fn listener_of(port: u16) -> Option<u32> {
    const LISTEN: &str = "0A";
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .find_map(|table| {
            let table = fs::read_to_string(table).ok()?;
            table.lines().skip(1).find_map(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let local = fields.get(1)?.rsplit(':').next()?;
                let here =
                    u16::from_str_radix(local, 16).ok()? == port && *fields.get(3)? == LISTEN;
                here.then(|| fields.get(9).map(|inode| (*inode).to_owned()))
                    .flatten()
            })
        })?;
    let wanted = format!("socket:[{inode}]");
    fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        let mut files = fs::read_dir(process.path().join("fd")).ok()?.flatten();
        files
            .any(|file| {
                fs::read_link(file.path()).is_ok_and(|to| to.as_os_str() == wanted.as_str())
            })
            .then_some(pid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_process_behind_a_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let machine = Machine::beside(listener.local_addr().unwrap());
        assert_eq!(machine.server(), Some(std::process::id()));
        assert!(machine.server_cores() >= 1);
        let sample = machine.sample();
        assert!(sample.server_s.is_some() && sample.busy_s > 0.0);
        assert!(sample.server_thread_s <= sample.server_s);
        assert!(machine.resident_bytes() > Some(100_000));
    }

    #[test]
    fn counts_the_cores_of_a_list() {
        for (list, cores) in [
            ("0", Some(1)),
            ("0-3", Some(4)),
            ("\t0-1,4,6-7\n", Some(5)),
            ("", None),
            ("3-1", None),
        ] {
            assert_eq!(cores_in(list), cores, "{list}");
        }
    }
}
