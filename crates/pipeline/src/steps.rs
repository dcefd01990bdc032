//! How much comparing all decisions of one call may take together.
//!
//! One call can need thousands of decisions, and a policy can be made so that each of them takes
//! nearly as much as one may ([`Steps::OF_A_DECISION`]): what bounds one does not bound a call.

use std::sync::atomic::{AtomicUsize, Ordering};

use policy::{Beside, Explanation, Policies, Request, Steps};

use crate::Ctx;

/// The steps that each decision has to itself, more than ordinary policies take: whatever the others
/// of its call take, it is decided by these.
const OF_ITS_OWN: usize = 8_000;

/// What has been compared for a call, attempts that were in vain and what services do on the way
/// included.
#[derive(Debug, Default)]
pub(crate) struct CallSteps {
    deciding: Pool,
    /// Apart, so that saying why changes no decision.
    explaining: Pool,
}

/// The steps that several decisions share beside [`OF_ITS_OWN`]: together as many as one decision has.
#[derive(Debug)]
struct Pool {
    left: AtomicUsize,
    taken: AtomicUsize,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            left: AtomicUsize::new(Steps::OF_A_DECISION),
            taken: AtomicUsize::new(0),
        }
    }
}

impl Pool {
    /// Has one decision made within the steps that there are for it.
    fn lend<T>(&self, decide: impl FnOnce(&Steps) -> T) -> T {
        let lent = self.left.load(Ordering::Relaxed).saturating_add(OF_ITS_OWN);
        let steps = Steps::new(lent);
        let decided = decide(&steps);
        let taken = lent.saturating_sub(steps.left());
        self.taken.fetch_add(taken, Ordering::Relaxed);
        let beyond = taken.saturating_sub(OF_ITS_OWN);
        if beyond > 0 {
            // INVARIANT: less is never more: were two made at once, each would still be taken.
            let less = |left: usize| Some(left.saturating_sub(beyond));
            let order = Ordering::Relaxed;
            let _before = self.left.fetch_update(order, order, less);
        }
        decided
    }
}

impl CallSteps {
    /// Has one decision made within the steps that there are for it: [`OF_ITS_OWN`], and what the
    /// others of the call have left of those that all share.
    pub(crate) fn decide<T>(&self, decide: impl FnOnce(&Steps) -> T) -> T {
        self.deciding.lend(decide)
    }

    /// How many steps all decisions and explanations have taken.
    pub(crate) fn taken(&self) -> usize {
        let taken = |pool: &Pool| pool.taken.load(Ordering::Relaxed);
        taken(&self.deciding).saturating_add(taken(&self.explaining))
    }
}

/// What decides a request, within the steps that the call has for explanations; `None` if these are
/// spent, since what was not compared explains nothing.
pub(crate) fn explain(
    ctx: &Ctx,
    request: &Request<'_>,
    policies: &Policies<'_>,
    beside: &Beside<'_>,
) -> Option<Explanation> {
    ctx.steps().explaining.lend(|steps| {
        let beside = Beside {
            steps: Some(steps),
            ..*beside
        };
        let explanation = policy::explain_with(request, policies, &beside);
        (!steps.are_spent()).then_some(explanation)
    })
}

#[cfg(test)]
mod tests {
    use policy::{Action, Attached, Document, DocumentKind, NoKeys};
    use types::{Arn, Principal};

    use super::*;

    /// Decides within `steps` whether root may read an object whose name is long, where everything
    /// is allowed and these patterns are denied.
    fn is_allowed(denied: &[String], steps: &Steps) -> bool {
        let text = serde_json::json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "*", "Resource": "*" },
            { "Effect": "Deny", "Action": "*", "Resource": denied },
        ] });
        let document = Document::parse(&text.to_string(), DocumentKind::Identity).unwrap();
        let attached = [Attached {
            document: &document,
            name: "p",
            arn: None,
        }];
        let principal = Principal::Root {
            account: "111122223333".parse().unwrap(),
        };
        let resource: Arn = format!("arn:aws:s3:::{}", "a".repeat(1_900))
            .parse()
            .unwrap();
        let request = Request {
            principal: &principal,
            action: &Action::from_static("s3:GetObject"),
            resource: Some(&resource),
            resource_account: principal.account(),
            keys: &NoKeys,
        };
        let policies = Policies {
            identity: &attached,
            ..Policies::NONE
        };
        let beside = Beside {
            steps: Some(steps),
            ..Beside::default()
        };
        policy::evaluate_with(&request, &policies, &beside).is_allowed()
    }

    /// Patterns that take more than a decision has.
    fn slow() -> Vec<String> {
        vec![format!("arn:aws:s3:::*{}b*", "a?".repeat(450)); 10]
    }

    fn ordinary() -> Vec<String> {
        vec!["arn:aws:s3:::private/*".to_owned(); 10]
    }

    #[test]
    fn any_number_of_decisions_take_as_much_as_one_and_a_little_each() {
        let steps = CallSteps::default();
        let slow = slow();
        for decided in 1..=200 {
            assert!(!steps.decide(|steps| is_allowed(&slow, steps)));
            assert!(steps.taken() <= Steps::OF_A_DECISION + decided * OF_ITS_OWN);
        }
    }

    #[test]
    fn what_others_have_taken_leaves_each_decision_enough() {
        let steps = CallSteps::default();
        steps.decide(|steps| is_allowed(&slow(), steps));
        for _ in 0..100 {
            assert!(steps.decide(|steps| is_allowed(&ordinary(), steps)));
        }
    }

    #[test]
    fn explanations_take_nothing_from_decisions() {
        let steps = CallSteps::default();
        steps.explaining.lend(|steps| is_allowed(&slow(), steps));
        let left = steps.decide(Steps::left);
        assert_eq!(left, Steps::OF_A_DECISION + OF_ITS_OWN);
    }
}
