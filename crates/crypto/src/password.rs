//! Keys from passphrases: Argon2id (RFC 9106).

use argon2::{Algorithm, Argon2, AssociatedData, Block, ParamsBuilder, Version};
use zeroize::Zeroize as _;

use crate::{Error, Key32, SecretBytes, wipe};

/// The cost of one derivation; the caller stores it beside the salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// Memory in KiB, [`Params::LEAST`] to [`Params::MOST`].
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes, computed one after the other.
    pub lanes: u32,
}

impl Params {
    /// The weakest parameters that are accepted: 64 MiB, three passes, one lane.
    pub const LEAST: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 1,
    };

    /// The largest parameters that are accepted, so that a tampered header cannot stall the
    /// start or exhaust the machine.
    pub const MOST: Self = Self {
        memory_kib: 4 * 1024 * 1024,
        passes: 64,
        lanes: 16,
    };

    /// Fails with [`Error::PasswordParameter`] if a value is outside the accepted range.
    pub fn validate(&self) -> Result<(), Error> {
        let (least, most) = (Self::LEAST, Self::MOST);
        for (parameter, least, most, given) in [
            (
                "memory in KiB",
                least.memory_kib,
                most.memory_kib,
                self.memory_kib,
            ),
            ("passes", least.passes, most.passes, self.passes),
            ("lanes", least.lanes, most.lanes, self.lanes),
        ] {
            if !(least..=most).contains(&given) {
                return Err(Error::PasswordParameter {
                    parameter,
                    least,
                    most,
                    given,
                });
            }
        }
        Ok(())
    }
}

/// What new headers are written with: 256 MiB, three passes, one lane.
impl Default for Params {
    fn default() -> Self {
        Self {
            memory_kib: 256 * 1024,
            passes: 3,
            lanes: 1,
        }
    }
}

/// Derives a key from `passphrase` and the random `salt` at the cost of `params`.
///
/// Takes about a second and the memory that `params` say: call it off the async threads.
/// Fails if `params` do not validate or the memory is not to be had.
pub fn derive(passphrase: &SecretBytes, salt: &[u8; 16], params: Params) -> Result<Key32, Error> {
    params.validate()?;
    let inputs = Inputs {
        passphrase: passphrase.expose(),
        salt,
        ..Inputs::default()
    };
    wipe::stack_after(|| {
        let mut outcome = Ok(());
        let key = Key32::filled(|out| outcome = argon2id(params, &inputs, out));
        outcome.map(|()| key)
    })
}

/// All inputs of the function; products use passphrase and salt, the RFC's vector the rest.
#[derive(Default)]
struct Inputs<'a> {
    passphrase: &'a [u8],
    salt: &'a [u8],
    secret: &'a [u8],
    associated: &'a [u8],
}

fn argon2id(params: Params, inputs: &Inputs<'_>, out: &mut [u8]) -> Result<(), Error> {
    let parameters = ParamsBuilder::new()
        .m_cost(params.memory_kib)
        .t_cost(params.passes)
        .p_cost(params.lanes)
        .output_len(out.len())
        .data(AssociatedData::new(inputs.associated).map_err(refused)?)
        .build()
        .map_err(refused)?;
    let block_count = parameters.block_count();
    let function = Argon2::new_with_secret(
        inputs.secret,
        Algorithm::Argon2id,
        Version::V0x13,
        parameters,
    )
    .map_err(refused)?;
    let mut memory = Vec::new();
    memory
        .try_reserve_exact(block_count)
        .map_err(|source| Error::PasswordMemory {
            kib: params.memory_kib,
            source,
        })?;
    memory.resize(block_count, Block::default());
    let outcome = function
        .hash_password_into_with_memory(inputs.passphrase, inputs.salt, out, &mut memory)
        .map_err(refused);
    for block in &mut memory {
        block.zeroize();
    }
    outcome
}

fn refused(reason: argon2::Error) -> Error {
    Error::Password { reason }
}

#[cfg(test)]
mod tests;
