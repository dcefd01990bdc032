//! Hardening changes the whole process, hence it is not a unit test.

use strongroom_crypto::lock::harden_process;

#[test]
fn a_hardened_process_writes_no_core_file() {
    let refused = harden_process();
    assert!(refused.is_empty(), "{refused:?}");
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let values: Vec<_> = line.unwrap().split_whitespace().skip(4).take(2).collect();
    assert_eq!(values, ["0", "0"]);
}

#[test]
fn hardening_twice_is_no_failure() {
    assert!(harden_process().is_empty());
    assert!(harden_process().is_empty());
}
