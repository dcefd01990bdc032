//! `DescribeKey`: metadata of one KMS key.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{DescribeKeyRequest, DescribeKeyResponse};
use types::Service;

use crate::event::Fields;
use crate::grants::token;
use crate::identifiers::{Forms, KeyTarget, PredefinedAlias};
use crate::{Error, actions, metadata};

/// Returns the metadata of a key, never its material. Asked for the predefined alias of an
/// AWS managed key that does not exist yet, it makes that key.
///
/// Fails with `NotFoundException` if the key or alias does not exist, and with
/// `InvalidGrantTokenException`.
#[derive(Debug)]
pub struct DescribeKey;

/// The key, or the AWS managed key that is to be made.
#[derive(Debug)]
pub enum DescribeKeyTarget {
    /// What the identifier stands for.
    Key(Box<KeyTarget>),
    /// The alias is predefined and its key does not exist.
    Predefined(Box<PredefinedAlias>),
}

impl Operation for DescribeKey {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "DescribeKey";
    const ACTIONS: &'static [&'static Action] = &[&actions::DESCRIBE_KEY];
    const KIND: Kind = Kind::ReadOnly;
    type Input = DescribeKeyRequest;
    type Output = DescribeKeyResponse;
    type Target = DescribeKeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::KeysAndAliases)?;
        let (need, target) = match target.predefined(ctx) {
            Some(predefined) => (
                predefined.need(ctx, &actions::DESCRIBE_KEY)?,
                DescribeKeyTarget::Predefined(Box::new(predefined)),
            ),
            None => (
                target.need(&actions::DESCRIBE_KEY),
                DescribeKeyTarget::Key(Box::new(target)),
            ),
        };
        Ok((Needs::one(need.across_accounts()), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let answer = |key| DescribeKeyResponse {
            key_metadata: Some(metadata::of(key)),
        };
        token::check(ctx.view(), ctx.region(), input.grant_tokens.as_deref())?;
        match permit.target() {
            DescribeKeyTarget::Key(target) => Ok(Reply::read(answer(&target.key()?.record))),
            DescribeKeyTarget::Predefined(alias) => {
                let (key, effect) = alias.create(ctx)?;
                Ok(Reply::write(answer(&key.record), effect))
            }
        }
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .request()
    }
}
