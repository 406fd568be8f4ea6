//! PostgreSQL for tests: a real server, started by `dev/postgres.sh`.

use crate::beside::{Beside, note_use};
use rustix::process::Signal;
use std::sync::OnceLock;
use tokio_postgres::NoTls;

/// Where a server for tests runs already, with the right to make databases; else one is started.
pub const URL_VARIABLE: &str = "BLAZING_SUN_TEST_DATABASE_URL";

const SCRIPT: &str = "postgres.sh";

/// A database server.
pub struct TestPostgres {
    url: String,
    server: Option<Beside>,
}

impl TestPostgres {
    /// The server that tests share; each takes a [`new_database`](Self::new_database) on it.
    ///
    /// Blocks until it takes connections. Fails the test, and says what to install, where it can not be started.
    pub fn shared() -> &'static TestPostgres {
        static SHARED: OnceLock<TestPostgres> = OnceLock::new();
        SHARED.get_or_init(|| match std::env::var(URL_VARIABLE) {
            Ok(url) => TestPostgres { url, server: None },
            Err(_) => TestPostgres::of(Beside::shared(SCRIPT, Vec::new())),
        })
    }

    /// A server for this test alone, to be stopped and killed.
    pub fn own() -> TestPostgres {
        TestPostgres::own_with(&[])
    }

    /// The same, with settings of its own.
    pub fn own_with(settings: &[(&str, &str)]) -> TestPostgres {
        note_use("postgres.used");
        let arguments = settings
            .iter()
            .flat_map(|(name, value)| ["--set".to_owned(), format!("{name}={value}")]);
        TestPostgres::of(Beside::own(SCRIPT, arguments.collect()))
    }

    fn of(server: Beside) -> TestPostgres {
        TestPostgres {
            url: server.noted("url"),
            server: Some(server),
        }
    }

    /// Of its database `postgres`, as its superuser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes an empty database; its URL.
    pub fn new_database(&self) -> String {
        note_use("postgres.used");
        let name = format!("t_{}", uuid::Uuid::new_v4().simple());
        // From the empty template: nobody is ever connected to that one.
        self.execute(&format!("CREATE DATABASE {name} TEMPLATE template0"));
        with_database(&self.url, &name)
    }

    /// Runs statements as the superuser, apart from whatever runtime the test may have.
    pub fn execute(&self, statements: &str) {
        execute(&self.url, statements);
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.server().log()
    }

    /// Ends it and all its connections' processes at once, and waits until they are gone.
    pub fn kill(&self) {
        self.server().kill();
    }

    /// Freezes all of it (SIGSTOP): connections stay, nothing is answered.
    pub fn stop_signal(&self) {
        self.server().signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn continue_signal(&self) {
        self.server().signal(Signal::CONT);
    }

    /// Starts it again after a kill, on the same port and data, and waits until it takes connections.
    pub fn start_again(&self) {
        self.server().start();
    }

    fn server(&self) -> &Beside {
        self.server
            .as_ref()
            .expect("started by this process: a shared server is no test's to stop")
    }
}

/// Runs statements on a database, on a thread of its own: a test may be on a runtime, which must not be blocked on.
pub fn execute(url: &str, statements: &str) {
    let (url, statements) = (url.to_owned(), statements.to_owned());
    let worker = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, NoTls)
                .await
                .unwrap_or_else(|error| panic!("no connection to PostgreSQL: {error:?}"));
            let connection = tokio::spawn(connection);
            let done = client.batch_execute(&statements).await;
            done.unwrap_or_else(|error| panic!("{statements}: {error:?}"));
            drop(client);
            connection.await.expect("no panic").expect("a clean end");
        });
    });
    if let Err(panic) = worker.join() {
        std::panic::resume_unwind(panic);
    }
}

fn with_database(url: &str, name: &str) -> String {
    let (address, options) = match url.split_once('?') {
        Some((address, options)) => (address, format!("?{options}")),
        None => (url, String::new()),
    };
    let (server, _) = address.rsplit_once('/').expect("a URL with a database");
    format!("{server}/{name}{options}")
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn another_database_keeps_the_rest_of_the_url() {
        let of = |url| with_database(url, "mine");
        assert_eq!(of("postgres://a:b@h:1/x"), "postgres://a:b@h:1/mine");
        assert_eq!(
            of("postgres://h/x?sslmode=disable"),
            "postgres://h/mine?sslmode=disable"
        );
    }
}
