"""Verifies an envelope as verifiers do that know nothing of lgflow, and prints its statement. Arguments: the envelope, the
public key (PEM), another public key."""

import json
import sys

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from in_toto.models.metadata import Envelope as InTotoEnvelope
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey


def key(path, keyid):
    with open(path, "rb") as file:
        return SSlibKey.from_crypto(load_pem_public_key(file.read()), keyid=keyid)


def refused(envelope, by):
    try:
        envelope.verify([by], 1)
    except VerificationError:
        return True
    return False


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    document = json.loads(text)
    keyid = document["signatures"][0]["keyid"]
    # these take what they are given apart
    envelope = Envelope.from_dict(json.loads(text))
    accepted = envelope.verify([key(sys.argv[2], keyid)], 1)
    altered = Envelope.from_dict({**json.loads(text), "payload": document["payload"][:-8] + "AAAAAAA="})
    # the reader of in-toto takes it as one of its own kind
    assert isinstance(InTotoEnvelope.from_dict(json.loads(text)), InTotoEnvelope)
    print(
        json.dumps(
            {
                "accepted": list(accepted),
                "refuses_another_key": refused(envelope, key(sys.argv[3], keyid)),
                "refuses_another_payload": refused(altered, key(sys.argv[2], keyid)),
                "type": envelope.payload_type,
                "statement": json.loads(envelope.payload),
            }
        )
    )


main()
