//! `ListBuckets`: the buckets of the caller's account.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::buckets::{ListBucketsInput, ListBucketsOutput, ListedBucket};
use types::Service;

use super::LIST_ALL_MY_BUCKETS;
use crate::Error;
use crate::records::BucketRecord;

/// Buckets in a page.
const PAGE: usize = 100;

/// Lists the buckets of the caller's account in all regions, by name, in pages.
///
/// Fails with `InvalidArgument` for a token that is none.
#[derive(Debug)]
pub(crate) struct ListBuckets;

impl Operation for ListBuckets {
    const SERVICE: Service = Service::Strongroom;
    const NAME: &'static str = "ListBuckets";
    const ACTIONS: &'static [&'static Action] = &[&LIST_ALL_MY_BUCKETS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListBucketsInput;
    type Output = ListBucketsOutput;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        Ok((Needs::one(Need::anywhere(&LIST_ALL_MY_BUCKETS)), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let after = input.continuation_token.as_deref().map(read).transpose()?;
        let mut names = BucketRecord::names_of(ctx.view(), account, after.as_deref(), PAGE + 1);
        let more = names.len() > PAGE;
        names.truncate(PAGE);
        let last = names.last().filter(|_| more);
        let continuation_token = last.map(|name| URL_SAFE_NO_PAD.encode(name));
        let found = names.iter();
        let found = found.filter_map(|name| BucketRecord::find(ctx.view(), name));
        let buckets = found.map(|bucket| ListedBucket {
            name: bucket.name.clone(),
            bucket_region: bucket.region.to_string(),
            creation_date: bucket.created.to_iso8601(),
        });
        Ok(Reply::read(ListBucketsOutput {
            buckets: buckets.collect(),
            continuation_token,
        }))
    }

    fn event(_input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        EventDetail::default()
    }
}

fn read(token: &str) -> Result<String, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let name = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| Error::Argument("The continuation token provided is incorrect".into()))
}
