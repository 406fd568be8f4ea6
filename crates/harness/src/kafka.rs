//! Apache Kafka for tests: a real broker, started by `dev/kafka.sh`.

use crate::DEADLINE;
use crate::beside::{Beside, note_use, run, script};
use rustix::process::Signal;
use std::sync::OnceLock;
use std::time::Instant;

/// Where a broker for tests runs already; else one is started.
pub const ADDRESS_VARIABLE: &str = "BLAZING_SUN_TEST_KAFKA";

const SCRIPT: &str = "kafka.sh";

/// A broker.
pub struct TestKafka {
    bootstrap_servers: String,
    server: Option<Beside>,
}

/// How an own broker differs from the usual one.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Its configuration, as names and values.
    pub properties: Vec<(String, String)>,
    /// The protocol of a second listener, `SECURE`: `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`. What it needs
    /// beside that is configured by properties that begin with `listener.name.secure.`.
    pub secure: Option<String>,
}

impl TestKafka {
    /// The broker that tests share; each takes its own [`new_prefix`](Self::new_prefix) for topics and groups.
    ///
    /// Blocks until it answers. Fails the test, and says what to install, where it can not be started.
    pub fn shared() -> &'static TestKafka {
        static SHARED: OnceLock<TestKafka> = OnceLock::new();
        SHARED.get_or_init(|| match std::env::var(ADDRESS_VARIABLE) {
            Ok(bootstrap_servers) => TestKafka {
                bootstrap_servers,
                server: None,
            },
            Err(_) => TestKafka::of(Beside::shared(SCRIPT, vec!["--patient".to_owned()])),
        })
    }

    /// A broker for this test alone, to be stopped and killed.
    pub fn own() -> TestKafka {
        TestKafka::own_with(&Settings::default())
    }

    /// A broker for this test alone that its controller gives up when it is frozen for longer than 3.5 s, and takes
    /// back only within 2 s after it goes on: meanwhile it tells clients that there is no broker.
    pub fn own_given_up_when_frozen() -> TestKafka {
        let properties = [
            ("broker.session.timeout.ms", "3500"),
            ("broker.heartbeat.interval.ms", "2000"),
        ];
        TestKafka::own_with(&Settings {
            properties: properties
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            secure: None,
        })
    }

    /// The same, configured.
    pub fn own_with(settings: &Settings) -> TestKafka {
        note_use("kafka.used");
        TestKafka::start(settings, None)
    }

    /// With a node, one of several brokers.
    fn start(settings: &Settings, node: Option<String>) -> TestKafka {
        let secure = settings.secure.iter();
        let mut arguments: Vec<String> = secure
            .flat_map(|protocol| ["--secure".to_owned(), protocol.clone()])
            .collect();
        arguments.extend(
            node.into_iter()
                .flat_map(|node| ["--node".to_owned(), node]),
        );
        for (name, value) in &settings.properties {
            arguments.extend(["--set".to_owned(), format!("{name}={value}")]);
        }
        TestKafka::of(Beside::own(SCRIPT, arguments))
    }

    fn of(server: Beside) -> TestKafka {
        TestKafka {
            bootstrap_servers: format!("127.0.0.1:{}", server.noted("port")),
            server: Some(server),
        }
    }

    /// For `bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// The same of the listener that [`Settings::secure`] asked for.
    pub fn secure_bootstrap_servers(&self) -> String {
        format!("127.0.0.1:{}", self.server().noted("secure-port"))
    }

    /// What a test puts before its topics' and groups' names, used by nobody else.
    pub fn new_prefix(&self) -> String {
        note_use("kafka.used");
        format!("t{}.", &uuid::Uuid::new_v4().simple().to_string()[..12])
    }

    /// Runs one of Kafka's own tools on it, such as `kafka-consumer-groups`; what it printed.
    pub fn tool(&self, name: &str, arguments: &[&str]) -> String {
        run(script(SCRIPT)
            .args(["tool", name, "--bootstrap-server", &self.bootstrap_servers])
            .args(arguments))
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.server().log()
    }

    /// Ends it at once, and waits until it is gone.
    pub fn kill(&self) {
        self.server().kill();
    }

    /// Freezes it (SIGSTOP): connections stay, nothing is answered.
    pub fn stop_signal(&self) {
        self.server().signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn continue_signal(&self) {
        self.server().signal(Signal::CONT);
    }

    /// Starts it again after a kill, on the same port and data, and waits until it answers.
    pub fn start_again(&self) {
        self.server().start();
    }

    fn server(&self) -> &Beside {
        self.server
            .as_ref()
            .expect("started by this process: a shared broker is no test's to stop")
    }
}

/// Several brokers of one cluster, for a test alone: each partition is on three of them, and two have to take a record.
pub struct TestBrokers(Vec<TestKafka>);

impl TestBrokers {
    /// Three, whose ids are 1 to 3. Blocks until all answer.
    pub fn three() -> TestBrokers {
        note_use("kafka.used");
        let ports = run(script(SCRIPT).args(["ports", "3"]));
        let nodes: Vec<String> = (1..)
            .zip(ports.lines())
            .map(|(id, port)| format!("{id}@{port}"))
            .collect();
        let properties = [
            ("default.replication.factor", "3"),
            ("min.insync.replicas", "2"),
            ("offsets.topic.replication.factor", "3"),
        ];
        let settings = Settings {
            properties: properties
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            secure: None,
        };
        let start = &|of: usize| {
            let (before, from) = nodes.split_at(of);
            TestKafka::start(&settings, Some([from, before].concat().join(",")))
        };
        // None answers before most of them run.
        let brokers = std::thread::scope(|scope| {
            let starting: Vec<_> = (0..nodes.len())
                .map(|of| scope.spawn(move || start(of)))
                .collect();
            let started = starting.into_iter();
            started
                .map(|thread| thread.join().expect("a broker"))
                .collect()
        });
        TestBrokers(brokers)
    }

    /// For `bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> String {
        let all: Vec<&str> = self.0.iter().map(TestKafka::bootstrap_servers).collect();
        all.join(",")
    }

    /// Waits until every partition is on all three again. Blocks.
    pub fn until_replicated(&self) {
        let until = Instant::now() + DEADLINE;
        loop {
            let servers = self.bootstrap_servers();
            let missing = run(script(SCRIPT)
                .args(["tool", "kafka-topics", "--bootstrap-server", &servers])
                .args(["--describe", "--under-replicated-partitions"]));
            if missing.trim().is_empty() {
                return;
            }
            assert!(Instant::now() < until, "copies are missing:\n{missing}");
        }
    }

    /// The one of this id.
    pub fn broker(&self, id: i32) -> &TestKafka {
        let at = usize::try_from(id - 1).expect("ids begin at 1");
        &self.0[at]
    }
}
