//! What both databases are asked with: statements that both understand, values, rows and transactions.

use std::fmt::Debug;

use super::{Durability, StoreError};

/// A value that goes to a database, or comes from it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Int(value.cast_signed())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

/// A row of an answer.
#[derive(Debug)]
pub(super) struct Row(pub(super) Vec<Value>);

impl Row {
    pub(super) fn int(&self, at: usize) -> Result<i64, StoreError> {
        match self.0.get(at) {
            Some(Value::Int(value)) => Ok(*value),
            other => Err(misfit(at, other)),
        }
    }

    pub(super) fn text(&self, at: usize) -> Result<&str, StoreError> {
        match self.0.get(at) {
            Some(Value::Text(value)) => Ok(value),
            other => Err(misfit(at, other)),
        }
    }

    /// A text that may not be there.
    pub(super) fn maybe(&self, at: usize) -> Option<&str> {
        match self.0.get(at) {
            Some(Value::Text(value)) => Some(value),
            _ => None,
        }
    }

    pub(super) fn is_null(&self, at: usize) -> bool {
        matches!(self.0.get(at), Some(Value::Null))
    }

    /// Some of its values, next to each other.
    pub(super) fn part(&self, at: std::ops::Range<usize>) -> &[Value] {
        self.0.get(at).unwrap_or_default()
    }

    pub(super) fn bytes(&mut self, at: usize) -> Result<Vec<u8>, StoreError> {
        match self.0.get_mut(at) {
            Some(Value::Bytes(value)) => Ok(std::mem::take(value)),
            other => Err(misfit(at, other.map(|other| &*other))),
        }
    }
}

fn misfit(at: usize, found: Option<&Value>) -> StoreError {
    let found = match found {
        None => "nothing",
        Some(Value::Null) => "no value",
        Some(Value::Int(_)) => "a number",
        Some(Value::Text(_)) => "a text",
        Some(Value::Bytes(_)) => "bytes",
    };
    StoreError::Damaged {
        place: "of runs".to_owned(),
        problem: format!("column {at} holds {found}, and no value of its kind"),
    }
}

/// One database. Statements have their values as `?1`, `?2`, …
pub(super) trait Driver: Debug + Send {
    /// Carries a statement out; how many rows did it change?
    fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64, StoreError>;
    /// Asks for rows.
    fn query(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>, StoreError>;
    /// Begins a transaction that will write, and whose end is as safe as `durability` says.
    fn begin(&mut self, durability: Durability) -> Result<(), StoreError>;
    /// Ends it: from now on it counts.
    fn commit(&mut self) -> Result<(), StoreError>;
    /// Takes it back, as far as it is there.
    fn rollback(&mut self);
    /// Can a process that is not of this start of this machine write here as well?
    fn is_shared(&self) -> bool;
    /// Within a transaction: who removes payloads that nobody names is `alone` with them; who names some is not.
    fn hold_payloads(&mut self, _alone: bool) -> Result<(), StoreError> {
        Ok(())
    }
    /// What was removed takes no room any more.
    fn give_back_space(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// All of `work`, or nothing of it.
pub(super) fn transact<T>(
    driver: &mut dyn Driver,
    durability: Durability,
    work: impl FnOnce(&mut dyn Driver) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    driver.begin(durability)?;
    let done = work(driver).and_then(|done| driver.commit().map(|()| done));
    if done.is_err() {
        driver.rollback();
    }
    done
}
