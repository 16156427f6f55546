//! Expressions: operators, literals, and the way to paths and calls.

use minijinja::machinery::ast::{BinOpKind, CompareOpKind, Expr, UnaryOpKind};
use minijinja::value::ValueKind;
use serde_json::{Number, Value};

use crate::diag::codes;
use crate::expr::ir::{Arithmetic, At, Comparison, Kind, Node};
use crate::expr::scan::at;

use super::Lowering;

/// What an operator of two operands becomes.
enum Binary {
    Compare(Comparison),
    Arithmetic(Arithmetic),
    And,
    Or,
    Concat,
    Refused,
}

impl<'s> Lowering<'s> {
    pub(in crate::expr) fn expression(&mut self, expr: &Expr<'s>) -> Node {
        match expr {
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => self.path(expr),
            Expr::Const(constant) => self.constant(&constant.value, at(constant.span())),
            Expr::Slice(slice) => self.slice(slice, at(slice.span())),
            Expr::UnaryOp(unary) => {
                let of = self.expression(&unary.expr);
                let whole = at(unary.span());
                let whole = At { start: whole.start.min(of.at.start), end: of.at.end };
                let kind = match unary.op {
                    UnaryOpKind::Not => Kind::Not(Box::new(of)),
                    UnaryOpKind::Neg => Kind::Negate(Box::new(of)),
                };
                Node { at: whole, kind }
            }
            Expr::BinOp(binary) => {
                let left = self.expression(&binary.left);
                let right = self.expression(&binary.right);
                self.binary(binary.op, left, right)
            }
            Expr::Compare(chain) => {
                let first = self.expression(&chain.expr);
                let rest: Vec<_> =
                    chain.ops.iter().map(|link| (comparison(link.op), self.expression(&link.expr))).collect();
                let last = rest.last().map_or(first.at, |(_, node)| node.at);
                Node { at: self.around(first.at, last), kind: Kind::Compare(Box::new(first), rest) }
            }
            Expr::IfExpr(choice) => self.choice(choice),
            Expr::Filter(filter) => self.filter(filter),
            Expr::Test(test) => self.test(test),
            Expr::Call(call) => self.call(call),
            Expr::List(list) => self.list(&list.items, at(list.span())),
            Expr::Tuple(tuple) => self.list(&tuple.items, at(tuple.span())),
            Expr::Map(map) => {
                let entries = map.keys.iter().zip(&map.values);
                let entries = entries.map(|(key, value)| (self.expression(key), self.expression(value)));
                let entries = entries.collect();
                Node { at: at(map.span()), kind: Kind::Object(entries) }
            }
        }
    }

    fn list(&mut self, items: &[Expr<'s>], at: At) -> Node {
        Node { at, kind: Kind::List(items.iter().map(|item| self.expression(item)).collect()) }
    }

    fn constant(&mut self, value: &minijinja::Value, at: At) -> Node {
        let json = match value.kind() {
            ValueKind::None => Some(Value::Null),
            ValueKind::Bool => Some(Value::Bool(value.is_true())),
            ValueKind::String => value.as_str().map(Value::from),
            ValueKind::Number => number(value),
            _ => None,
        };
        let Some(json) = json else {
            self.fault(codes::EXPRESSION_SYNTAX, at, "the number is too large", "write a smaller number");
            return Self::nothing(at);
        };
        Node { at, kind: Kind::Const(json) }
    }

    fn binary(&mut self, operator: BinOpKind, left: Node, right: Node) -> Node {
        let at = self.around(left.at, right.at);
        let (a, b) = (Box::new(left), Box::new(right));
        let kind = match binary(operator) {
            Binary::Compare(comparison) => Kind::Compare(a, vec![(comparison, *b)]),
            Binary::Arithmetic(operation) => Kind::Arithmetic(operation, a, b),
            Binary::And => Kind::And(a, b),
            Binary::Or => Kind::Or(a, b),
            Binary::Concat => Kind::Concat(a, b),
            Binary::Refused => {
                self.fault(codes::POWER_OPERATOR, at, "there is no power operator", "multiply: `x * x`");
                return Self::nothing(at);
            }
        };
        Node { at, kind }
    }

    fn choice(&mut self, choice: &minijinja::machinery::ast::IfExpr<'s>) -> Node {
        let then = self.expression(&choice.true_expr);
        let condition = self.expression(&choice.test_expr);
        let Some(otherwise) = &choice.false_expr else {
            let at = self.around(then.at, condition.at);
            self.fault(
                codes::IF_WITHOUT_ELSE,
                at,
                "an `if` in an expression needs an `else`: without it there may be no value",
                "write what it is otherwise: `… if … else …`",
            );
            return Self::nothing(at);
        };
        let otherwise = self.expression(otherwise);
        let at = self.around(then.at, otherwise.at);
        Node { at, kind: Kind::If(Box::new([condition, then, otherwise])) }
    }

    fn slice(&mut self, slice: &minijinja::machinery::ast::Slice<'s>, span: At) -> Node {
        let of = self.expression(&slice.expr);
        let from = slice.start.as_ref().map(|start| Box::new(self.expression(start)));
        let to = slice.stop.as_ref().map(|stop| Box::new(self.expression(stop)));
        let at = At { start: of.at.start, end: span.end };
        if let Some(step) = &slice.step {
            let step = self.expression(step);
            self.fault(
                codes::EXPRESSION_SYNTAX,
                step.at,
                "a slice has no step",
                "use `reverse`, or remove the step",
            );
        }
        Node { at, kind: Kind::Slice(Box::new(of), from, to) }
    }
}

fn number(value: &minijinja::Value) -> Option<Value> {
    if !value.is_integer() {
        return f64::try_from(value.clone()).ok().and_then(Number::from_f64).map(Value::Number);
    }
    let whole = i128::try_from(value.clone()).ok()?;
    let number = i64::try_from(whole).map(Number::from).or_else(|_| u64::try_from(whole).map(Number::from));
    number.ok().map(Value::Number)
}

fn comparison(operator: CompareOpKind) -> Comparison {
    match operator {
        CompareOpKind::Eq => Comparison::Equal,
        CompareOpKind::Ne => Comparison::NotEqual,
        CompareOpKind::Lt => Comparison::Less,
        CompareOpKind::Lte => Comparison::LessOrEqual,
        CompareOpKind::Gt => Comparison::Greater,
        CompareOpKind::Gte => Comparison::GreaterOrEqual,
        CompareOpKind::In => Comparison::In,
        CompareOpKind::NotIn => Comparison::NotIn,
    }
}

fn binary(operator: BinOpKind) -> Binary {
    match operator {
        BinOpKind::Eq => Binary::Compare(Comparison::Equal),
        BinOpKind::Ne => Binary::Compare(Comparison::NotEqual),
        BinOpKind::Lt => Binary::Compare(Comparison::Less),
        BinOpKind::Lte => Binary::Compare(Comparison::LessOrEqual),
        BinOpKind::Gt => Binary::Compare(Comparison::Greater),
        BinOpKind::Gte => Binary::Compare(Comparison::GreaterOrEqual),
        BinOpKind::In => Binary::Compare(Comparison::In),
        BinOpKind::ScAnd => Binary::And,
        BinOpKind::ScOr => Binary::Or,
        BinOpKind::Add => Binary::Arithmetic(Arithmetic::Add),
        BinOpKind::Sub => Binary::Arithmetic(Arithmetic::Subtract),
        BinOpKind::Mul => Binary::Arithmetic(Arithmetic::Multiply),
        BinOpKind::Div => Binary::Arithmetic(Arithmetic::Divide),
        BinOpKind::FloorDiv => Binary::Arithmetic(Arithmetic::FloorDivide),
        BinOpKind::Rem => Binary::Arithmetic(Arithmetic::Remainder),
        BinOpKind::Concat => Binary::Concat,
        BinOpKind::Pow => Binary::Refused,
    }
}
