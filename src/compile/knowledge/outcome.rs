//! What a node's result may be at a place: which statuses, and what each of them brings.

use crate::model::Uses;
use crate::plan::PlanNode;
use crate::types::{Chance, Field, Fields, ObjectOf, Type};

/// How a node may have ended where it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a set of a few ends, each with its name")]
pub(super) struct Outcomes {
    pub(super) succeeded: bool,
    /// Skipped: neither output nor error.
    pub(super) skipped: bool,
    /// Not reached or cancelled: neither output nor error.
    pub(super) unreached: bool,
    pub(super) failed: bool,
    /// Failed, with its output: it ran out of iterations, or one of its edges had no value.
    pub(super) kept: bool,
    /// It may not have ended at all.
    pub(super) open: bool,
    /// It is too far away to tell.
    pub(super) unknown: bool,
}

impl Outcomes {
    /// Whatever there is, once it has ended.
    pub(super) const ENDED: Outcomes = Outcomes {
        succeeded: true,
        skipped: true,
        unreached: true,
        failed: true,
        kept: true,
        open: false,
        unknown: false,
    };
    /// Nothing is known of it.
    pub(super) const UNKNOWN: Outcomes = Outcomes { open: true, unknown: true, ..Outcomes::ENDED };

    /// Either.
    #[must_use]
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            succeeded: self.succeeded || other.succeeded,
            skipped: self.skipped || other.skipped,
            unreached: self.unreached || other.unreached,
            failed: self.failed || other.failed,
            kept: self.kept || other.kept,
            open: self.open || other.open,
            unknown: self.unknown || other.unknown,
        }
    }

    /// `nodes.ID` as expressions see it. `error` is asked where it may have failed; `skips`: the node may be skipped.
    pub(super) fn result(self, output: &Type, error: impl FnOnce() -> Type, skips: bool) -> Field {
        if self.unknown {
            return Field::ANY;
        }
        let mut ty = Type::NEVER;
        if self.succeeded {
            ty = ty.or(&shape(&["succeeded"], Some(output), None));
        }
        let mut without = Vec::new();
        if self.unreached {
            without.extend(["not_reached", "cancelled"]);
        }
        if self.skipped && skips {
            without.push("skipped");
        }
        if !without.is_empty() {
            ty = ty.or(&shape(&without, None, None));
        }
        if self.failed || self.kept {
            let error = error();
            if self.failed {
                ty = ty.or(&shape(&["failed"], None, Some(error.clone())));
            }
            if self.kept {
                ty = ty.or(&shape(&["failed"], Some(output), Some(error)));
            }
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
    let fields = Fields::from_iter([
        ("status".to_owned(), Field::sure(Type::words(status.iter().copied()))),
        ("output".to_owned(), part(output.cloned())),
        ("error".to_owned(), part(error)),
    ]);
    Type::object(ObjectOf { fields, rest: Type::NEVER })
}

/// What of a failure can be there at all. What can't is missing for certain; what can may be missing all the same.
#[derive(Debug, Clone)]
pub(super) struct Remains {
    /// What was produced before: nothing of a node that makes no call.
    pub(super) output: Option<Type>,
    /// The number of an item, or of a call.
    pub(super) index: bool,
    /// The node within a graph.
    pub(super) path: bool,
    /// Which limit.
    pub(super) limit: bool,
    pub(super) lacks: Lacks,
}

/// What of a failure is missing where it is one of the node itself, and not of something in it: nobody may rely on that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Lacks {
    pub(super) output: bool,
    pub(super) index: bool,
    pub(super) path: bool,
}

impl Remains {
    /// What a failure of a node can leave, whatever its kind is.
    pub(super) fn of(node: &PlanNode) -> Self {
        let computes = matches!(node.uses, Uses::Fail | Uses::Values | Uses::Render);
        Remains {
            output: (!computes).then_some(Type::ANY),
            index: node.for_each.is_some() || node.uses == Uses::Batch,
            path: node.uses == Uses::Graph,
            limit: !computes,
            lacks: Lacks::default(),
        }
    }
}

/// What a failure of some kind leaves.
pub(super) fn error_of(kind: Type, remains: Remains) -> Type {
    let perhaps = |ty: Type, is_there: bool, lacks: bool| match (is_there, lacks) {
        (true, false) => Field { ty, missing: Chance::Perhaps },
        (true, true) => Field { ty, missing: Chance::Known },
        (false, _) => Field { ty: Type::NEVER, missing: Chance::Known },
    };
    let (is_output, lacks) = (remains.output.is_some(), remains.lacks);
    let fields = Fields::from_iter([
        ("kind".to_owned(), Field::sure(kind)),
        ("message".to_owned(), Field::sure(Type::TEXT)),
        ("output".to_owned(), perhaps(remains.output.unwrap_or(Type::NEVER), is_output, lacks.output)),
        ("index".to_owned(), perhaps(Type::WHOLE, remains.index, lacks.index)),
        ("limit".to_owned(), perhaps(Type::TEXT, remains.limit, false)),
        ("path".to_owned(), perhaps(Type::TEXT, remains.path, lacks.path)),
    ]);
    Type::object(ObjectOf { fields, rest: Type::NEVER })
}
