//! Argon2id against RFC 9106, the accepted range, and dependence on every input.

use super::*;
use crate::vectors;

const VECTORS: &str = include_str!("../../testdata/rfc9106_argon2id.rsp");

fn refused_parameter(params: Params) -> Option<&'static str> {
    let outcome = derive(&SecretBytes::from(Vec::new()), &[0; 16], params);
    match outcome {
        Err(Error::PasswordParameter { parameter, .. }) => Some(parameter),
        _ => None,
    }
}

#[test]
fn published_vectors_have_the_published_output() {
    let vectors = vectors::read(VECTORS, "COUNT");
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let number = |name| u32::try_from(vector.number(name)).unwrap();
        let params = Params {
            memory_kib: number("memcost"),
            passes: number("iter"),
            lanes: number("lanes"),
        };
        let inputs = Inputs {
            passphrase: &vector.hex("pass"),
            salt: &vector.hex("salt"),
            secret: &vector.hex("secret"),
            associated: &vector.hex("ad"),
        };
        let mut out = vec![0; vector.number("length")];
        argon2id(params, &inputs, &mut out).unwrap();
        assert_eq!(out, vector.hex("output"));
    }
}

#[test]
fn too_little_memory_is_refused() {
    let params = Params {
        memory_kib: 64 * 1024 - 1,
        ..Params::LEAST
    };
    assert_eq!(refused_parameter(params), Some("memory in KiB"));
}

#[test]
fn absurd_memory_is_refused() {
    let params = Params {
        memory_kib: u32::MAX,
        ..Params::LEAST
    };
    assert_eq!(refused_parameter(params), Some("memory in KiB"));
}

#[test]
fn too_few_passes_are_refused() {
    let params = Params {
        passes: 2,
        ..Params::LEAST
    };
    assert_eq!(refused_parameter(params), Some("passes"));
}

#[test]
fn absurdly_many_passes_are_refused() {
    let params = Params {
        passes: 65,
        ..Params::LEAST
    };
    assert_eq!(refused_parameter(params), Some("passes"));
}

#[test]
fn no_lanes_are_refused() {
    let params = Params {
        lanes: 0,
        ..Params::LEAST
    };
    assert_eq!(refused_parameter(params), Some("lanes"));
}

#[test]
fn absurdly_many_lanes_are_refused() {
    let params = Params {
        lanes: 17,
        ..Params::LEAST
    };
    assert_eq!(refused_parameter(params), Some("lanes"));
}

#[test]
fn the_limits_and_the_default_are_accepted() {
    for params in [Params::LEAST, Params::MOST, Params::default()] {
        params.validate().unwrap();
    }
}

#[test]
fn the_key_depends_on_passphrase_salt_and_cost_alone() {
    let derived = |passphrase: &str, salt: u8, passes| {
        let passphrase = SecretBytes::from(passphrase.as_bytes().to_vec());
        let params = Params {
            passes,
            ..Params::LEAST
        };
        *derive(&passphrase, &[salt; 16], params).unwrap().expose()
    };
    let key = derived("correct horse", 1, 3);
    assert_eq!(derived("correct horse", 1, 3), key);
    assert_ne!(derived("correct horsf", 1, 3), key);
    assert_ne!(derived("correct horse", 2, 3), key);
    assert_ne!(derived("correct horse", 1, 4), key);
}
