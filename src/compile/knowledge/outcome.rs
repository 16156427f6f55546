//! What a node's result may be at a place: which statuses, and what each of them brings.

use std::collections::BTreeMap;

use crate::types::{Chance, Field, ObjectOf, Type};

/// How a node may have ended where it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a set of a few ends, each with its name")]
pub(super) struct Outcomes {
    pub(super) succeeded: bool,
    /// Skipped, not reached, cancelled: neither output nor error.
    pub(super) without: bool,
    pub(super) failed: bool,
    /// Failed, with its output: it ran out of iterations, or one of its edges had no value.
    pub(super) kept: bool,
    /// It may not have ended at all.
    pub(super) open: bool,
}

impl Outcomes {
    /// Whatever there is, once it has ended.
    pub(super) const ENDED: Outcomes =
        Outcomes { succeeded: true, without: true, failed: true, kept: true, open: false };

    /// `nodes.ID` as expressions see it. `skips`: the node may be skipped.
    pub(super) fn result(self, output: &Type, error: &Type, skips: bool) -> Field {
        let mut ty = Type::NEVER;
        if self.succeeded {
            ty = ty.or(&shape(&["succeeded"], Some(output), None));
        }
        if self.without {
            let words = ["not_reached", "cancelled", "skipped"];
            ty = ty.or(&shape(if skips { &words } else { &words[..2] }, None, None));
        }
        if self.failed {
            ty = ty.or(&shape(&["failed"], None, Some(error.clone())));
        }
        if self.kept {
            ty = ty.or(&shape(&["failed"], Some(output), Some(error.clone())));
        }
        Field { ty, missing: if self.open { Chance::Perhaps } else { Chance::Never } }
    }
}

/// A result with one of some statuses.
fn shape(status: &[&str], output: Option<&Type>, error: Option<Type>) -> Type {
    let part = |part: Option<Type>| match part {
        Some(ty) => Field::sure(ty),
        None => Field { ty: Type::NEVER, missing: Chance::Known },
    };
    let fields = BTreeMap::from([
        ("status".to_owned(), Field::sure(Type::words(status.iter().copied()))),
        ("output".to_owned(), part(output.cloned())),
        ("error".to_owned(), part(error)),
    ]);
    Type::object(ObjectOf { fields, rest: Type::NEVER })
}

/// What a failure leaves. What of it is there depends on the kind of failure.
pub(super) fn error() -> Type {
    error_of(Type::TEXT, Type::ANY)
}

/// The same of one kind, with what the tool had produced.
pub(super) fn error_of(kind: Type, output: Type) -> Type {
    let perhaps = |ty: Type| Field { ty, missing: Chance::Perhaps };
    let fields = BTreeMap::from([
        ("kind".to_owned(), Field::sure(kind)),
        ("message".to_owned(), Field::sure(Type::TEXT)),
        ("output".to_owned(), perhaps(output)),
        ("index".to_owned(), perhaps(Type::WHOLE)),
        ("limit".to_owned(), perhaps(Type::TEXT)),
        ("path".to_owned(), perhaps(Type::TEXT)),
    ]);
    Type::object(ObjectOf { fields, rest: Type::NEVER })
}
