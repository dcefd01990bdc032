//! The IAM policy language: parse, compile, evaluate, explain.
//!
//! Layer 0: pure. A [`Document`] is parsed and compiled when it is stored; [`evaluate`]
//! decides one request against all policies that bear on it and asks the request for
//! condition keys only where a statement mentions them; [`explain`] says which statements
//! decided, by the same rules and the same code.
//!
//! No clock, no I/O: the time of the request is a condition key like any other.

mod action;
mod address;
mod condition;
mod context;
mod date;
mod decimal;
mod decision;
mod document;
mod error;
mod evaluate;
mod explain;
mod explanation;
mod grammar;
mod index;
mod json;
mod lint;
mod pattern;
mod principal;
mod request;
mod resource;
mod rules;
mod steps;
mod text;
mod value;

pub use action::{Action, InvalidAction};
pub use context::{ConditionKey, ConditionKeys, NoKeys, Values};
pub use decision::{AllowedBy, Decision, Denial, PolicyType, denial_message_without_reason};
pub use document::{Document, DocumentKind, Effect, Span, Statement, non_whitespace_len};
pub use error::{Fault, ParseError};
pub use evaluate::{evaluate, evaluate_with};
pub use explain::{explain, explain_with};
pub use explanation::{Change, Explanation, Limits, Mismatch, NearMiss, Reason, StatementInfo};
pub use lint::{Finding, KeyType, KnownKey, Severity, Vocabulary, likely_kind, lint, lint_with};
pub use principal::{Naming, PrincipalPattern};
pub use request::{
    Attached, Beside, GrantAllow, Level, Policies, Request, ResourcePolicy, is_service_linked,
};
pub use steps::Steps;
pub use value::ValueType;
