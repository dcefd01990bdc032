//! ARNs, ids and regions: what reads reads back as the same text.

use std::fmt::Display;
use std::str::FromStr;

use types::{AccessKeyId, AccountId, Arn, KeyId, Region, UniqueId};

pub(crate) fn run(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let read = [
        same::<AccountId>(text),
        same::<Region>(text),
        same::<KeyId>(text),
        same::<AccessKeyId>(text),
        same::<UniqueId>(text),
        policy::Action::parse(text).is_ok(),
    ];
    let arn = Arn::from_str(text);
    if let Ok(arn) = &arn {
        assert_eq!(arn.as_str(), text);
        let parts = [
            "arn",
            arn.partition(),
            arn.service(),
            arn.region(),
            arn.account_text(),
            arn.resource(),
        ];
        assert_eq!(parts.join(":"), text, "an ARN is not the sum of its parts");
    }
    arn.is_ok() || read.contains(&true)
}

fn same<T: FromStr + Display>(text: &str) -> bool {
    let read = T::from_str(text);
    if let Ok(read) = &read {
        assert_eq!(read.to_string(), text);
    }
    read.is_ok()
}
