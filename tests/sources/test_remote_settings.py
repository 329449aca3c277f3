"""What the environment says of a service, and cannot be used: one line that names it, and never a mere failure of
the data."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dali_mixup.cli import app
from dali_mixup.sources import StorageError, open_source
from tests.object_store import KEYS, environment

AZURE = {"AZURE_STORAGE_ACCOUNT_NAME": "account", "AZURE_STORAGE_ACCOUNT_KEY": "a2V5"}
GOOGLE = {"GOOGLE_BEARER_TOKEN": "token"}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An environment without services, and without files of theirs."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with environment():
        yield


@pytest.mark.parametrize(
    ("url", "variables", "message"),
    [
        ("s3://b/train", {"AWS_ACCESS_KEY_ID": "A", "AWS_REGION": "x"}, "Missing SecretAccessKey"),
        ("s3://b/train", {"AWS_ACCESS_KEY_ID": "", "AWS_REGION": "x"}, "Missing SecretAccessKey"),
        ("s3://b/train", {"AWS_SKIP_SIGNATURE": "maybe"}, 'failed to parse "maybe" as boolean'),
        (
            "s3://b/train",
            KEYS | {"AWS_REGION": "a b"},
            r"cannot make the request \(.*InvalidUri.*environment",
        ),
        ("s3://b/train", KEYS | {"AWS_SESSION_TOKEN": "a\nb"}, r"cannot make the request \(.*HeaderValue"),
        ("gs://b/train", {"GOOGLE_APPLICATION_CREDENTIALS": "/none.json"}, "service account file from /none"),
        ("gs://b/train", {"GOOGLE_APPLICATION_CREDENTIALS": __file__}, "decode service account file"),
        ("az://c/train", {}, r"Account must be specified.*AZURE_STORAGE_ACCOUNT_NAME"),
        ("az://c/train", AZURE | {"AZURE_STORAGE_ACCOUNT_KEY": "!!"}, "Invalid Access Key"),
        (
            "az://c/train",
            {"AZURE_STORAGE_ACCOUNT_NAME": "a", "AZURE_STORAGE_SAS_TOKEN": "%"},
            "SAS query pair",
        ),
    ],
    ids=str,
)
def test_credentials_that_cannot_be_used(url: str, variables: dict[str, str], message: str) -> None:
    with environment(**variables), pytest.raises(StorageError, match=message) as caught:
        open_source(url)
    text = str(caught.value)
    assert (
        "Credentials come from the environment: " in text and "Debug source" not in text and "\n" not in text
    )


@pytest.mark.parametrize(
    "address",
    ["localhost:1", "", "http://", "https:///b", "ftp://host", "http://h:99999", "http://[::", " http://h"],
)
@pytest.mark.parametrize(
    ("url", "variable"),
    [
        ("s3://b/train", "AWS_ENDPOINT"),
        ("s3a://b/train", "AWS_ENDPOINT_URL"),
        ("s3://b/train", "AWS_ENDPOINT_URL_S3"),
        ("gs://b/train", "GOOGLE_BASE_URL"),
        ("az://c/train", "AZURE_STORAGE_ENDPOINT"),
        ("abfss://c@account/train", "AZURE_ENDPOINT"),
    ],
)
def test_endpoints_that_are_no_web_addresses(url: str, variable: str, address: str) -> None:
    with (
        environment(**KEYS, **AZURE, **GOOGLE, **{variable: address}),
        pytest.raises(StorageError, match=rf"{variable} is {re.escape(repr(address))}, expected http"),
    ):
        open_source(url)


def test_the_password_of_an_endpoint_is_not_shown() -> None:
    for address in ("user:hidden@localhost", "ftp://user:hidden@localhost"):
        with environment(**KEYS, AWS_ENDPOINT_URL=address), pytest.raises(StorageError) as caught:
            open_source("s3://b/train")
        assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "variables"),
    [("az://c/train", {}), ("s3://b/train", KEYS | {"AWS_ENDPOINT_URL": "localhost:1"})],
    ids=["account", "endpoint"],
)
def test_a_check_does_not_call_the_data_unfit(url: str, variables: dict[str, str]) -> None:
    with environment(**variables):
        done = CliRunner().invoke(app, ["check", url])
    assert done.exit_code == 2 and "cannot be set up" in re.sub(r"\s+", " ", done.output)
    assert "Traceback" not in done.output
