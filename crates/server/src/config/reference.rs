//! The reference page of all settings.

/// The reference page of all settings; `docs/configuration.md` is made from it.
pub const REFERENCE: &str = "\
Settings come from flags, then environment variables, then the file given by `--config`, then
defaults: the first that says something counts. What has no flag and no variable in this table is
set in the file alone. The file is TOML; an unknown setting or a wrong
value is refused with its line.

| File | Flag | Variable | Default | Meaning |
|---|---|---|---|---|
| `data` | `--data DIR` | `STRONGROOM_DATA` | none | the data directory |
| | `--config FILE` | `STRONGROOM_CONFIG` | none | this file |
| `listen` | `--listen ADDR:PORT` | `STRONGROOM_LISTEN` | `127.0.0.1:4700` | the address that answers for all services |
| `account` | `--account ID` | `STRONGROOM_ACCOUNT` | a random one | the first account, on an empty directory |
| `regions` | `--region NAME` (repeatable) | `STRONGROOM_REGIONS` (commas) | `[\"us-east-1\"]` | the regions answered for |
| `seal.key_file` | `--key-file FILE` | `STRONGROOM_KEY_FILE` | the data directory's name and `.key` | the key that seals the root key; outside the data directory, mode 0600 |
| `seal.passphrase_file` | `--passphrase-file FILE` | `STRONGROOM_PASSPHRASE_FILE` | none | a file whose first line is the passphrase that seals the root key instead |
| `seal.kms.endpoint` | | | none | a KMS elsewhere that seals the root key instead: AWS KMS or another Strongroom; `https`, or this machine |
| `seal.kms.region` | | | none | the region that its calls are signed for |
| `seal.kms.key` | | | none | id, ARN or alias of a symmetric key there |
| `seal.kms.encryption_context` | | | `{}` | pairs that the sealed root key is bound to, beside `strongroom:purpose` = `root-key` |
| `seal.kms.credentials_file` | | | the `AWS_*` variables | a file in AWS's shared-credentials format |
| `seal.kms.profile` | | | `default` | the profile in it |
| `seal.kms.ca_file` | | | the system's | PEM certificates of the authorities that may vouch for the KMS |
| `seal.kms.timeout_seconds` | | | 10 | how long each call may take |
| `seal.token.module` | | | none | the PKCS#11 module of a token that seals the root key instead |
| `seal.token.token` | | | none | the token's label |
| `seal.token.key` | | | `strongroom-root` | the label of the AES key on it; made if it is missing when a directory is sealed |
| `seal.token.pin_file` | | | none | a file, mode 0600, whose first line is the PIN |
| `seal.token.timeout_seconds` | | | 10 | how long each call may take |
| `unseal_listen` | | | the main address | an address that alone takes `POST /unseal`, on a server that starts sealed |
| `backup.directory` | | | none | where `strongroom backup create` writes; it must exist on the first start; better another disk than that of `data` |
| `tls.certificate`, `tls.key` | | | none | PEM files; with them the listener speaks TLS only |
| `issuers.url` | | | none | one `[[issuers]]` for each identity provider whose tokens `AssumeRoleWithWebIdentity` may verify: its issuer, as the tokens and the OpenID Connect provider in IAM have it |
| `issuers.keys_file` | | | none | a file with the issuer's public keys, a JSON web key set; looked at for every token, so that changes count at once |
| `issuers.keys_url` | | | none | or an `https` address that serves them; fetched when they are needed, kept for five minutes, never more than once in ten seconds |
| `issuers.ca_file` | | | none | PEM certificates of the authorities that may vouch for the server at `issuers.keys_url` |
| `tokens.cluster` | | | none | one `[[tokens]]` for each PKCS#11 token that custom key stores may use: the name by which callers know it, `cluster-` and 11 to 16 letters and digits from 2 to 7 ([tokens](operations/token.md)) |
| `tokens.account`, `tokens.region` | | | none | the account and the region whose key stores may use it |
| `tokens.module` | | | none | the PKCS#11 module; it runs within the server, with all its rights |
| `tokens.label`, `tokens.slot` | | | none | the token's label, or the number of its slot |
| `tokens.trust_anchor` | | | none | the certificate, PEM, by which callers of `CreateCustomKeyStore` show that they mean this token |
| `tokens.sessions` | | | 4 | sessions with the token, for each key store |
| `tokens.timeout_ms` | | | 5000 | milliseconds that a call of the token may take |
| `external_key_stores.endpoint` | | | none | one `[[external_key_stores]]` for each proxy of an external key manager that key stores may use: `https://` and a host ([external key stores](operations/external-key-store.md)) |
| `external_key_stores.account` | | | none | the account whose key stores may use it |
| `external_key_stores.address` | | | the endpoint's host, port 443 | where it is connected to, host and port |
| `external_key_stores.ca_file` | | | none | PEM certificates of the authorities that may vouch for it |
| `external_key_stores.client_certificate`, `external_key_stores.client_key` | | | none | PEM files: what this server shows to a proxy that asks for a client certificate; the key's file has mode 0600 |
| `external_key_stores.health_seconds` | | | 60 | seconds between two looks at its health while a key store is connected to it; 1 to 3600 |
| `external_key_stores.timeout_ms` | | | 250 | milliseconds that a call of the proxy may take, connecting and TLS included; 250 is AWS's bound |
| `proxy.trusted` | | | `[]` | addresses of proxies whose `X-Forwarded-For` is believed |
| `metrics.listen` | | | off | address of the Prometheus endpoint; it needs no signature, keep it private |
| `log.filter` | `--log FILTER` | `STRONGROOM_LOG` | `info` | a level, or `target=level,…` |
| `log.json` | | | `false` | JSON lines instead of text |
| `kms.request_quota_factor` | `--kms-request-quota-factor N` | `STRONGROOM_KMS_REQUEST_QUOTA_FACTOR` | 1 | by how much every request quota of KMS is raised |
| `kms.requests_per_second` | | | AWS's | a table: calls of KMS that each account may make a second in a region. `symmetric` (HMAC included), `rsa`, `ecc` and `ml` for cryptographic operations by the kind of key, `\"custom-key-store\"` for those with the keys of one custom key store, `\"GenerateDataKeyPair/RSA_2048\"` and so on, and the names of the other operations |
| `kms.resource_quotas` | | | AWS's | a table: `keys`, customer managed keys of an account in a region (100,000); `aliases_per_key` (50); `grants_per_key` (50,000); `key_policy_bytes` (32,768, at most 131,072). Beyond them calls fail with `LimitExceededException` |
| `kms.prices` | | | AWS's, in USD | a table: what `strongroom usage` counts with. `currency`; for a month `key_month` (1.00) and `rotation_month` (1.00, the first two rotations of a key); for 10,000 calls `requests` (0.03; symmetric, HMAC and RSA-2048 keys), `asymmetric_requests` (0.15), `ecc_data_key_pairs` (0.10) and `rsa_data_key_pairs` (12.00) |
| `feature_store.features` | | | 2500 | features that a group may have; no call makes more than 2,500 |
| `feature_store.in_memory_gib` | | | 50 | GiB that an online store of type `InMemory` may have; measured about every ten minutes |
| `feature_store.parallel_creations` | | | 4 | feature groups of an account in a region that may be `Creating` at a time |
| `feature_store.provisioned_units_per_group` | | | 40000 | request units a second that may be provisioned for one group, each for reading and for writing |
| `feature_store.provisioned_units_per_region` | | | 80000 | the same for all groups of an account in a region |
| `feature_store.read_units_per_record` | | | 2400 | request units a second for reading one record, whatever the group's throughput |
| `feature_store.write_units_per_record` | | | 500 | the same for writing it |
| `feature_store.calls_per_second` | | | 10000 | calls that each account may make a second in a region, and as many at once, of each operation on records but `BatchGetRecord` |
| `feature_store.batch_gets_per_second` | | | 500 | the same of `BatchGetRecord` |
| `extensions.in_memory_cmk` | | | `false` | online stores of type `InMemory` may have a customer managed key, which AWS refuses |
| `extensions.in_memory_offline` | | | `false` | feature groups with an online store of type `InMemory` may have an offline store, which AWS refuses |
| `limits.connections` | | | 4096 | connections open at a time |
| `limits.header_seconds` | | | 10 | time for a request's head, from its first byte on, and for the first of a connection from the connection on |
| `limits.idle_seconds` | | | 60 | time for which a connection stays open after an answer if nothing more is asked. Clients that pool connections should give them up sooner, or retry a connection that was closed, as SDKs do |
| `limits.body_seconds` | | | 30 | time for a request's body |
| `limits.write_seconds` | | | 30 | time that a client has to read each MiB of its answer |
| `limits.body_memory` | | | 67108864 | bytes of bodies held at a time, over all connections; beside it a sixteenth for requests with an unknown access key, and one for forms without a signature, of either an eighth for one network |
| `limits.response_memory` | | | 268435456 | bytes of answers above 16 KiB that clients have not read yet, over all connections |
| `limits.cache_memory` | | | an eighth of the memory | bytes of sealed records kept in memory for reading, taken as they are read; where its control group allows the process less than the machine has, the eighth is of that. Blocks of the store's files take an eighth as much beside it, and at least 16 MiB |
| `limits.calls_per_second` | `--calls-per-second N` | `STRONGROOM_CALLS_PER_SECOND` | 200 | management calls that each principal may make a second, and as many at once, of all that no quota of KMS counts; all sessions of a role together, and all principals of an account ten times as many; beside that, calls that [take rights away](audit-log.md#floods) or need no permission have rates of their own for the account. A principal that KMS denies more calls than that is throttled there too |
| `limits.account_metadata_bytes` | | | 1073741824 | bytes of metadata, its history and the memory of what finds grants included, that the calls of each account may write in a day, and as many at once; beyond it changes are refused with `ThrottlingException` (by IAM with `Throttling`), but for ten a second of each principal that [only take rights away or remove](operations/recovery.md#what-is-accepted-last) |
| `limits.account_log_bytes` | | | 34359738368 | the same of audit records, [beyond which](audit-log.md#how-much-an-account-may-write) management and KMS calls of the account are refused; an eighth each of them is for calls that are refused, for calls that need no permission, and for what takes rights away beyond the rest; beside it, an eighth as much is for failed calls of other accounts about what it owns |
| `limits.history_days` | | | 0 | days for which a version of metadata is kept after another one has replaced it ([history](operations/history.md)); 92 to 3650, and 0 is for ever |
| `limits.history_versions` | | | 0 | versions of each policy, key, group and the like that are kept beyond 92 days; at most 100,000, and 0 is any number |
| `limits.lookups_per_second` | | | 2 | calls of `LookupEvents` that each account may make in a region; 2 is AWS's rate |
| `limits.outside_key_seconds` | | | 10 | time for which a data key is kept unwrapped whose KMS key is in a custom key store; at most 10, and 0 asks the store for every request |
| `limits.data_key_days` | | | 90 | days after which a feature group gets a new data key, under which its records are then sealed anew in the background; 1 to 3650 ([renewal](key-lifecycle.md#renewal)) |
| `limits.data_key_records` | | | 4294967296 | records, about, that a data key seals before it is renewed; at least 1000 |
| `limits.outbox_bytes` | | | 10737418240 | bytes of records that may wait for the offline stores of all feature groups together; beyond that `PutRecord` and its like to groups with an offline store answer `ServiceUnavailable`; the last quarter is for accounts of which [little waits](feature-store-security.md#the-offline-store) |
| `limits.outbox_account_bytes` | | | half of `outbox_bytes` | the same of the groups of one account |
| `limits.shutdown_seconds` | | | 10 | time that open requests get at shutdown |
| `limits.clock_skew_seconds` | | | 300 | difference of clocks that signatures may have |
| `limits.unsigned_calls` | | | 20 | calls of `AssumeRoleWithWebIdentity` that an address may make a second, and five times as many at once; one that is refused counts ten times |
| `limits.feature_groups` | | | 100 | feature groups that an account may have in a region; AWS's quota |
";
