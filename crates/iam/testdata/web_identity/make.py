"""Makes `keys.json` and `tokens.json` anew: a test issuer's keys, and tokens with what must become
of them. The private keys are thrown away; the files here are what the tests read.

Usage: python make.py (with the package `cryptography`), in this folder.
"""

import base64
import hashlib
import hmac
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

NOW = 1_700_000_000
ISSUER = "https://idp.example.com/realms/A"
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
SIZES = {"ES256": 32, "ES384": 48, "ES512": 66}
TAGS = "https://aws.amazon.com/tags"
INVALID = "InvalidIdentityToken: "
NOT_A_TOKEN = INVALID + ("The ID Token provided is not a valid JWT. (You may see this error if you sent an "
                         "Access Token)")
ALGORITHM = INVALID + "The ID Token must be signed by RS256, RS384, RS512, ES256, ES384 or ES512"
NO_KEY = INVALID + ("Couldn't retrieve verification key from your identity provider, please reference "
                    "AssumeRoleWithWebIdentity documentation for requirements")
SIGNATURE = INVALID + "The signature of the ID Token is not valid"
AUDIENCE = INVALID + "Incorrect token audience"
NOT_YET = INVALID + "The ID Token is not valid yet"

rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
other_rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
foreign = rsa.generate_private_key(public_exponent=65537, key_size=2048)
curves = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
ec_keys = {name: ec.generate_private_key(curve) for name, curve in curves.items()}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def rsa_jwk(key, kid, **more):
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "kid": kid, "use": "sig", "n": number(numbers.n), "e": number(numbers.e), **more}


def ec_jwk(algorithm):
    numbers = ec_keys[algorithm].public_key().public_numbers()
    size = SIZES[algorithm]
    return {"kty": "EC", "kid": algorithm, "crv": "P-" + {"32": "256", "48": "384", "66": "521"}[str(size)],
            "x": number(numbers.x, size), "y": number(numbers.y, size)}


def sign(algorithm, signed, key=None):
    hashed = HASHES[algorithm[2:]]
    if algorithm.startswith("RS"):
        return (key or rsa_key).sign(signed, padding.PKCS1v15(), hashed)
    if algorithm.startswith("PS"):
        return rsa_key.sign(signed, padding.PSS(padding.MGF1(hashed), hashed.digest_size), hashed)
    r, s = utils.decode_dss_signature(ec_keys[algorithm].sign(signed, ec.ECDSA(hashed)))
    return r.to_bytes(SIZES[algorithm], "big") + s.to_bytes(SIZES[algorithm], "big")


def claims(**changes):
    made = {"iss": ISSUER, "sub": "system:serviceaccount:ml:trainer", "aud": "sts.amazonaws.com",
            "exp": NOW + 600, "iat": NOW - 10}
    made.update(changes)
    return {name: value for name, value in made.items() if value is not None}


def raw(header, payload, signature):
    return ".".join([b64(header.encode()), b64(payload.encode()), b64(signature)])


def token(algorithm="RS256", header=None, payload=None, key=None, **changes):
    kid = "rsa" if algorithm[0] in "RP" else algorithm
    header = json.dumps({"alg": algorithm, "kid": kid, "typ": "JWT"}) if header is None else header
    payload = json.dumps(claims(**changes)) if payload is None else payload
    signed = f"{b64(header.encode())}.{b64(payload.encode())}".encode()
    return raw(header, payload, sign(algorithm, signed, key))


def mac(algorithm, secret):
    header, payload = json.dumps({"alg": algorithm, "kid": "rsa"}), json.dumps(claims())
    signed = f"{b64(header.encode())}.{b64(payload.encode())}".encode()
    return raw(header, payload, hmac.new(secret, signed, hashlib.sha256).digest())


cases = []


def case(name, text, expected="accepted", **says):
    cases.append({"name": name, "token": text, "expected": expected, **says})


def header(**values):
    return json.dumps(values)


for algorithm in ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]:
    case(f"signed by {algorithm}", token(algorithm))
case("the only audience of a list", token(aud=["sts.amazonaws.com"]))
case("one second before it expires", token(exp=NOW + 1))
case("issued by a clock that is a minute ahead", token(iat=NOW + 60, nbf=NOW + 60))
case("a party beside its audience", token(azp="sts.amazonaws.com"), original="sts.amazonaws.com")
case("a party beside several audiences", token(aud=["other", "sts.amazonaws.com"], azp="sts.amazonaws.com"))
for typ in ["JWT", "jwt", "application/jwt", "JOSE"]:
    case(f"of the type `{typ}`", token(header=header(alg="RS256", kid="rsa", typ=typ)))
case("of no type", token(header=header(alg="RS256", kid="rsa")))
case("claims that mean nothing", token(email="a@b.c", nested={"iss": "x"}, at_hash=1))
case("ways of authentication", token(amr=["pwd", "mfa"]), methods=["pwd", "mfa"])

# Lesson 11: algorithms that are none.
for alg in ["none", "None", "nOnE", "NONE", "", "RS257", "EdDSA", "ES256K", "rs256"]:
    case(f"algorithm `{alg}`", token(header=header(alg=alg, kid="rsa")), ALGORITHM)
case("algorithm none, no signature", raw(header(alg="none"), json.dumps(claims()), b""), ALGORITHM)
case("algorithm none in a list", token(header=header(alg=["none"], kid="rsa")), NOT_A_TOKEN)
case("algorithm in a list", token(header=header(alg=["RS256"], kid="rsa")), NOT_A_TOKEN)
case("algorithm null", token(header=header(alg=None, kid="rsa")), NOT_A_TOKEN)
case("no algorithm", token(header=header(kid="rsa")), NOT_A_TOKEN)
case("two algorithms", token(header='{"alg": "RS256", "alg": "none", "kid": "rsa"}'), NOT_A_TOKEN)
case("RSA-PSS, which AWS does not take", token("PS256"), ALGORITHM)
# Lesson 12: the key decides what it is for.
pem = rsa_key.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
modulus = rsa_key.public_key().public_numbers().n.to_bytes(256, "big")
case("HMAC with the public key as PEM", mac("HS256", pem), ALGORITHM)
case("HMAC with the modulus", mac("HS256", modulus), ALGORITHM)
case("HMAC with nothing", mac("HS256", b""), ALGORITHM)
case("an RSA signature under the id of an EC key", token(header=header(alg="RS256", kid="ES256")), NO_KEY)
case("an EC signature under the id of an RSA key", token("ES256", header=header(alg="ES256", kid="rsa")), NO_KEY)
case("ES384 under the id of a P-256 key", token("ES384", header=header(alg="ES384", kid="ES256")), NO_KEY)
case("RS256 under a key for RS384", token(key=other_rsa, header=header(alg="RS256", kid="bound")), NO_KEY)
case("RS384 under a key for RS384", token("RS384", key=other_rsa, header=header(alg="RS384", kid="bound")))
case("RS512 signed, RS256 said", token("RS512", header=header(alg="RS256", kid="rsa")), SIGNATURE)
case("another issuer's key under a known id", token(key=foreign), SIGNATURE)
case("an unknown key", token(key=foreign, header=header(alg="RS256", kid="new")), NO_KEY)
case("no id and more than one key", token("RS384", header=header(alg="RS384")), NO_KEY)
case("no id and one key of the kind", token("ES384", header=header(alg="ES384")))
# Lesson 31: nothing in the token says where keys are.
theirs = rsa_jwk(foreign, "new")
case("a key in the header", token(key=foreign, header=header(alg="RS256", kid="rsa", jwk=theirs)), SIGNATURE)
case("an address of keys in the header", token(key=foreign, header=header(
    alg="RS256", kid="new", jku="http://127.0.0.1:1/keys", x5u="http://127.0.0.1:1/x")), NO_KEY)
case("an issuer that is an address", token(iss="http://169.254.169.254/latest/meta-data"),
     INVALID + "No OpenIDConnect provider found in your account for http://169.254.169.254/latest/meta-data")
case("a critical extension", token(header=header(alg="RS256", kid="rsa", crit=["b64"], b64=False)), NOT_A_TOKEN)

good = token()
head, payload, signature = good.split(".")
case("another payload", f"{head}.{b64(json.dumps(claims(sub='root')).encode())}.{signature}", SIGNATURE)
case("another header", f"{b64(header(alg='RS256', kid='rsa').encode())}.{payload}.{signature}", SIGNATURE)
case("a shorter signature", good[:-2], SIGNATURE)
case("no signature", f"{head}.{payload}.", SIGNATURE)
case("an EC signature in DER", raw(header(alg="ES256", kid="ES256"), json.dumps(claims()), ec_keys["ES256"].sign(
    f"{b64(header(alg='ES256', kid='ES256').encode())}.{b64(json.dumps(claims()).encode())}".encode(),
    ec.ECDSA(hashes.SHA256()))), SIGNATURE)
case("an EC signature of zeros", raw(header(alg="ES256", kid="ES256"), json.dumps(claims()), bytes(64)), SIGNATURE)
for name, text in [("two parts", f"{head}.{payload}"), ("five parts", f"{good}.x.y"), ("text", "token"),
                   ("padding", good + "=="), ("a space behind", good + " "), ("a line in front", "\n" + good),
                   ("characters of the other alphabet", f"{head}.{payload}.+/+/"), ("dots", "....")]:
    case(name, text, NOT_A_TOKEN)
case("a payload that is a list", token(payload="[]"), NOT_A_TOKEN)
case("a payload with something behind", token(payload=json.dumps(claims()) + "{}"), NOT_A_TOKEN)
case("a payload of a thousand levels", token(payload="[" * 1000 + "]" * 1000), NOT_A_TOKEN)
case("two subjects", token(payload=json.dumps(claims())[:-1] + ', "sub": "root"}'), NOT_A_TOKEN)
case("two audiences said twice", token(payload=json.dumps(claims())[:-1] + ', "aud": "x"}'), NOT_A_TOKEN)

for name in ["exp", "iat", "sub", "aud", "iss"]:
    case(f"no {name}", token(**{name: None}), INVALID + f"Missing a required claim: {name}")
for issuer in [ISSUER + "/", ISSUER.lower(), "idp.example.com/realms/A", "https://other.example.com",
               "https://IDP.example.com/realms/A"]:
    case(f"the issuer {issuer}", token(iss=issuer),
         INVALID + f"No OpenIDConnect provider found in your account for {issuer}")
for issuer in ["https://idp.example.com/ <b>", "https://idp.example.com/\u202egro.elpmaxe", "nobody, really"]:
    case(f"the issuer {issuer!a}", token(iss=issuer),
         INVALID + "No OpenIDConnect provider found in your account for the issuer of the token")
case("an empty issuer", token(iss=""), NOT_A_TOKEN)
case("a long issuer", token(iss="https://" + "a" * 300), NOT_A_TOKEN)
case("an issuer with a line break", token(iss=ISSUER + "\n"), NOT_A_TOKEN)
case("an issuer whose keys are not to be had", token(iss="https://down.example.com"),
     "IDPCommunicationError: Couldn't retrieve the verification keys of your identity provider: the server's "
     "log says why")
case("an issuer that the configuration does not know", token(iss="https://unconfigured.example.com"), NO_KEY)
case("another audience", token(aud="sts.example.com"), AUDIENCE)
case("an audience in other letters", token(aud="STS.amazonaws.com"), AUDIENCE)
case("two audiences", token(aud=["sts.amazonaws.com", "other"]), AUDIENCE)
case("no audience in a list", token(aud=[]), AUDIENCE)
case("issued to another party", token(azp="other"), AUDIENCE)
case("issued to us for another", token(aud="other", azp="sts.amazonaws.com"), AUDIENCE)
case("issued to us for others", token(aud=["other", "third"], azp="sts.amazonaws.com"), AUDIENCE)
case("issued to nobody", token(azp=""), AUDIENCE)
for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "x", ""]:
    case(f"of the type `{typ}`", token(header=header(alg="RS256", kid="rsa", typ=typ)), NOT_A_TOKEN)
case("of a type that is a list", token(header=header(alg="RS256", kid="rsa", typ=["JWT"])), NOT_A_TOKEN)
case("an audience that is a number", token(aud=7), NOT_A_TOKEN)
expired = "ExpiredTokenException: Token expired: current date/time 1700000000 must be before the expiration date/time {}"
case("expired this second", token(exp=NOW), expired.format(NOW))
case("expired long ago", token(exp=1), expired.format(1))
case("expired before the epoch", token(exp=-1), expired.format(-1))
case("expired and wrongly signed", token(exp=1, key=foreign), SIGNATURE)
case("not before in a while", token(nbf=NOW + 61), NOT_YET)
case("issued in a while", token(iat=NOW + 61), NOT_YET)
for value in [NOW + 600.5, str(NOW + 600), 1e30, True, [NOW + 600]]:
    case(f"an expiry {value}", token(exp=value), NOT_A_TOKEN)
case("an empty subject", token(sub=""), NOT_A_TOKEN)
case("a subject of 255 letters", token(sub="a" * 255))
case("a subject of 256 letters", token(sub="a" * 256), NOT_A_TOKEN)
case("a subject with a control character", token(sub="a\u0000b"), NOT_A_TOKEN)
case("a subject that is a number", token(sub=7), NOT_A_TOKEN)

rejected = "IDPRejectedClaim: The claim " + TAGS + " is not valid"


def tags(transitive=None, **pairs):
    claim = {"principal_tags": {key: [value] for key, value in pairs.items()}}
    if transitive is not None:
        claim["transitive_tag_keys"] = transitive
    return token(**{TAGS: claim})


case("tags", tags(Project="A", Stage="x"), tags={"Project": "A", "Stage": "x"}, transitive=[])
case("tags that are handed down", tags(["Project"], Project="A", Stage="x"),
     tags={"Project": "A", "Stage": "x"}, transitive=["Project"])
case("flattened tags", token(**{f"{TAGS}/principal_tags/Project": "A", f"{TAGS}/principal_tags/Stage": ["x"],
                                f"{TAGS}/transitive_tag_keys": ["Stage"]}),
     tags={"Project": "A", "Stage": "x"}, transitive=["Stage"])
case("a tag with two values", token(**{TAGS: {"principal_tags": {"a": ["1", "2"]}}}), rejected)
case("a tag without a value", token(**{TAGS: {"principal_tags": {"a": []}}}), rejected)
case("a tag of AWS", tags(**{"aws:x": "1"}), rejected)
case("tags in other letters", tags(a="1", A="2"), rejected)
case("a tag twice", token(payload=json.dumps(claims())[:-1] + ', "' + TAGS + '": {"principal_tags": '
                          '{"a": ["1"], "a": ["2"]}}}'), rejected)
case("a tag nested and flattened", token(**{TAGS: {"principal_tags": {"a": ["1"]}},
                                            f"{TAGS}/principal_tags/a": "2"}), rejected)
case("51 tags", tags(**{str(n): "x" for n in range(51)}), rejected)
case("a long tag", tags(a="x" * 257), rejected)
case("a tag with a letter that none has", tags(a="<"), rejected)
case("handed down without being there", tags(["b"], a="1"), rejected)
case("tags of another form", token(**{TAGS: ["a"]}), NOT_A_TOKEN)
identity = "https://aws.amazon.com/source_identity"
case("a source identity", token(**{identity: "alice@example.com"}), source_identity="alice@example.com")
for value in ["a", "x" * 65, "a b", "aws:x", "Aws:x"]:
    case(f"the source identity `{value}`", token(**{identity: value}),
         f"IDPRejectedClaim: The claim {identity} is not valid")

keys = [rsa_jwk(rsa_key, "rsa"), rsa_jwk(other_rsa, "bound", alg="RS384"), *map(ec_jwk, SIZES)]
for name, data in [("keys.json", {"keys": keys}), ("tokens.json", cases)]:
    with open(name, "w") as file:
        json.dump(data, file, indent=1)
        file.write("\n")
