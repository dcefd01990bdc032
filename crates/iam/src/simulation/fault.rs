//! What keeps a simulation from being run.
#![deny(clippy::wildcard_enum_match_arm)]

use policy::ParseError;
use types::AccountId;

/// Why nothing is simulated. AWS's texts, where they are known.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// An action is not `service:Operation`.
    #[error("ActionNames are not in a valid format: {name}.")]
    Action {
        /// As it was given.
        name: String,
    },
    /// A resource is neither an ARN nor `*`.
    #[error("ResourceNames are not in a valid ARN format: {name}.")]
    Resource {
        /// As it was given.
        name: String,
    },
    /// More resources than one answer can say something of.
    #[error("ResourceArns has {count} members; at most {limit} can be simulated at once.")]
    TooManyResources {
        /// How many were given.
        count: usize,
        /// How many can be.
        limit: usize,
    },
    /// More to look at than a caller may ask for at once.
    #[error(
        "The policies have {statements} statements and condition keys; simulate fewer resources \
         or policies at once."
    )]
    TooMuch {
        /// How many statements and condition keys there are.
        statements: usize,
    },
    /// Patterns and texts that take longer to compare than a caller may ask for at once.
    #[error(
        "The policies take too long to compare with the request; simulate fewer actions, \
         resources or policies at once, or shorter context key values."
    )]
    TooLong,
    /// An ARN names neither user, group nor role, or a resource policy has no resource.
    #[error("Invalid Entity Arn: {arn} does not clearly define entity type and name.")]
    Entity {
        /// As it was given.
        arn: String,
    },
    /// The policies of another account's principals are that account's business.
    #[error(
        "Invalid Policy Source Arn: caller's account {caller} does not have access to policies \
         in account {owner}"
    )]
    ForeignSource {
        /// The account that asks.
        caller: AccountId,
        /// The account that was asked about, as it was given.
        owner: String,
    },
    /// The simulated caller is neither user, group nor role.
    #[error("Invalid caller - Caller must be an IAM user, role or group in this context.")]
    CallerKind,
    /// A resource policy is about someone.
    #[error("Invalid caller - Caller cannot be null or empty.")]
    NoCaller,
    /// The owner of the resources is not an account's ARN.
    #[error("'{owner}' is not a valid as a Resource Owner.")]
    Owner {
        /// As it was given.
        owner: String,
    },
    /// A document that was passed is refused.
    #[error("Invalid policy {id}: {}", source.aws_message())]
    Document {
        /// Which one, as results would name it.
        id: String,
        /// What is wrong, and where.
        source: ParseError,
    },
    /// Only one policy bounds.
    #[error("PermissionsBoundaryPolicyInputList can hold one policy only.")]
    Boundaries,
    /// A context entry is not complete, or not of its type.
    #[error("Invalid context entry {name}: {problem}.")]
    Context {
        /// The key, as it was given.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A scenario that does not exist.
    #[error("'{option}' is not a valid Resource Handling Option.")]
    Handling {
        /// As it was given.
        option: String,
    },
    /// A scenario without one of its resources.
    #[error("Resource Handling Option {option} needs a resource of the type {lacks}.")]
    Scenario {
        /// The scenario.
        option: String,
        /// What is not among the resources.
        lacks: &'static str,
    },
    /// What is to be left out is named in a way that names nothing.
    #[error("Invalid Policy Identifier: {text}.")]
    Exclusion {
        /// As it was given.
        text: String,
    },
    /// A stored policy that this release does not understand.
    #[error("the policy {id} cannot be evaluated")]
    Unreadable {
        /// Which one.
        id: String,
    },
}

impl Fault {
    /// Whether it is the policy's fault and not that of the input.
    pub(crate) fn is_of_a_policy(&self) -> bool {
        matches!(self, Self::Unreadable { .. })
    }
}
