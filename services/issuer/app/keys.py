"""The signing keys: the first signs, all are published, so a key is replaced without a moment in which tokens fail.

A key set's next form has the new key first and the one before behind it; the form after that has the new one alone.
"""

import json
from dataclasses import dataclass

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from blueprint_kit.settings import Refusal, SettingsError

ALGORITHM = "ES256"
CURVE = "P-256"


@dataclass(frozen=True)
class KeyRing:
    """The key that signs, and what is published of all."""

    signing: ECKey
    published: KeySet

    def public(self) -> dict[str, object]:
        """The JWK set (RFC 7517, section 5) without anything private."""
        keys = [key.as_dict(private=False, use="sig", alg=ALGORITHM) for key in self.published.keys]
        return {"keys": keys}


def parse_keys(content: str) -> KeyRing:
    """The keys of a JWK set with private keys, each with an id of its own. Raises SettingsError."""
    try:
        keys = [_key(one) for one in json.loads(content)["keys"]]
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _refused(f"must be a JWK set of private {CURVE} keys ({type(error).__name__})") from None
    identities = [key.kid for key in keys]
    if not keys or None in identities or len(set(identities)) < len(keys):
        raise _refused("must hold at least one key, and each must have a `kid` of its own")
    return KeyRing(keys[0], KeySet(list(keys)))


def _key(given: dict[str, str | list[str]]) -> ECKey:
    key = ECKey.import_key(given)
    if key.curve_name != CURVE or not key.is_private:
        raise ValueError("another kind of key")
    return key


def _refused(rule: str) -> SettingsError:
    """The content is not said: it is secret."""
    return SettingsError([Refusal("KEYS_FILE", rule, "mount the stack's signing keys")])
