//! Rows of metadata as they are stored: what reads is written the same way from then on.

use store::AnyTable;

pub(crate) fn run(data: &[u8]) -> bool {
    let mut read = false;
    let mut tables: Vec<&'static dyn AnyTable> = iam::tables();
    tables.extend(kms::tables());
    tables.extend(featurestore::tables());
    for table in tables {
        let Ok(record) = table.decode(data) else {
            continue;
        };
        read = true;
        let again = table.encode(&record).ok().and_then(|first| {
            let second = table.decode(&first).ok()?;
            Some((first, table.encode(&second).ok()?))
        });
        let Some((first, second)) = again else {
            panic!("{}: what was read cannot be written and read", table.name());
        };
        assert!(
            first == second,
            "{}: a row changes when it is rewritten",
            table.name()
        );
    }
    read
}
