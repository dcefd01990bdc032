//! PKCS#11 modules: loaded once for the process, since their state is the process's.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use crypto::mac::HmacSha256Key;
use crypto::{Key32, SecretBytes, SystemEntropy};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Pkcs11Error, RvError};
use cryptoki::mechanism::MechanismType;
use cryptoki::session::{Session as RawSession, UserType};
use cryptoki::slot::Slot as RawSlot;
use cryptoki::types::RawAuthPin;

use crate::{Error, Settings, Slot};

/// Every module that was named so far. A module that hangs is waited for under its own lock only.
static MODULES: LazyLock<Mutex<HashMap<PathBuf, Arc<Module>>>> = LazyLock::new(Mutex::default);

/// One module.
#[derive(Debug)]
pub(crate) struct Module {
    path: PathBuf,
    loaded: Mutex<Option<Pkcs11>>,
    /// Tags of the PINs with which slots were logged in to. All sessions of a process with a token
    /// share its login, so that a second user of the token has to be asked for the PIN here. Each
    /// slot has a lock of its own: one that does not answer holds up no other.
    logins: Mutex<HashMap<u64, Arc<Mutex<Option<SecretBytes>>>>>,
    /// Where tokens were found by their labels: the other slots need not be asked again.
    found: Mutex<HashMap<String, RawSlot>>,
    /// Threads that work on a token, and those that wait for one that never answers.
    threads: Mutex<HashMap<String, Arc<AtomicUsize>>>,
    /// What the tags are made with; no PIN is kept.
    tagging: HmacSha256Key,
}

/// Whether the token has refused a PIN. It is not asked again: a token counts wrong tries, and
/// locks its PIN after a few.
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<Option<Refusal>>);

#[derive(Debug, Clone, Copy)]
enum Refusal {
    Wrong,
    Locked,
}

impl Refusal {
    fn error(self) -> Error {
        match self {
            Self::Wrong => Error::WrongPin,
            Self::Locked => Error::PinLocked,
        }
    }
}

/// The mechanisms that every key here needs.
const NEEDED: [(MechanismType, &str); 2] = [
    (MechanismType::AES_KEY_GEN, "CKM_AES_KEY_GEN"),
    (MechanismType::AES_CMAC, "CKM_AES_CMAC"),
];

impl Module {
    /// The module at `path`, which need not be loaded yet.
    pub(crate) fn at(path: &Path) -> Arc<Self> {
        let mut modules = lock(&MODULES);
        let known = modules.entry(path.to_path_buf()).or_insert_with(|| {
            Arc::new(Self {
                path: path.to_path_buf(),
                loaded: Mutex::default(),
                logins: Mutex::default(),
                found: Mutex::default(),
                threads: Mutex::default(),
                tagging: HmacSha256Key::new(Key32::generate(&SystemEntropy).expose()),
            })
        });
        Arc::clone(known)
    }

    /// A session that is logged in.
    ///
    /// Fails if the token is not there, lacks a mechanism, or does not take the PIN.
    pub(crate) fn session(
        &self,
        settings: &Settings,
        (pin, refused): (&SecretBytes, &Refused),
    ) -> Result<RawSession, Error> {
        let (pkcs11, slot) = self.slot(settings)?;
        let session = pkcs11.open_rw_session(slot)?;
        self.login(&session, slot.id(), (pin, refused))?;
        Ok(session)
    }

    /// The slot of the token.
    ///
    /// Fails if the token is not there or lacks a mechanism.
    pub(crate) fn slot(&self, settings: &Settings) -> Result<(Pkcs11, RawSlot), Error> {
        let pkcs11 = self.loaded()?;
        let slot = match self.find(&pkcs11, &settings.slot) {
            Err(Error::Failed(Pkcs11Error::Pkcs11(RvError::CryptokiNotInitialized, _))) => {
                self.start(&pkcs11)?;
                self.find(&pkcs11, &settings.slot)?
            }
            found => found?,
        };
        let mechanisms = pkcs11.get_mechanism_list(slot)?;
        if let Some((_, name)) = NEEDED
            .iter()
            .find(|(needed, _)| !mechanisms.contains(needed))
        {
            return Err(Error::Mechanism { name });
        }
        Ok((pkcs11, slot))
    }

    /// The slot of the token that is meant, where it was before if it is still there.
    fn find(&self, pkcs11: &Pkcs11, wanted: &Slot) -> Result<RawSlot, Error> {
        let Slot::Label(label) = wanted else {
            return find(pkcs11, wanted);
        };
        let before = lock(&self.found).get(label).copied();
        if let Some(slot) = before
            && let Ok(true) = is_it(pkcs11, slot, wanted)
        {
            return Ok(slot);
        }
        let slot = find(pkcs11, wanted)?;
        lock(&self.found).insert(label.clone(), slot);
        Ok(slot)
    }

    /// The threads that work on the token `slot`, however often it was opened.
    pub(crate) fn threads(&self, slot: &Slot) -> Arc<AtomicUsize> {
        let mut threads = lock(&self.threads);
        Arc::clone(threads.entry(slot.to_string()).or_default())
    }

    fn loaded(&self) -> Result<Pkcs11, Error> {
        let mut loaded = lock(&self.loaded);
        if let Some(pkcs11) = &*loaded {
            return Ok(pkcs11.clone());
        }
        let pkcs11 = Pkcs11::new(&self.path).map_err(|source| self.unusable(source))?;
        self.start(&pkcs11)?;
        *loaded = Some(pkcs11.clone());
        Ok(pkcs11)
    }

    fn start(&self, pkcs11: &Pkcs11) -> Result<(), Error> {
        let locking = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        match pkcs11.initialize(locking) {
            Ok(()) | Err(Pkcs11Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
            Err(source) => Err(self.unusable(source)),
        }
    }

    fn unusable(&self, source: Pkcs11Error) -> Error {
        let path = self.path.clone();
        Error::Module { path, source }
    }

    fn login(
        &self,
        session: &RawSession,
        slot: u64,
        (pin, refused): (&SecretBytes, &Refused),
    ) -> Result<(), Error> {
        // One session of a token at a time logs in, so that the others learn what became of it.
        let known = Arc::clone(lock(&self.logins).entry(slot).or_default());
        let mut known = lock(&known);
        let mut refused = lock(&refused.0);
        if let Some(refusal) = *refused {
            return Err(refusal.error());
        }
        let tag = SecretBytes::from(self.tagging.tag(pin.expose()).to_vec());
        let given = RawAuthPin::new(Box::new(pin.expose().to_vec()));
        let (code, function) = match session.login_with_raw(UserType::User, &given) {
            Ok(()) => {
                *known = Some(tag);
                return Ok(());
            }
            Err(Pkcs11Error::Pkcs11(code, function)) => (code, function),
            Err(other) => return Err(Error::Failed(other)),
        };
        let refusal = match code {
            RvError::UserAlreadyLoggedIn => {
                if known.as_ref().is_some_and(|known| known.ct_eq(&tag)) {
                    return Ok(());
                }
                Refusal::Wrong
            }
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange => Refusal::Wrong,
            RvError::PinLocked | RvError::PinExpired => Refusal::Locked,
            RvError::UserPinNotInitialized => return Err(Error::NoPin),
            code => return Err(Error::Failed(Pkcs11Error::Pkcs11(code, function))),
        };
        *refused = Some(refusal);
        Err(refusal.error())
    }
}

/// The slot of the token that is meant.
fn find(pkcs11: &Pkcs11, wanted: &Slot) -> Result<RawSlot, Error> {
    let slots = pkcs11.get_slots_with_token()?;
    // No other slot is asked than the one of the number.
    let possible = slots.into_iter().filter(|slot| match wanted {
        Slot::Number(number) => slot.id() == *number,
        Slot::Label(_) => true,
    });
    choose(
        possible.map(|slot| (slot, is_it(pkcs11, slot, wanted))),
        wanted,
    )
}

/// Whether the token in `slot` is the one that is meant.
fn is_it(pkcs11: &Pkcs11, slot: RawSlot, wanted: &Slot) -> Result<bool, Error> {
    let token = pkcs11.get_token_info(slot)?;
    let is_it = match wanted {
        Slot::Number(_) => true,
        Slot::Label(label) => token.label() == label,
    };
    Ok(is_it && token.token_initialized())
}

/// The one slot that was found to be it. What is wrong with others matters only if there is none.
fn choose(
    slots: impl Iterator<Item = (RawSlot, Result<bool, Error>)>,
    wanted: &Slot,
) -> Result<RawSlot, Error> {
    let (mut found, mut failed) = (Vec::new(), None);
    for (slot, is_it) in slots {
        match is_it {
            Ok(true) => found.push(slot),
            Ok(false) => {}
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    let slot = || wanted.to_string();
    match (found.as_slice(), failed) {
        ([one], _) => Ok(*one),
        ([], Some(failed)) => Err(failed),
        ([], None) => Err(Error::NoToken { slot: slot() }),
        _ => Err(Error::SeveralTokens { slot: slot() }),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(number: u64) -> RawSlot {
        RawSlot::try_from(number).unwrap()
    }

    #[test]
    fn a_slot_that_fails_is_in_no_other_token_s_way() {
        let wanted = Slot::Label("mine".to_owned());
        let failed = || Err(Error::Timeout);
        let found = choose(
            [
                (slot(1), failed()),
                (slot(2), Ok(true)),
                (slot(3), Ok(false)),
            ]
            .into_iter(),
            &wanted,
        );
        assert_eq!(found.unwrap(), slot(2));
        let refused = choose(
            [(slot(1), failed()), (slot(3), Ok(false))].into_iter(),
            &wanted,
        );
        assert!(matches!(refused, Err(Error::Timeout)));
        let refused = choose([(slot(3), Ok(false))].into_iter(), &wanted);
        assert!(matches!(refused, Err(Error::NoToken { .. })));
        let refused = choose(
            [(slot(1), Ok(true)), (slot(3), Ok(true))].into_iter(),
            &wanted,
        );
        assert!(matches!(refused, Err(Error::SeveralTokens { .. })));
    }

    #[test]
    fn tokens_of_one_module_log_in_each_for_itself() {
        let module = Module::at(Path::new("/nowhere/at/all.so"));
        let of = |slot: u64| Arc::clone(lock(&module.logins).entry(slot).or_default());
        let first = of(1);
        let _held = lock(&first);
        // Would wait for ever.
        assert!(of(2).try_lock().is_ok());
        assert!(of(1).try_lock().is_err());
    }
}
