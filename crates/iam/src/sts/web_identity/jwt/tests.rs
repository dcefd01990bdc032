//! The examples of RFC 7515, appendices A.2 and A.3; more tokens are in `testdata/web_identity`.

use serde_json::json;

use super::*;
use crate::sts::web_identity::KeySet;

const RS256: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6\
    Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOi\
    Zj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTy\
    WzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6Bf\
    I7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

const MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJr\
    cS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kp\
    aSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJ\
    H7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

const ES256: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6\
    Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djx\
    La8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

fn keys() -> KeySet {
    let set = json!({ "keys": [
        { "kty": "RSA", "n": MODULUS, "e": "AQAB" },
        {
            "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        },
    ]});
    KeySet::parse(set.to_string().as_bytes()).unwrap()
}

#[test]
fn the_examples_of_the_standard_are_verified() {
    for text in [RS256, ES256] {
        let token = Token::parse(text).unwrap();
        assert_eq!(token.claims().issuer().unwrap(), "joe");
        assert_eq!(token.key_id(), None);
        let keys = keys();
        let key = keys.find(None, token.algorithm()).unwrap();
        token.verify(key).unwrap();
    }
}

#[test]
fn no_changed_character_of_a_token_is_verified() {
    let keys = keys();
    for at in 0..ES256.len() {
        let mut changed = ES256.as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let Ok(token) = Token::parse(&changed) else {
            continue;
        };
        let key = keys.find(token.key_id(), token.algorithm());
        assert!(key.is_none_or(|key| token.verify(key).is_err()), "{at}");
    }
}

#[test]
fn a_token_longer_than_any_is_refused() {
    let long = format!(
        "{}.{}.{}",
        "a".repeat(10_000),
        "a".repeat(9_000),
        "a".repeat(1_000)
    );
    assert!(matches!(Token::parse(&long), Err(Error::NotAToken)));
}
