//! What a condition looks at.

use cedar_policy::pst::{BinaryOp, Clause, Expr, UnaryOp, Var};

/// A set of things that conditions look at.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Facts(u16);

impl Facts {
    /// The time.
    pub(crate) const NOW: Self = Self(1);
    /// Where the request came from.
    pub(crate) const ADDRESS: Self = Self(1 << 1);
    /// The age of the credential.
    pub(crate) const CREDENTIAL_AGE: Self = Self(1 << 2);
    /// What is put or read.
    pub(crate) const BYTES: Self = Self(1 << 3);
    /// What was moved already.
    pub(crate) const USED_BYTES: Self = Self(1 << 4);
    /// Attributes of the caller.
    pub(crate) const CALLER: Self = Self(1 << 5);
    /// Attributes of the file.
    pub(crate) const OBJECT: Self = Self(1 << 6);
    /// The text of the path.
    pub(crate) const PATH: Self = Self(1 << 7);
    /// Nothing new, but an operation that may fail.
    const FALLIBLE: Self = Self(1 << 8);
    /// Everything.
    const ALL: Self = Self(u16::MAX);

    /// Is there something in both?
    pub(crate) fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Those in either.
    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Does the clause depend on no more than caller, groups, issuer, verb, place, encryption and form of credential, and
    /// can it not fail? Its outcome is then the same for all requests that agree in these.
    pub(crate) fn is_settled(self) -> bool {
        self.0 == 0
    }

    /// What this clause looks at, beyond what is settled.
    pub(crate) fn of(clause: &Clause) -> Self {
        let (Clause::When(expression) | Clause::Unless(expression)) = clause;
        Self::of_expression(expression)
    }

    fn of_expression(expression: &Expr) -> Self {
        expression.reduce(&Self::of_node, &Self::union, Self::default())
    }

    /// `None`: look into its parts.
    fn of_node(node: &Expr) -> Option<Self> {
        match node {
            Expr::GetAttr { expr, attr } => Some(Self::of_attributes(expr, [attr.as_str()])),
            Expr::HasAttr { expr, attrs } => Some(Self::of_attributes(expr, attrs.iter().map(|attr| attr.as_str()))),
            Expr::Var(Var::Context) => Some(Self::ALL),
            Expr::BinaryOp { op: BinaryOp::GetTag | BinaryOp::HasTag, left, right } => {
                let of = if matches!(**left, Expr::Var(Var::Resource)) { Self::OBJECT } else { Self::ALL };
                Some(of.union(Self::of_expression(right)))
            }
            Expr::BinaryOp { op, left, right } if !is_infallible(*op) => {
                Some(Self::FALLIBLE.union(Self::of_expression(left)).union(Self::of_expression(right)))
            }
            Expr::UnaryOp { op, expr } if !matches!(op, UnaryOp::Not) => {
                Some(Self::FALLIBLE.union(Self::of_expression(expr)))
            }
            Expr::Literal(_)
            | Expr::Var(_)
            | Expr::BinaryOp { .. }
            | Expr::UnaryOp { .. }
            | Expr::Is { .. }
            | Expr::Like { .. }
            | Expr::IfThenElse { .. }
            | Expr::Set(_) => None,
            _ => Some(Self::ALL),
        }
    }

    fn of_attributes<'a>(of: &Expr, names: impl IntoIterator<Item = &'a str>) -> Self {
        let fact = |name: &str| match (of, name) {
            (Expr::Var(Var::Context), "tls" | "credential" | "capability") => Self::default(),
            (Expr::Var(Var::Context), "now") => Self::NOW,
            (Expr::Var(Var::Context), "address") => Self::ADDRESS,
            (Expr::Var(Var::Context), "credential_age") => Self::CREDENTIAL_AGE,
            (Expr::Var(Var::Context), "bytes") => Self::BYTES,
            (Expr::Var(Var::Context), "used_bytes") => Self::USED_BYTES,
            (Expr::Var(Var::Resource), "path") => Self::PATH,
            (Expr::Var(Var::Resource), _) => Self::OBJECT,
            (Expr::Var(Var::Principal), _) => Self::CALLER,
            _ => Self::ALL,
        };
        names.into_iter().map(fact).fold(Self::default(), Self::union)
    }
}

/// Of what validation has found well-typed, these cannot fail.
fn is_infallible(op: BinaryOp) -> bool {
    matches!(
        op,
        BinaryOp::Eq
            | BinaryOp::NotEq
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::In
            | BinaryOp::Contains
            | BinaryOp::ContainsAll
            | BinaryOp::ContainsAny
    )
}
