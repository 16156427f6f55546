//! A PostgreSQL database that several processes share. Asked from a thread of its own: whoever asks may stand inside of a
//! runtime, and is made to wait.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, Config, NoTls, Statement};

use super::schema::{APPLICATION, Dialect, STEPS};
use super::sql::{Driver, Row, Value};
use super::{Durability, StoreAddress, StoreError};

/// So long a server is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to a database.
#[derive(Debug)]
pub(super) struct Postgres {
    ask: Option<mpsc::Sender<Asked>>,
    thread: Option<JoinHandle<()>>,
    place: String,
}

/// What the thread is asked for, and where the answer goes.
type Asked = (Job, mpsc::SyncSender<Result<Done, StoreError>>);

enum Job {
    Execute(&'static str, Vec<Value>),
    Query(&'static str, Vec<Value>),
    Batch(&'static str),
}

enum Done {
    Count(u64),
    Rows(Vec<Row>),
}

impl Postgres {
    /// Connects, and brings the database to the form of today.
    pub(super) fn open(url: &str) -> Result<Self, StoreError> {
        let place = StoreAddress::Postgres(url.to_owned()).shown();
        let config = nearby(url, &place)?;
        let (ask, asked) = mpsc::channel::<Asked>();
        let (tell, told) = mpsc::sync_channel(1);
        let name = place.clone();
        let life = move || match Connection::open(&config, name) {
            Ok(connection) => {
                // whoever opens it waits for this
                let _ = tell.send(Ok(()));
                connection.serve(&asked);
            }
            Err(error) => drop(tell.send(Err(error))),
        };
        let thread = thread::Builder::new().name("postgres".to_owned()).spawn(life);
        let thread = thread.map_err(|error| server(&place, error.to_string()))?;
        told.recv().map_err(|_| gone(&place))??;
        Ok(Self { ask: Some(ask), thread: Some(thread), place })
    }

    fn ask(&self, job: Job) -> Result<Done, StoreError> {
        let (tell, told) = mpsc::sync_channel(1);
        let ask = self.ask.as_ref().ok_or_else(|| gone(&self.place))?;
        ask.send((job, tell)).map_err(|_| gone(&self.place))?;
        told.recv().map_err(|_| gone(&self.place))?
    }
}

impl Driver for Postgres {
    fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64, StoreError> {
        match self.ask(Job::Execute(sql, values.to_vec()))? {
            Done::Count(count) => Ok(count),
            Done::Rows(rows) => Ok(rows.len() as u64),
        }
    }

    fn query(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        match self.ask(Job::Query(sql, values.to_vec()))? {
            Done::Rows(rows) => Ok(rows),
            Done::Count(_) => Ok(Vec::new()),
        }
    }

    fn begin(&mut self, durability: Durability) -> Result<(), StoreError> {
        self.ask(Job::Batch(match durability {
            Durability::Sync => "BEGIN; SET LOCAL synchronous_commit TO on",
            Durability::Batch | Durability::None => "BEGIN; SET LOCAL synchronous_commit TO off",
        }))?;
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.ask(Job::Batch("COMMIT")).map(drop)
    }

    fn rollback(&mut self) {
        // a connection that is gone has rolled it back
        let _ = self.ask(Job::Batch("ROLLBACK"));
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn hold_payloads(&mut self, alone: bool) -> Result<(), StoreError> {
        self.ask(Job::Batch(if alone {
            "LOCK TABLE blobs IN SHARE ROW EXCLUSIVE MODE"
        } else {
            "LOCK TABLE blobs IN ROW EXCLUSIVE MODE"
        }))
        .map(drop)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.ask.take());
        // it ends as soon as nobody asks any more
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The thread's side.
struct Connection {
    runtime: Runtime,
    client: Client,
    known: BTreeMap<&'static str, Statement>,
    place: String,
}

impl Connection {
    fn open(config: &Config, place: String) -> Result<Self, StoreError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| server(&place, error.to_string()))?;
        let connected = runtime.block_on(config.connect(NoTls));
        let (client, connection) = connected.map_err(|error| understood(&error, &place))?;
        runtime.spawn(connection);
        let own = Self { runtime, client, known: BTreeMap::new(), place };
        own.set_up()?;
        Ok(own)
    }

    /// Our own tables stand in a schema of their own, and nothing is looked for elsewhere.
    fn set_up(&self) -> Result<(), StoreError> {
        self.batch(&format!(
            "SET client_min_messages TO warning; SET lock_timeout TO '10s'; SET search_path TO lgflow; \
             SET idle_in_transaction_session_timeout TO '60s'; \
             BEGIN; SELECT pg_advisory_xact_lock({APPLICATION})"
        ))?;
        let done = self.migrate();
        self.batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        done
    }

    fn migrate(&self) -> Result<(), StoreError> {
        // who may only use what is there need not be allowed to make it
        if self.ask("SELECT to_regclass('lgflow.form') IS NOT NULL")? != Some(true) {
            self.batch(
                "CREATE SCHEMA IF NOT EXISTS lgflow; CREATE TABLE IF NOT EXISTS form (version BIGINT NOT NULL)",
            )?;
        }
        let found: i64 = self.ask("SELECT COALESCE(MAX(version), 0) FROM form")?.unwrap_or_default();
        let known = STEPS.len().cast_signed() as i64;
        if found > known {
            return Err(StoreError::Newer { place: self.place.clone(), found, known });
        }
        for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
            self.batch(&Dialect::Postgres.render(step))?;
        }
        if found < known {
            self.batch(&format!("DELETE FROM form; INSERT INTO form VALUES ({known})"))?;
        }
        Ok(())
    }

    /// The one value that is asked for.
    fn ask<T: for<'a> FromSql<'a>>(&self, sql: &str) -> Result<Option<T>, StoreError> {
        let rows = self.runtime.block_on(self.client.query(sql, &[]));
        let rows = rows.map_err(|error| understood(&error, &self.place))?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    fn batch(&self, sql: &str) -> Result<(), StoreError> {
        let done = self.runtime.block_on(self.client.batch_execute(sql));
        done.map_err(|error| understood(&error, &self.place))
    }

    fn serve(mut self, asked: &mpsc::Receiver<Asked>) {
        while let Ok((job, tell)) = asked.recv() {
            let done = self.carry_out(job);
            // who does not wait any more has gone
            let _ = tell.send(done);
        }
    }

    fn carry_out(&mut self, job: Job) -> Result<Done, StoreError> {
        match job {
            Job::Batch(sql) => self.batch(sql).map(|()| Done::Count(0)),
            Job::Execute(sql, values) => {
                let statement = self.statement(sql)?;
                let done = self.runtime.block_on(self.client.execute(&statement, &given(&values)));
                done.map(Done::Count).map_err(|error| understood(&error, &self.place))
            }
            Job::Query(sql, values) => {
                let statement = self.statement(sql)?;
                let rows = self.runtime.block_on(self.client.query(&statement, &given(&values)));
                let rows = rows.map_err(|error| understood(&error, &self.place))?;
                let rows = rows.iter().map(|row| self.row(row));
                rows.collect::<Result<_, _>>().map(Done::Rows)
            }
        }
    }

    fn statement(&mut self, sql: &'static str) -> Result<Statement, StoreError> {
        if let Some(known) = self.known.get(sql) {
            return Ok(known.clone());
        }
        // values are counted in the same way, under another sign
        let own = sql.replace('?', "$");
        let prepared = self.runtime.block_on(self.client.prepare(&own));
        let prepared = prepared.map_err(|error| understood(&error, &self.place))?;
        self.known.insert(sql, prepared.clone());
        Ok(prepared)
    }

    fn row(&self, row: &tokio_postgres::Row) -> Result<Row, StoreError> {
        let cell = |(at, column): (usize, &tokio_postgres::Column)| {
            let value = match *column.type_() {
                Type::INT8 => row.try_get::<_, Option<i64>>(at).map(|value| value.map(Value::Int)),
                Type::TEXT => row.try_get::<_, Option<String>>(at).map(|value| value.map(Value::Text)),
                Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(at).map(|value| value.map(Value::Bytes)),
                _ => Ok(None),
            };
            value.map(|value| value.unwrap_or(Value::Null)).map_err(|error| understood(&error, &self.place))
        };
        row.columns().iter().enumerate().map(cell).collect::<Result<_, _>>().map(Row)
    }
}

/// No value.
const NONE: &Option<String> = &None;

fn given(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(one).collect()
}

fn one(value: &Value) -> &(dyn ToSql + Sync) {
    match value {
        Value::Null => NONE,
        Value::Int(value) => value,
        Value::Text(value) => value,
        Value::Bytes(value) => value,
    }
}

/// What is said to the server is not encrypted, so it is on this machine.
fn nearby(url: &str, place: &str) -> Result<Config, StoreError> {
    let mut config: Config = url.parse().map_err(|error| server(place, format!("{error}")))?;
    let far = config.get_hosts().iter().find_map(|host| match host {
        Host::Tcp(name) if name != "localhost" && !is_loopback(name) => Some(name.clone()),
        _ => None,
    });
    let far = far.or_else(|| {
        config.get_hostaddrs().iter().find(|address| !address.is_loopback()).map(ToString::to_string)
    });
    if let Some(far) = far {
        return Err(server(
            place,
            format!(
                "`{far}` is another machine, and what is sent there would not be encrypted; reach it through a \
                 tunnel (`ssh -L 5432:localhost:5432 {far}`) and name localhost, or a socket's folder"
            ),
        ));
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(PATIENCE);
    }
    Ok(config)
}

fn is_loopback(name: &str) -> bool {
    name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn server(place: &str, problem: String) -> StoreError {
    StoreError::Server { place: place.to_owned(), problem }
}

fn gone(place: &str) -> StoreError {
    server(place, "its connection has ended".to_owned())
}

/// What the server says, in our words.
fn understood(error: &tokio_postgres::Error, place: &str) -> StoreError {
    let said = error.as_db_error().map(|said| said.message().to_owned());
    match error.code() {
        Some(&SqlState::DISK_FULL) => StoreError::Full(place.to_owned()),
        Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => StoreError::ReadOnly(place.to_owned()),
        Some(&SqlState::LOCK_NOT_AVAILABLE | &SqlState::T_R_DEADLOCK_DETECTED) => {
            StoreError::Locked(place.to_owned())
        }
        _ => {
            let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
            let cause = cause.map(|cause| format!("{error}: {cause}"));
            server(place, said.or(cause).unwrap_or_else(|| error.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to() {
        for url in ["postgres://u@localhost/d", "postgres://u@127.0.0.1:5433/d", "postgres://u@%2Frun%2Fpg/d"]
        {
            assert!(nearby(url, "p").is_ok(), "{url}");
        }
        for url in [
            "postgres://u:p@db.example.org/d",
            "postgres://u@localhost,10.0.0.1/d",
            "postgres://u@localhost/d?hostaddr=10.0.0.1",
        ] {
            let refused = nearby(url, "p").unwrap_err().to_string();
            assert!(refused.contains("another machine"), "{url}: {refused}");
        }
    }
}
