//! Backups: what stands before their chunks, and streams whose seal is right whatever they say.

pub(crate) fn run(data: &[u8]) -> bool {
    server::fuzzing::backup(data)
}
