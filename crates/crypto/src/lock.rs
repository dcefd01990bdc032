//! Keeps key memory out of swap and core dumps. The one module with unsafe code.
#![expect(
    unsafe_code,
    reason = "mapping, locking and advising memory are system calls without a safe wrapper"
)]

use std::fmt;
use std::io;
use std::ptr::NonNull;

use zeroize::zeroize_bytes;

use crate::Key32;

/// What [`harden_process`] does to the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// The limit on core files is zero.
    CoreLimit,
    /// The process is not dumpable: no core file, no `ptrace` by other processes of its user.
    NotDumpable,
}

/// A measure that could not be taken, and why.
#[derive(Debug, thiserror::Error)]
#[error("{measure} could not be set")]
pub struct NotHardened {
    /// The measure.
    pub measure: Measure,
    /// What the kernel said.
    #[source]
    pub source: io::Error,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CoreLimit => "the core file limit of zero",
            Self::NotDumpable => "the process as not dumpable",
        })
    }
}

/// Takes every [`Measure`] for the whole process and checks its effect.
///
/// Call it before any secret is read. Returns the measures that could not be taken; the
/// caller logs them and decides whether to go on.
pub fn harden_process() -> Vec<NotHardened> {
    [
        (Measure::CoreLimit, forbid_core_files()),
        (Measure::NotDumpable, forbid_dumps()),
    ]
    .into_iter()
    .filter_map(|(measure, outcome)| {
        let source = outcome.err()?;
        Some(NotHardened { measure, source })
    })
    .collect()
}

fn forbid_core_files() -> io::Result<()> {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a live `rlimit` that the call only reads.
    check(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) })?;
    let mut now = libc::rlimit {
        rlim_cur: 1,
        rlim_max: 1,
    };
    // SAFETY: the pointer is to a live `rlimit` that the call only writes.
    check(unsafe { libc::getrlimit(libc::RLIMIT_CORE, &raw mut now) })?;
    if now.rlim_cur == 0 {
        Ok(())
    } else {
        Err(io::Error::other("the limit did not take effect"))
    }
}

#[cfg(target_os = "linux")]
fn forbid_dumps() -> io::Result<()> {
    const NO: libc::c_ulong = 0;
    // SAFETY: this request takes numbers only and touches no memory of ours.
    check(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, NO, NO, NO, NO) })?;
    // SAFETY: as above.
    match unsafe { libc::prctl(libc::PR_GET_DUMPABLE, NO, NO, NO, NO) } {
        0 => Ok(()),
        _ => Err(io::Error::other("the setting did not take effect")),
    }
}

#[cfg(not(target_os = "linux"))]
fn forbid_dumps() -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// A key in a page of its own, which is locked into memory and left out of core dumps.
///
/// Where the kernel refuses, usually for the limit on locked memory, the key works all the
/// same: [`Self::is_locked`] tells, and the caller warns. Copies of the key are not locked.
#[derive(Debug)]
pub struct LockedKey32 {
    key: Key32,
    refusal: Option<io::Error>,
}

impl LockedKey32 {
    /// Moves `key` into locked memory; its former place is wiped.
    pub fn new(key: Key32) -> Self {
        let outcome = LockedPage::holding(key.expose());
        Self::settled(key, outcome)
    }

    /// What becomes of `key` after the attempt to copy it into a locked page.
    fn settled(key: Key32, outcome: io::Result<(LockedPage, Option<io::Error>)>) -> Self {
        match outcome {
            Ok((page, refusal)) => Self {
                key: Key32::in_page(page),
                refusal,
            },
            Err(refusal) => Self {
                key,
                refusal: Some(refusal),
            },
        }
    }

    /// The key.
    pub fn key(&self) -> &Key32 {
        &self.key
    }

    /// Whether the key is locked into memory and left out of core dumps.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.refusal.is_none()
    }

    /// Why the key is not locked, if it is not.
    pub fn refusal(&self) -> Option<&io::Error> {
        self.refusal.as_ref()
    }
}

/// An anonymous mapping of one page that starts with 32 secret bytes.
///
/// A page of its own, because locks do not nest: unlocking one key must not unlock another.
pub(crate) struct LockedPage {
    start: NonNull<[u8; 32]>,
    length: usize,
}

// SAFETY: the mapping belongs to this value alone and is only read through `&self`.
unsafe impl Send for LockedPage {}
// SAFETY: as above; there is no interior mutability.
unsafe impl Sync for LockedPage {}

impl LockedPage {
    /// Maps a page and copies `bytes` into it once it is locked and left out of dumps.
    ///
    /// Fails if there is no page; a page that could not be locked comes with the reason.
    fn holding(bytes: &[u8; 32]) -> io::Result<(Self, Option<io::Error>)> {
        let mut page = Self::map(page_size()?)?;
        let refusal = page.protect().err();
        // SAFETY: the mapping is readable, writable, zeroed, page-aligned, at least 32 bytes
        // long and borrowed uniquely.
        unsafe { page.start.as_mut() }.copy_from_slice(bytes);
        Ok((page, refusal))
    }

    fn map(length: usize) -> io::Result<Self> {
        // SAFETY: a new private anonymous mapping at an address of the kernel's choice.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(address.cast()).ok_or_else(io::Error::last_os_error)?;
        Ok(Self { start, length })
    }

    fn protect(&self) -> io::Result<()> {
        let address = self.start.as_ptr().cast();
        // SAFETY: the range is our own mapping; neither call changes its contents.
        check(unsafe { libc::mlock(address, self.length) })?;
        #[cfg(target_os = "linux")]
        // SAFETY: as above.
        check(unsafe { libc::madvise(address, self.length, libc::MADV_DONTDUMP) })?;
        Ok(())
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        // SAFETY: the mapping lives as long as `self` and is written only while it is unique.
        unsafe { self.start.as_ref() }
    }
}

impl Drop for LockedPage {
    fn drop(&mut self) {
        // SAFETY: the mapping is still there and borrowed uniquely.
        zeroize_bytes(unsafe { self.start.as_mut() });
        let address = self.start.as_ptr().cast();
        // SAFETY: the range is our own mapping; nothing uses it after this. Unmapping fails
        // only for a range that is not one, and unlocks the page as well.
        unsafe {
            libc::munlock(address, self.length);
            libc::munmap(address, self.length);
        }
    }
}

fn page_size() -> io::Result<usize> {
    // SAFETY: the call only reads a system constant.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size)
        .ok()
        .filter(|size| *size >= 32)
        .ok_or_else(io::Error::last_os_error)
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests;
