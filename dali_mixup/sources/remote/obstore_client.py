"""S3, Google Cloud Storage, Azure and web servers through obstore.

One client for all four, whose requests cost little CPU time; benchmarks/remote.py measures it.
"""

from __future__ import annotations

import configparser
import importlib.util
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import obstore
from obstore.store import AzureStore, GCSStore, HTTPStore, S3Store

from dali_mixup.sources.remote.client import ANSWER, CONNECT, WHOLE, Part, version_number
from dali_mixup.sources.remote.failures import too_long
from dali_mixup.sources.remote.urls import AZURE, GCS, S3, has_host, scheme_of

_VALID = timedelta(hours=1)
"""How long a signed address can be used: from the clock of this machine, which may differ from the service's."""

_ENDPOINTS = {
    S3: ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"),
    GCS: ("GOOGLE_BASE_URL",),
    AZURE: ("AZURE_ENDPOINT", "AZURE_STORAGE_ENDPOINT"),
}
"""Variables from which obstore takes the address of the service."""


class Bucket:
    """One bucket, container or host.

    Args:
        store: obstore's object for it.
        listed: whether its objects can be listed.
        signed: whether addresses can be signed without asking the service.
    """

    def __init__(self, store: Any, listed: bool, signed: bool = False) -> None:
        self._store, self._listed, self._signed = store, listed, signed

    @classmethod
    def of(cls, root: str) -> Bucket:
        """The bucket of a URL such as s3://bucket, with the environment's credentials and endpoint.

        Raises:
            ValueError: an endpoint or host that is none. Others, of obstore and boto3: the credentials are not usable.
        """
        scheme, name = scheme_of(root), root.partition("://")[2]
        for variable in next((each for schemes, each in _ENDPOINTS.items() if scheme in schemes), ()):
            _check_endpoint(variable)
        # Retries are ours: they end with the loader, and say what they wait for.
        common: dict[str, Any] = {
            "client_options": {
                "allow_http": True,
                "connect_timeout": timedelta(seconds=CONNECT),
                "read_timeout": timedelta(seconds=ANSWER),
                "timeout": timedelta(seconds=WHOLE),
            },
            "retry_config": {"max_retries": 0},
        }
        if scheme in S3:
            return cls(S3Store(name, **_aws(), **common), True, signed=not _is_public())
        if scheme in GCS:
            return cls(GCSStore(name, **common), True)
        if scheme in AZURE:
            container, _, account = name.partition("@")
            named: dict[str, Any] = {"account_name": account.partition(".")[0]} if account else {}
            return cls(AzureStore(container, **named, **common), True)
        return cls(HTTPStore(root, **common), False)

    def read(self, key: str, start: int, size: int | None, most: int) -> Part:
        if size == 0:
            return Part(b"", self.state(key))
        options: Any = None if size is None else {"range": (start, start + size)}
        found = self._store.get(key, options=options)
        total = found.meta["size"]
        if size is None and total > most:
            raise too_long(total, most, key)
        state = (total, 0) if size is None else _state(found.meta)
        return Part(found.bytes(), state)

    def address(self, key: str) -> str | None:
        return obstore.sign(self._store, "GET", key, _VALID) if self._signed else None

    def state(self, key: str) -> tuple[int, int]:
        return _state(self._store.head(key))

    def folders(self, prefix: str) -> list[str]:
        self._check_listed()
        found = self._store.list_with_delimiter(prefix or None)
        return [name[len(prefix) :].rstrip("/") for name in found["common_prefixes"]]

    def names(self, prefix: str) -> Iterator[str]:
        self._check_listed()
        for page in self._store.list(prefix or None, chunk_size=1000):
            for entry in page:
                yield entry["path"][len(prefix) :]

    def _check_listed(self) -> None:
        if not self._listed:
            raise NotImplementedError(
                "web servers do not list their files: give a list, a manifest or tar shards"
            )


def _state(meta: Any) -> tuple[int, int]:
    stated = [meta["e_tag"], meta["version"]]
    if meta["last_modified"].timestamp():  # obstore's is the beginning of time if the answer has none
        stated.append(meta["last_modified"])
    return meta["size"], version_number(" ".join(str(each) for each in stated if each))


def _check_endpoint(variable: str) -> None:
    """Refuse what would end obstore at the first request."""
    value = os.environ.get(variable)
    if value is None:
        return
    plain = re.sub(r"[^/]*@", "", value, count=1)  # without a password
    if not (has_host(plain) and plain.isascii() and not re.search(r"\s", plain)):
        raise ValueError(
            f"{variable} is {plain!r}, expected http:// or https:// and a host, such as http://localhost:9000"
        )


def _is_public() -> bool:
    """Whether requests to S3 are not signed; by the words that obstore knows."""
    return os.environ.get("AWS_SKIP_SIGNATURE", "").lower() in ("1", "true", "on", "yes", "y")


def _aws() -> dict[str, Any]:
    """What obstore does not take from the environment itself: profiles, and endpoints without TLS."""
    if os.environ.get("AWS_ACCESS_KEY_ID") or _is_public():
        return {}
    if importlib.util.find_spec("boto3") is not None:
        from boto3 import Session
        from obstore.auth.boto3 import Boto3CredentialProvider

        session = Session()
        if session.get_credentials() is None:
            return {}
        return {
            "credential_provider": Boto3CredentialProvider(session),
            "region": session.region_name or "us-east-1",
        }
    return _profile()


def _profile() -> dict[str, Any]:
    """Keys and region of a profile in the files that the AWS tools share."""
    name = os.environ.get("AWS_PROFILE", "default")
    found: dict[str, Any] = {}
    for variable, usual, section in (
        ("AWS_CONFIG_FILE", "~/.aws/config", name if name == "default" else f"profile {name}"),
        ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", name),
    ):
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        parser.read(os.path.expanduser(os.environ.get(variable, usual)))
        if parser.has_section(section):
            found |= dict(parser[section])
    if "aws_access_key_id" not in found:
        if os.environ.get("AWS_PROFILE"):
            raise ImportError(
                f"the AWS profile {name!r} holds no keys; other kinds of profiles need boto3 (pip install boto3)"
            )
        return {}
    keys = {"access_key_id": "aws_access_key_id", "secret_access_key": "aws_secret_access_key"}
    keys |= {"session_token": "aws_session_token", "region": "region"}
    return {ours: found[theirs] for ours, theirs in keys.items() if theirs in found}
