"""Content Credentials (C2PA): a signed statement in the file of what was done to it.

They are made and read by c2pa-python, an extra (`faceswap-cli[c2pa]`). No thumbnails are made, and the
source is named as opened, but not taken in: either would carry the face as it was before.
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceswap_cli.errors import UserError
from faceswap_cli.provenance.signing_key import SigningKey, given_key, own_key
from faceswap_cli.version import __version__

EXTRA = "faceswap-cli[c2pa]"

FORMATS = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
}
"""What can be signed, by suffix."""

_SETTINGS: dict[str, Any] = {
    "builder": {"thumbnail": {"enabled": False}},
    # Offline, as everything here.
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}


def available() -> bool:
    """Whether the extra is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("c2pa", "cryptography"))


def find_signer(certificate: Path | None, key: Path | None) -> Signer | None:
    """Who signs: with the key that is given, else with this installation's; None without the extra.

    Raises:
        UserError: a key was given, but it, or the extra, can't be used.
    """
    if (certificate is None) != (key is None):
        raise UserError("--cert and --key belong together", "Give both, or none")
    if not available():
        if key is not None:
            raise UserError("signing needs c2pa-python", f"Install it: pip install '{EXTRA}'")
        return None
    if certificate is not None and key is not None:
        return Signer(given_key(certificate, key))
    return Signer(own_key())


@dataclass(frozen=True)
class Signer:
    """Signs finished files."""

    key: SigningKey

    def signs(self, suffix: str) -> bool:
        """Whether files with this suffix can be signed."""
        return suffix.lower() in FORMATS

    def sign(self, path: Path, words: str, source_type: str, from_nothing: bool) -> None:
        """Sign a finished file, in its place; one of a format that can't be signed is left as it is.

        Args:
            path: the file.
            words: what was done, for people.
            source_type: IPTC's digital source type.
            from_nothing: there was no picture before.

        Raises:
            UserError: c2pa does not take the key, or the file.
        """
        import c2pa

        form = FORMATS.get(path.suffix.lower())
        if form is None:
            return
        signed = path.with_name(f"{path.stem}.signed{path.suffix}")
        try:
            context = c2pa.Context.from_dict(_SETTINGS)
            builder = c2pa.Builder.from_json(
                json.dumps(_manifest(form, words, source_type, from_nothing)), context
            )
            info = c2pa.C2paSignerInfo(self.key.algorithm.encode(), self.key.chain, self.key.key, None)
            with path.open("rb") as source, signed.open("w+b") as target:
                builder.sign(c2pa.Signer.from_info(info), form, source, target)
            signed.replace(path)
        except c2pa.C2paError as error:
            reason = " ".join(str(error).split()) or "c2pa does not say why"
            raise UserError(
                f"the result can't be signed ({reason})", "Try another --cert and --key"
            ) from error
        finally:
            signed.unlink(missing_ok=True)


def _manifest(form: str, words: str, source_type: str, from_nothing: bool) -> dict[str, Any]:
    agent = {"name": "faceswap", "version": __version__}
    done = {
        "action": "c2pa.edited",
        "digitalSourceType": source_type,
        "softwareAgent": agent,
        "description": words,
    }
    # No title: it would be a file's name.
    source = {"title": "source", "format": form, "relationship": "parentOf", "label": "source"}
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["source"]}}
    made = {**done, "action": "c2pa.created"}
    actions = [made] if from_nothing else [opened, done]
    return {
        "claim_generator_info": [agent],
        "ingredients": [] if from_nothing else [source],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }


@dataclass(frozen=True)
class Credentials:
    """What a file's Content Credentials are worth.

    Attributes:
        state: missing, invalid (file or statement were changed afterwards), valid (nothing was changed, and
            whoever signed it did), trusted (and somebody whom the reader trusts vouches for the signer),
            unread (the extra is not installed), or unknown (of this kind of file).
        signer: as the certificate calls itself, which proves nothing unless it is trusted.
        actions: what was done, with IPTC's source type where one is said.
        reason: why it is invalid.
    """

    state: str
    signer: str = ""
    actions: tuple[str, ...] = ()
    reason: str = ""


def read(path: Path, anchors: str = "") -> Credentials:
    """Look at a file's Content Credentials.

    Args:
        path: a file.
        anchors: certificates in PEM of those who are trusted to vouch for signers.
    """
    if not available():
        return Credentials("unread")
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        return Credentials("unknown")
    import c2pa

    settings = {**_SETTINGS, **({"trust": {"trust_anchors": anchors}} if anchors else {})}
    try:
        context = c2pa.Context.from_dict(settings)
        with path.open("rb") as file:
            reader = c2pa.Reader.try_create(form, file, context=context)
            if reader is None:
                return Credentials("missing")
            with reader:
                said = json.loads(reader.json())
                state = reader.get_validation_state() or ""
    except c2pa.C2paError as error:
        return Credentials("invalid", reason=" ".join(str(error).split()))
    return _credentials(said, state)


def _credentials(said: dict[str, Any], state: str) -> Credentials:
    manifest = said["manifests"][said["active_manifest"]]
    signature = manifest.get("signature_info") or {}
    signer = ", ".join(filter(None, (signature.get("common_name"), signature.get("issuer"))))
    actions = [
        one["action"] + (f" ({kind.rpartition('/')[2]})" if (kind := one.get("digitalSourceType")) else "")
        for assertion in manifest.get("assertions", [])
        if assertion["label"].startswith("c2pa.actions")
        for one in assertion["data"].get("actions", [])
    ]
    failed = (said.get("validation_results") or {}).get("activeManifest", {}).get("failure", [])
    reasons = [one["code"] for one in failed if one["code"] != "signingCredential.untrusted"]
    known = {"Valid": "valid", "Trusted": "trusted"}
    return Credentials(known.get(state, "invalid"), signer, tuple(actions), ", ".join(dict.fromkeys(reasons)))
