//! The arguments of a call, by the place of their parameter.

use crate::expr::number::Num;
use crate::expr::operate;
use crate::expr::stop::Stop;
use crate::expr::value::Val;

/// What was given for each parameter.
pub(in crate::expr) struct Args<'a>(Vec<Option<Val<'a>>>);

impl<'a> Args<'a> {
    pub(in crate::expr) fn new(values: Vec<Option<Val<'a>>>) -> Self {
        Self(values)
    }

    pub(super) fn get(&self, at: usize) -> Option<&Val<'a>> {
        self.0.get(at).and_then(Option::as_ref)
    }

    /// A parameter that the table says is required.
    pub(super) fn required(&self, at: usize) -> Result<&Val<'a>, Stop> {
        self.get(at).ok_or_else(|| Stop::failed("an argument is missing"))
    }

    pub(super) fn text(&self, at: usize) -> Result<Option<&str>, Stop> {
        self.get(at).map(|value| value.as_str().ok_or_else(|| wrong(value, "a string"))).transpose()
    }

    pub(super) fn whole(&self, at: usize) -> Result<Option<i64>, Stop> {
        let whole = |value: &Val<'a>| {
            value.as_number().and_then(Num::whole).ok_or_else(|| wrong(value, "a whole number"))
        };
        self.get(at).map(whole).transpose()
    }

    /// A count: at least 0.
    pub(super) fn count(&self, at: usize) -> Result<Option<usize>, Stop> {
        let count = |whole| usize::try_from(whole).map_err(|_| Stop::failed("a count is at least 0"));
        self.whole(at)?.map(count).transpose()
    }

    pub(super) fn flag(&self, at: usize) -> Result<bool, Stop> {
        self.get(at).map_or(Ok(false), |value| value.as_bool().ok_or_else(|| wrong(value, "a boolean")))
    }

    /// What of `item` a parameter `attribute` names; all of it without one.
    pub(super) fn of(&self, at: usize, item: Val<'a>) -> Result<Val<'a>, Stop> {
        match self.get(at) {
            Some(path) => Self::path(&item, path),
            None => Ok(item),
        }
    }

    /// The part of `item` that `path` (`a.b.0`) names.
    pub(in crate::expr) fn path(item: &Val<'a>, path: &Val<'_>) -> Result<Val<'a>, Stop> {
        let Some(path) = path.as_str() else {
            return Err(wrong(path, "the name of an attribute"));
        };
        let mut found = item.clone();
        for name in path.split('.') {
            found = match name.parse::<u32>() {
                Ok(at) if found.items().is_some() => {
                    operate::item(&found, &Val::Number(Num::Int(i128::from(at))))?
                }
                _ => operate::field(&found, name)?,
            };
        }
        Ok(found)
    }
}

fn wrong(value: &Val<'_>, wanted: &str) -> Stop {
    Stop::failed(format!("an argument is {} where {wanted} is needed", value.kind()))
}
