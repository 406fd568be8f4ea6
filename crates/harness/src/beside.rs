//! A server beside the program, as a script of `dev` starts it: found by its folder, told by signals.

use super::DEADLINE;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{DirBuilder, File, Permissions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long the scripts leave a shared server running for the next test program.
const GRACE_SECONDS: &str = "20";

/// How long a script may take, also one that fetches its server first.
const SCRIPT_SECONDS: &str = "600";
/// What `timeout` ends with where it had to end what it ran.
const TIMED_OUT: i32 = 124;
/// How long the script may hold a shared server back to end it.
const LOCKED_WITHIN: Duration = Duration::from_secs(150);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A script of `dev`, which ends within a bound.
pub(crate) fn script(name: &str) -> Command {
    let dev = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dev");
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", SCRIPT_SECONDS]);
    command.arg(dev.join(name));
    command
}

/// Runs it to its end; what it printed. What it complained about is the test's failure.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() != Some(TIMED_OUT),
        "{command:?} did not end within {SCRIPT_SECONDS} s:\n{complaint}"
    );
    assert!(output.status.success(), "{command:?} failed:\n{complaint}");
    String::from_utf8(output.stdout).expect("text")
}

/// Where `dev/test.sh` wants to know which tests used which server.
const USED_VARIABLE: &str = "TEST_SERVERS_USED";

/// Notes that the running test, whose name its thread has, uses a server.
pub(crate) fn note_use(server: &str) {
    let Some(folder) = std::env::var_os(USED_VARIABLE) else {
        return;
    };
    let program = std::env::current_exe().expect("a running program has a path");
    let thread = std::thread::current();
    let line = format!(
        "{} {}\n",
        program.display(),
        thread.name().unwrap_or("unnamed")
    );
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(Path::new(&folder).join(server))
        .expect("a file for notes");
    file.write_all(line.as_bytes()).expect("noted");
}

/// Has the server kept running, or fails the test where the script that ends it never gives it free.
fn lock_shared(users: &File, path: &Path) {
    let until = Instant::now() + LOCKED_WITHIN;
    loop {
        match users.try_lock_shared() {
            Ok(()) => return,
            Err(TryLockError::WouldBlock) => assert!(
                Instant::now() < until,
                "{} was locked by others for {LOCKED_WITHIN:?}",
                path.display()
            ),
            Err(TryLockError::Error(error)) => panic!("{}: {error}", path.display()),
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// A server that this process started, alone or with others.
pub(crate) struct Beside {
    script: &'static str,
    folder: PathBuf,
    settings: Vec<String>,
    grace: &'static str,
    users: PathBuf,
    /// Locked as long as this process may use the server: the script ends it when nobody does.
    _lock: File,
    /// Of one that is this test's alone.
    own: Option<TempDir>,
}

impl Beside {
    /// One for this test alone, which goes with the value; `settings` are the script's.
    pub(crate) fn own(script: &'static str, settings: Vec<String>) -> Beside {
        // PostgreSQL may run as another user, who has to reach its own folder in here.
        let permissions = Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new()
            .prefix("blazing-sun-")
            .permissions(permissions)
            .tempdir()
            .expect("a folder");
        let path = folder.path().to_owned();
        Beside::started(script, &path, settings, "0", Some(folder))
    }

    /// The one that all tests of this user share while any of them runs; `settings` are the script's.
    pub(crate) fn shared(script: &'static str, settings: Vec<String>) -> Beside {
        let uid = rustix::process::getuid().as_raw();
        let folder = std::env::temp_dir().join(format!("blazing-sun-tests-{uid}"));
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&folder)
            .expect("a folder");
        Beside::started(script, &folder, settings, GRACE_SECONDS, None)
    }

    fn started(
        script: &'static str,
        parent: &Path,
        settings: Vec<String>,
        grace: &'static str,
        own: Option<TempDir>,
    ) -> Beside {
        let users = parent.join(format!("{script}.users"));
        let lock = File::options()
            .create(true)
            .append(true)
            .open(&users)
            .unwrap_or_else(|error| panic!("{}: {error}", users.display()));
        lock_shared(&lock, &users);
        let server = Beside {
            script,
            folder: parent.join(script.trim_end_matches(".sh")),
            settings,
            grace,
            users,
            _lock: lock,
            own,
        };
        server.start();
        server
    }

    /// Starts it, where it does not run, on the port and data that it had.
    pub(crate) fn start(&self) {
        run(script(self.script)
            .arg("start")
            .arg("--dir")
            .arg(&self.folder)
            .arg("--while-locked")
            .arg(&self.users)
            .args(["--grace-seconds", self.grace])
            .args(&self.settings));
    }

    /// What the script wrote into a file of the server's folder, in one line.
    pub(crate) fn noted(&self, file: &str) -> String {
        let path = self.folder.join(file);
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        text.trim().to_owned()
    }

    /// Its log, as far as it is written.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read(self.folder.join("server.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Ends all of it at once, as a power failure would, and waits until it is gone.
    pub(crate) fn kill(&self) {
        let processes = self.processes();
        self.signal_each(&processes, Signal::KILL);
        let until = Instant::now() + DEADLINE;
        while processes.iter().any(|pid| is_running(*pid)) {
            assert!(
                Instant::now() < until,
                "{} outlived its kill",
                self.folder.display()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal to all of it.
    pub(crate) fn signal(&self, signal: Signal) {
        self.signal_each(&self.processes(), signal);
    }

    fn signal_each(&self, processes: &[Pid], signal: Signal) {
        assert!(
            self.own.is_some(),
            "a shared server is no test's to stop: take an own() one"
        );
        for pid in processes {
            // One of its children may have ended by itself.
            let _ = kill_process(*pid, signal);
        }
    }

    /// The server first, then its children: nobody is left to make more of them.
    fn processes(&self) -> Vec<Pid> {
        let noted = self.noted("pid");
        let raw = noted.split(' ').next().and_then(|pid| pid.parse().ok());
        let server = raw.and_then(Pid::from_raw).expect("a process id");
        let mut all = vec![server];
        let processes = std::fs::read_dir("/proc").expect("a process table");
        all.extend(processes.filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let pid = Pid::from_raw(pid)?;
            let (_, parent) = state_and_parent(pid)?;
            (parent == server.as_raw_nonzero().get()).then_some(pid)
        }));
        all
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if self.own.is_some() {
            let wiped = script(self.script)
                .arg("wipe")
                .arg("--dir")
                .arg(&self.folder)
                .output();
            drop(wiped);
        }
    }
}

/// Whether it holds anything yet: one that waits to be reaped does while it has other threads.
fn is_running(pid: Pid) -> bool {
    let threads = || std::fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero()));
    state_and_parent(pid).is_some_and(|(state, _)| {
        !matches!(state, 'Z' | 'X') || threads().is_ok_and(|threads| threads.count() > 1)
    })
}

/// What the system says of a process: how it is, and whose child.
fn state_and_parent(pid: Pid) -> Option<(char, i32)> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The name before it is in brackets, and may hold any others.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}
