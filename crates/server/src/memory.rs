//! How much memory this process may use, as the system says.

use std::fs;
use std::path::Path;

/// What records in memory take of it, if the configuration does not say.
const SHARE: u64 = 8;

/// What blocks take beside them, as a part of that.
const BLOCKS: usize = 8;

/// They take at least this much, also where the system says nothing.
const LEAST: u64 = 32 << 20;

/// Bytes of records that are kept in memory by default: an eighth of what the machine has or,
/// where that is less, of what the process's control groups allow.
pub(crate) fn cache_share() -> usize {
    let bytes = allowed(Path::new("/")).map_or(LEAST, |bytes| (bytes / SHARE).max(LEAST));
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Bytes of blocks of the engine's files that are kept beside `records` bytes of records: an eighth
/// as much. What finds a record, filters and indexes of tables, is a fiftieth of what the records
/// take on disk: so that it stays in memory also for a set that is much larger than that.
pub(crate) fn of_blocks(records: usize) -> u64 {
    u64::try_from(records / BLOCKS).unwrap_or(u64::MAX)
}

/// Bytes that this process may use, by the files below `root`; `None` if they do not tell.
fn allowed(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().flat_map(|line| limits_of(root, line));
    limits.chain(installed(root)).min()
}

/// Bytes of memory that the machine has.
fn installed(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The limits of one line of `/proc/self/cgroup`, of the group and of those around it: version 2
/// has one hierarchy, version 1 one of memory.
fn limits_of(root: &Path, line: &str) -> Vec<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else {
        return Vec::new();
    };
    let (hierarchy, file) = if controllers.is_empty() {
        (root.join("sys/fs/cgroup"), "memory.max")
    } else if controllers.split(',').any(|name| name == "memory") {
        (root.join("sys/fs/cgroup/memory"), "memory.limit_in_bytes")
    } else {
        return Vec::new();
    };
    // In a container the group can be named as the host has it, and be mounted as the root.
    let group = Path::new(group.trim_start_matches('/'));
    group
        .ancestors()
        .filter_map(|group| fs::read_to_string(hierarchy.join(group).join(file)).ok())
        .filter_map(|text| text.trim().parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is allowed where these files say so.
    fn check(files: &[(&str, &str)], expected: Option<u64>) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        assert_eq!(allowed(root.path()), expected);
    }

    const MACHINE: (&str, &str) = ("proc/meminfo", "MemTotal:        1000 kB\nMemFree: 1 kB\n");

    #[test]
    fn blocks_take_an_eighth_of_what_records_do() {
        assert_eq!(of_blocks(512 << 20), 64 << 20);
        assert_eq!(of_blocks(0), 0);
    }

    #[test]
    fn a_machine_without_groups_has_all_its_memory() {
        check(&[MACHINE], Some(1_024_000));
        check(&[], None);
        check(&[("proc/meminfo", "MemTotal: many kB\n")], None);
    }

    #[test]
    fn the_smallest_limit_around_the_process_counts() {
        let group = ("proc/self/cgroup", "0::/system.slice/strongroom.service\n");
        let inner = "sys/fs/cgroup/system.slice/strongroom.service/memory.max";
        let outer = ("sys/fs/cgroup/system.slice/memory.max", "70000\n");
        check(&[MACHINE, group, (inner, "max\n")], Some(1_024_000));
        check(&[MACHINE, group, (inner, "90000\n"), outer], Some(70_000));
        check(&[MACHINE, group, (inner, "50000\n"), outer], Some(50_000));
        check(&[MACHINE, group, (inner, "9000000\n")], Some(1_024_000));
    }

    #[test]
    fn a_container_finds_its_limit_at_the_root_of_the_hierarchy() {
        let root = ("sys/fs/cgroup/memory.max", "60000\n");
        check(
            &[MACHINE, ("proc/self/cgroup", "0::/\n"), root],
            Some(60_000),
        );
        let version_1 = ("proc/self/cgroup", "3:cpu,memory:/docker/0123\n2:pids:/\n");
        let limit = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "40000\n");
        check(&[MACHINE, version_1, limit], Some(40_000));
    }

    #[test]
    fn this_machine_allows_something() {
        assert!(cache_share() >= 32 << 20);
    }
}
