//! Several statements in one round trip.

use super::statements::{Sql, Statements};
use futures_util::future::maybe_done;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error};

/// A parameter of a statement.
pub(super) type Parameter<'a> = Box<dyn ToSql + Sync + 'a>;

/// Statements with their parameters, in the order in which they are executed.
#[derive(Default)]
pub(super) struct Calls<'a>(Vec<(Sql, Vec<Parameter<'a>>)>);

/// The parameters of a statement, boxed.
macro_rules! parameters {
    ($($value:expr),* $(,)?) => {
        vec![$(Box::new($value) as $crate::store::postgres::pipeline::Parameter<'_>),*]
    };
}
pub(super) use parameters;

impl<'a> Calls<'a> {
    pub(super) fn push(&mut self, sql: Sql, parameters: Vec<Parameter<'a>>) {
        self.0.push((sql, parameters));
    }

    /// Sends all of them and then `last`, a text of its own, without waiting in between. Answers with what became
    /// of each, `last` included.
    pub(super) async fn send(
        &self,
        client: &Client,
        statements: &Statements,
        last: &str,
    ) -> Vec<Result<(), Error>> {
        type Sent<'f> = Pin<Box<dyn Future<Output = Result<(), Error>> + 'f>>;
        let mut all: Vec<Sent<'_>> = Vec::with_capacity(self.0.len() + 1);
        for (sql, parameters) in &self.0 {
            let statement = statements.get(*sql);
            let sent = client.execute_raw(statement, parameters.iter().map(|value| &**value));
            all.push(Box::pin(async move { sent.await.map(|_| ()) }));
        }
        all.push(Box::pin(client.batch_execute(last)));
        in_order(all).await
    }
}

/// Waits for all. Each is first polled in its turn, so that what they send leaves in this order.
pub(super) async fn in_order<F: Future + Unpin>(futures: Vec<F>) -> Vec<F::Output> {
    let mut all: Vec<_> = futures
        .into_iter()
        .map(|future| Box::pin(maybe_done(future)))
        .collect();
    poll_fn(|context| {
        let mut is_done = true;
        for future in &mut all {
            is_done &= future.as_mut().poll(context).is_ready();
        }
        match is_done {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    let outcomes = all.iter_mut().map(|future| future.as_mut().take_output());
    outcomes.flatten().collect()
}
