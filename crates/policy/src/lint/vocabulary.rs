//! The names that exist: actions and condition keys.

/// A condition key that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownKey<'a> {
    /// Its name. A key with a part of its own behind the name ends in `/` or `:`, as
    /// `aws:ResourceTag/` and `kms:EncryptionContext:` do.
    pub name: &'a str,
    /// Whether it has several values, so that a condition on it needs a set operator.
    pub multivalued: bool,
    /// What its values are.
    pub of: KeyType,
}

/// What the values of a condition key are, which says what operators can do with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// Any text; a tag's value may be read as a number or an address, too.
    Text,
    /// An ARN.
    Arn,
    /// `true` or `false`.
    Bool,
    /// A time.
    Date,
    /// Seconds since 1970: a time, and a number.
    Epoch,
    /// A number.
    Number,
    /// An address of the Internet Protocol.
    Address,
}

impl KeyType {
    /// Whether the operators of the family that begins so can be true or false of such a value
    /// by what it is.
    pub(super) fn is_compared_by(self, family: Family) -> bool {
        match family {
            Family::Text => !matches!(self, Self::Address | Self::Date | Self::Epoch),
            Family::Arn => matches!(self, Self::Arn | Self::Text),
            Family::Bool => matches!(self, Self::Bool | Self::Text),
            Family::Date => matches!(self, Self::Date | Self::Epoch | Self::Text),
            Family::Number => matches!(self, Self::Number | Self::Epoch | Self::Text),
            Family::Address => matches!(self, Self::Address | Self::Text),
            Family::Binary => self == Self::Text,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Arn => "an ARN",
            Self::Bool => "true or false",
            Self::Date | Self::Epoch => "a time",
            Self::Number => "a number",
            Self::Address => "an address",
        }
    }
}

/// The operators that compare alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Text,
    Arn,
    Bool,
    Date,
    Number,
    Address,
    Binary,
}

impl Family {
    /// The family of an operator as it is written; `None` for `Null`.
    pub(super) fn of(operator: &str) -> Option<Self> {
        let base = operator.split_once(':').map_or(operator, |(_, base)| base);
        let families = [
            ("String", Self::Text),
            ("Arn", Self::Arn),
            ("Bool", Self::Bool),
            ("Date", Self::Date),
            ("Numeric", Self::Number),
            ("IpAddress", Self::Address),
            ("NotIpAddress", Self::Address),
            ("Binary", Self::Binary),
        ];
        let mut families = families.iter();
        let (_, family) = families.find(|(begin, _)| base.starts_with(begin))?;
        Some(*family)
    }
}

impl<'a> KnownKey<'a> {
    /// A key with one value, which is text.
    pub const fn one(name: &'a str) -> Self {
        Self::of(name, KeyType::Text)
    }

    /// A key with one value.
    pub const fn of(name: &'a str, of: KeyType) -> Self {
        Self {
            name,
            multivalued: false,
            of,
        }
    }

    /// A key with several values, which are text.
    pub const fn many(name: &'a str) -> Self {
        Self {
            name,
            multivalued: true,
            of: KeyType::Text,
        }
    }
}

/// The names that exist here and at AWS. They compare without regard to case.
#[derive(Debug, Clone, Copy)]
pub struct Vocabulary<'a> {
    /// The actions that are asked for here, as `kms:Decrypt`; with none the actions of a policy
    /// are not looked up.
    pub actions: &'a [&'a str],
    /// Further actions that AWS has in the same services.
    pub at_aws: &'a [&'a str],
    /// The prefixes of AWS's other services.
    pub services: &'a [&'a str],
    /// Condition keys of services. Those that begin with `aws:` are known anyway.
    pub keys: &'a [KnownKey<'a>],
}

impl Vocabulary<'static> {
    /// The global condition keys only.
    pub const GLOBAL: Self = Self {
        actions: &[],
        at_aws: &[],
        services: &[],
        keys: &[],
    };
}

/// The global condition keys, of AWS's page "AWS global condition context keys".
const GLOBAL_KEYS: [KnownKey<'static>; 43] = [
    KnownKey::many("aws:CalledVia"),
    KnownKey::one("aws:CalledViaFirst"),
    KnownKey::one("aws:CalledViaLast"),
    KnownKey::of("aws:CurrentTime", KeyType::Date),
    KnownKey::of("aws:EpochTime", KeyType::Epoch),
    KnownKey::one("aws:FederatedProvider"),
    KnownKey::of("aws:MultiFactorAuthAge", KeyType::Number),
    KnownKey::of("aws:MultiFactorAuthPresent", KeyType::Bool),
    KnownKey::one("aws:PrincipalAccount"),
    KnownKey::of("aws:PrincipalArn", KeyType::Arn),
    KnownKey::of("aws:PrincipalIsAWSService", KeyType::Bool),
    KnownKey::one("aws:PrincipalOrgID"),
    KnownKey::many("aws:PrincipalOrgPaths"),
    KnownKey::one("aws:PrincipalServiceName"),
    KnownKey::many("aws:PrincipalServiceNamesList"),
    KnownKey::one("aws:PrincipalTag/"),
    KnownKey::one("aws:PrincipalType"),
    KnownKey::one("aws:referer"),
    KnownKey::one("aws:RequestedRegion"),
    KnownKey::one("aws:RequestTag/"),
    KnownKey::one("aws:ResourceAccount"),
    KnownKey::one("aws:ResourceOrgID"),
    KnownKey::many("aws:ResourceOrgPaths"),
    KnownKey::one("aws:ResourceTag/"),
    KnownKey::of("aws:SecureTransport", KeyType::Bool),
    KnownKey::one("aws:SourceAccount"),
    KnownKey::of("aws:SourceArn", KeyType::Arn),
    KnownKey::one("aws:SourceIdentity"),
    KnownKey::of("aws:SourceIp", KeyType::Address),
    KnownKey::one("aws:SourceOrgID"),
    KnownKey::many("aws:SourceOrgPaths"),
    KnownKey::one("aws:SourceVpc"),
    KnownKey::one("aws:SourceVpce"),
    KnownKey::of("aws:SourceVpcArn", KeyType::Arn),
    KnownKey::many("aws:TagKeys"),
    KnownKey::of("aws:TokenIssueTime", KeyType::Date),
    KnownKey::one("aws:UserAgent"),
    KnownKey::one("aws:userid"),
    KnownKey::one("aws:username"),
    KnownKey::of("aws:ViaAWSService", KeyType::Bool),
    KnownKey::of("aws:VpcSourceIp", KeyType::Address),
    KnownKey::one("aws:Ec2InstanceSourceVpc"),
    KnownKey::of("aws:Ec2InstanceSourcePrivateIPv4", KeyType::Address),
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
            None if self.actions.is_empty() || self.is_prefix(prefix(written)) => Ok(None),
            None => Err(()),
        }
    }

    /// Whether any action of the service is known.
    pub(super) fn is_service(&self, service: &str) -> bool {
        let is = |action: &&str| prefix(action).eq_ignore_ascii_case(service);
        let is_of_aws = || {
            let mut services = self.services.iter();
            services.any(|known| known.eq_ignore_ascii_case(service))
        };
        // An operation may ask for single actions of services that are not here.
        self.at_aws.iter().any(is) || self.actions.iter().any(is) && !is_of_aws()
    }

    /// Whether it is a service of AWS that is not here.
    pub(super) fn is_service_of_aws(&self, service: &str) -> bool {
        let mut services = self.services.iter();
        !self.is_service(service) && services.any(|known| known.eq_ignore_ascii_case(service))
    }

    /// Whether condition keys begin so: with a service, or with an identity provider.
    fn is_prefix(&self, prefix: &str) -> bool {
        let provider = prefix.contains('.') || prefix.eq_ignore_ascii_case("saml");
        provider || self.is_service(prefix) || self.is_service_of_aws(prefix)
    }

    /// The prefixes of all services.
    pub(super) fn prefixes(&self) -> Vec<&str> {
        let here = self.actions.iter().map(|action| prefix(action));
        here.chain(self.services.iter().copied()).collect()
    }

    /// The names of all condition keys.
    pub(super) fn key_names(&self) -> Vec<&str> {
        let keys = GLOBAL_KEYS.iter().chain(self.keys);
        keys.map(|known| known.name).collect()
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
