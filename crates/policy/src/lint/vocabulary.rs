//! The names that exist: actions and condition keys.

/// A condition key that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownKey<'a> {
    /// Its name. A key with a part of its own behind the name ends in `/` or `:`, as
    /// `aws:ResourceTag/` and `kms:EncryptionContext:` do.
    pub name: &'a str,
    /// Whether it has several values, so that a condition on it needs a set operator.
    pub multivalued: bool,
}

/// The actions and condition keys that exist here. Names compare without regard to case.
#[derive(Debug, Clone, Copy)]
pub struct Vocabulary<'a> {
    /// Actions, as `kms:Decrypt`; with none the actions of a policy are not looked up.
    pub actions: &'a [&'a str],
    /// Condition keys of services. Those that begin with `aws:` are known anyway.
    pub keys: &'a [KnownKey<'a>],
}

impl Vocabulary<'static> {
    /// The global condition keys only.
    pub const GLOBAL: Self = Self {
        actions: &[],
        keys: &[],
    };
}

const fn one(name: &'static str) -> KnownKey<'static> {
    KnownKey {
        name,
        multivalued: false,
    }
}

const fn many(name: &'static str) -> KnownKey<'static> {
    KnownKey {
        name,
        multivalued: true,
    }
}

/// The global condition keys (contract §4).
const GLOBAL_KEYS: [KnownKey<'static>; 43] = [
    many("aws:CalledVia"),
    one("aws:CalledViaFirst"),
    one("aws:CalledViaLast"),
    one("aws:CurrentTime"),
    one("aws:EpochTime"),
    one("aws:FederatedProvider"),
    one("aws:MultiFactorAuthAge"),
    one("aws:MultiFactorAuthPresent"),
    one("aws:PrincipalAccount"),
    one("aws:PrincipalArn"),
    one("aws:PrincipalIsAWSService"),
    one("aws:PrincipalOrgID"),
    many("aws:PrincipalOrgPaths"),
    one("aws:PrincipalServiceName"),
    many("aws:PrincipalServiceNamesList"),
    one("aws:PrincipalTag/"),
    one("aws:PrincipalType"),
    one("aws:referer"),
    one("aws:RequestedRegion"),
    one("aws:RequestTag/"),
    one("aws:ResourceAccount"),
    one("aws:ResourceOrgID"),
    many("aws:ResourceOrgPaths"),
    one("aws:ResourceTag/"),
    one("aws:SecureTransport"),
    one("aws:SourceAccount"),
    one("aws:SourceArn"),
    one("aws:SourceIdentity"),
    one("aws:SourceIp"),
    one("aws:SourceOrgID"),
    many("aws:SourceOrgPaths"),
    one("aws:SourceVpc"),
    one("aws:SourceVpce"),
    one("aws:SourceVpcArn"),
    many("aws:TagKeys"),
    one("aws:TokenIssueTime"),
    one("aws:UserAgent"),
    one("aws:userid"),
    one("aws:username"),
    one("aws:ViaAWSService"),
    one("aws:VpcSourceIp"),
    one("aws:Ec2InstanceSourceVpc"),
    one("aws:Ec2InstanceSourcePrivateIPv4"),
];

impl Vocabulary<'_> {
    /// What is known of a key, and `Err` if it should be known and is not. Keys of services
    /// are looked up only if any of the same service are known.
    pub(super) fn key(&self, written: &str) -> Result<Option<KnownKey<'_>>, ()> {
        let global = prefix(written).eq_ignore_ascii_case("aws");
        let table = if global { &GLOBAL_KEYS[..] } else { self.keys };
        let found = table.iter().find(|known| is_key(known.name, written));
        let service =
            |known: &KnownKey<'_>| prefix(known.name).eq_ignore_ascii_case(prefix(written));
        match found {
            Some(known) => Ok(Some(*known)),
            None if global || self.keys.iter().any(service) => Err(()),
            None => Ok(None),
        }
    }
}

fn prefix(name: &str) -> &str {
    name.split_once(':').map_or(name, |(prefix, _)| prefix)
}

/// Whether `written` is the key `name`, or one of the family that `name` opens.
fn is_key(name: &str, written: &str) -> bool {
    if name.ends_with(['/', ':']) {
        let start = written.get(..name.len());
        written.len() > name.len() && start.is_some_and(|start| start.eq_ignore_ascii_case(name))
    } else {
        written.eq_ignore_ascii_case(name)
    }
}
