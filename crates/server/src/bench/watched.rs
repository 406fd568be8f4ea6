//! CPU of processes beside this one, by the ports of this machine that they listen on: gateways, backends,
//! broker, database. A process's children count with it.

use super::machine::{listener_of, stat_fields, ticks_per_s};
use anyhow::{Context, bail};
use std::fs;

/// Processes that are reported as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// As in the report.
    pub name: String,
    /// Where each of them listens.
    pub ports: Vec<u16>,
}

impl std::str::FromStr for Watched {
    type Err = String;

    /// `gateway=8081,8082`
    fn from_str(text: &str) -> Result<Watched, String> {
        let wrong = || format!("expected NAME=PORT, further ports behind commas; got {text}");
        let (name, ports) = text.split_once('=').ok_or_else(wrong)?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || !name.chars().all(is_plain) {
            return Err(wrong());
        }
        let ports = ports.split(',').map(|port| port.parse().ok());
        Ok(Watched {
            name: name.to_owned(),
            ports: ports.collect::<Option<_>>().ok_or_else(wrong)?,
        })
    }
}

/// Reads what they have used so far.
#[derive(Debug, Default)]
pub struct Watch {
    groups: Vec<(String, Vec<u32>)>,
}

impl Watch {
    /// Finds the processes; one that is not there, or not visible, is an error that names it.
    pub fn over(all: &[Watched]) -> anyhow::Result<Watch> {
        let mut groups: Vec<(String, Vec<u32>)> = Vec::new();
        for Watched { name, ports } in all {
            if groups.iter().any(|(other, _)| other == name) {
                bail!("--watch names `{name}` twice");
            }
            let pids = ports.iter().map(|port| {
                listener_of(*port).with_context(|| {
                    format!("--watch {name}: no process that this user sees listens on port {port}")
                })
            });
            groups.push((name.clone(), pids.collect::<anyhow::Result<_>>()?));
        }
        Ok(Watch { groups })
    }

    /// The groups' names, in the order of [`Watch::sample`].
    pub fn names(&self) -> Vec<String> {
        self.groups.iter().map(|(name, _)| name.clone()).collect()
    }

    /// CPU seconds of each group so far.
    pub fn sample(&self) -> Vec<f64> {
        if self.groups.is_empty() {
            return Vec::new();
        }
        let table = processes();
        let sum =
            |pids: &[u32]| -> f64 { pids.iter().map(|pid| with_children(*pid, &table)).sum() };
        self.groups.iter().map(|(_, pids)| sum(pids)).collect()
    }
}

struct Process {
    pid: u32,
    parent: u32,
    /// Its own, and of children that it has waited for.
    ticks: f64,
}

fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let process = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // From the state on: parent is the 2nd, utime stime cutime cstime the 12th to 15th.
        let fields = stat_fields(&stat)?;
        let ticks = fields.get(11..15)?.iter();
        Some(Process {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            ticks: ticks.filter_map(|field| field.parse::<f64>().ok()).sum(),
        })
    };
    pids.filter_map(process).collect()
}

/// A database ends a process with its connection; its parent then has what it used.
fn with_children(pid: u32, table: &[Process]) -> f64 {
    let counts = |process: &&Process| process.pid == pid || process.parent == pid;
    let ticks: f64 = table.iter().filter(counts).map(|one| one.ticks).sum();
    ticks / ticks_per_s()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ports_are_read_and_what_is_neither_is_told() {
        let read = "gateway=8081,8082".parse::<Watched>().unwrap();
        assert_eq!((&*read.name, &*read.ports), ("gateway", &[8081, 8082][..]));
        for bad in ["", "gateway", "=1", "a b=1", "g=", "g=1,", "g=70000"] {
            let error = bad.parse::<Watched>().unwrap_err();
            assert!(error.contains("NAME=PORT"), "{error}");
        }
    }

    #[test]
    fn a_process_counts_with_its_children_also_with_those_that_ended() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = Watched {
            name: "this".to_owned(),
            ports: vec![port],
        };
        let watch = Watch::over(std::slice::from_ref(&own)).unwrap();
        assert_eq!(watch.names(), ["this"]);
        let before = watch.sample()[0];
        let spin = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let ended = std::process::Command::new("sh").args(["-c", spin]).status();
        assert!(ended.unwrap().success());
        let after = watch.sample()[0];
        assert!(after >= before + 0.05, "{before} {after}");
        assert!(Watch::over(&[own.clone(), own]).is_err());
    }

    #[test]
    fn a_port_that_nobody_listens_on_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let watched = Watched {
            name: "backend".to_owned(),
            ports: vec![port],
        };
        let error = Watch::over(&[watched]).unwrap_err().to_string();
        assert!(error.contains("backend") && error.contains(&port.to_string()));
    }
}
