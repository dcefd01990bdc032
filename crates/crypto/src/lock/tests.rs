//! Locked keys: what the kernel says about their page, and the fallback.

use super::*;
use crate::vectors::key_of;

/// The kernel's flags of the mapping that `key` lies in.
#[cfg(target_os = "linux")]
fn flags_of(key: &LockedKey32) -> String {
    let wanted = key.key().expose().as_ptr().addr();
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut here = false;
    for line in maps.lines() {
        let range = line.split_whitespace().next().and_then(|word| {
            let (from, to) = word.split_once('-')?;
            Some(usize::from_str_radix(from, 16).ok()?..usize::from_str_radix(to, 16).ok()?)
        });
        if let Some(range) = range {
            here = range.contains(&wanted);
        } else if here && let Some(flags) = line.strip_prefix("VmFlags:") {
            return format!("{flags} ");
        }
    }
    String::new()
}

#[test]
fn a_locked_key_is_the_same_key() {
    let locked = LockedKey32::new(key_of(9));
    assert!(locked.key().ct_eq(&key_of(9)));
}

#[test]
#[cfg(target_os = "linux")]
fn the_kernel_confirms_the_lock_and_the_exclusion_from_dumps() {
    let locked = LockedKey32::new(key_of(9));
    let flags = flags_of(&locked);
    assert!(flags.contains(" rd "), "no mapping found: {flags}");
    assert_eq!(
        flags.contains(" lo ") && flags.contains(" dd "),
        locked.is_locked()
    );
}

#[test]
#[cfg(target_os = "linux")]
fn dropping_one_locked_key_keeps_the_others_locked() {
    let (first, second) = (LockedKey32::new(key_of(1)), LockedKey32::new(key_of(2)));
    let before = flags_of(&second);
    drop(first);
    assert_eq!(flags_of(&second), before);
    assert!(second.key().ct_eq(&key_of(2)));
}

#[test]
fn without_a_page_the_key_works_and_says_why() {
    let refused = Err(io::Error::from_raw_os_error(libc::ENOMEM));
    let key = LockedKey32::settled(key_of(9), refused);
    assert!(key.key().ct_eq(&key_of(9)));
    assert!(!key.is_locked());
    assert_eq!(key.refusal().unwrap().raw_os_error(), Some(libc::ENOMEM));
}

#[test]
fn without_the_lock_the_key_works_and_says_why() {
    let (page, _refusal) = LockedPage::holding(&[9; 32]).unwrap();
    let refusal = io::Error::from_raw_os_error(libc::EPERM);
    let key = LockedKey32::settled(key_of(9), Ok((page, Some(refusal))));
    assert!(key.key().ct_eq(&key_of(9)));
    assert!(!key.is_locked());
    assert_eq!(key.refusal().unwrap().raw_os_error(), Some(libc::EPERM));
}

#[test]
fn a_clone_of_a_locked_key_outlives_it() {
    let locked = LockedKey32::new(key_of(9));
    let copy = locked.key().clone();
    drop(locked);
    assert!(copy.ct_eq(&key_of(9)));
}

#[test]
fn a_locked_key_may_move_to_another_thread() {
    let locked = LockedKey32::new(key_of(9));
    let thread = std::thread::spawn(move || locked.key().ct_eq(&key_of(9)));
    assert!(thread.join().unwrap());
}

#[test]
fn debug_shows_a_placeholder() {
    let text = format!("{:?}", LockedKey32::new(key_of(9)));
    assert!(text.contains("Key32(***)"), "{text}");
}
