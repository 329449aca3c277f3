"""The meaning of what a store's client raises: a missing object, missing rights, or an outage that may pass."""

from __future__ import annotations

import errno
import re

from dali_mixup.sources.reading import StorageError, TooLongError
from dali_mixup.sources.remote.urls import AZURE, GCS, S3, WEB, scheme_of

_CREDENTIALS = {
    S3: "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), or AWS_PROFILE; AWS_SKIP_SIGNATURE=true "
    "for a public bucket",
    GCS: "GOOGLE_APPLICATION_CREDENTIALS; GOOGLE_SKIP_SIGNATURE=true for a public bucket",
    AZURE: "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN; "
    "AZURE_SKIP_SIGNATURE=true for a public container",
    ("hf",): "HF_TOKEN",
}

_STATUS = re.compile(r"status code: (\d{3}) ?([A-Za-z -]*)")
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")
_PASSING = frozenset({408, 425, 429})
"""Client errors that a server gives for a while; those from 500 on are its own."""

_NO_LENGTH = ("Content-Length Header missing", "parse value for CONTENT_RANGE")
"""What obstore says of answers in pieces of any number (chunked), and of parts of a whole of unknown size."""

_NOT_OFFERED = frozenset({405, 501})
"""What servers give to a method that they do not have, such as HEAD."""


class PassingError(OSError):
    """The request may succeed if it is repeated."""


class RefusedError(StorageError):
    """The server does not answer a request of this kind, or not for us; it may answer another kind."""


class NotOfferedError(RefusedError):
    """The server does not have this kind of request: for a part of an object, or for its size."""


def panicked(error: BaseException) -> bool:
    """Whether an error, which is no `Exception`, comes from obstore: a panic over a request that it cannot make."""
    return type(error).__name__ == "PanicException"


def meaning(error: BaseException, url: str) -> Exception:
    """What is to be raised for an error of a client.

    Returns:
        FileNotFoundError: the object does not exist. ValueError: it cannot be read as asked. StorageError: nothing can
        be read, and repeating does not help. PassingError: repeating may help.
    """
    if isinstance(error, (StorageError, TooLongError)):
        return error
    text, kind = str(error), type(error).__name__
    reason = _reason(text) or kind
    status = int(found[1]) if (found := _STATUS.search(text)) else 0
    if panicked(error):
        return stopped(
            url,
            f"the client cannot make the request ({reason}): the bucket's name or a variable of the environment is "
            f"malformed{_variables(url)}",
        )
    if any(name in text for name in _NO_BUCKET):
        return stopped(url, f"the bucket does not exist ({reason})")
    if status in _NOT_OFFERED:
        return _not_offered(url, reason)
    if isinstance(error, FileNotFoundError) or status in (404, 410):
        return FileNotFoundError(errno.ENOENT, f"the object does not exist ({reason})", url)
    if isinstance(error, PermissionError) or kind in ("PermissionDeniedError", "UnauthenticatedError"):
        return _refused(url, f"access is denied ({reason}){_variables(url)}")
    if status in (401, 403) or "ExpiredToken" in text or "InvalidAccessKeyId" in text:
        return _refused(url, f"access is denied ({reason}){_variables(url)}")
    if "169.254." in text or "redential" in text or "metadata.google.internal" in text:
        return stopped(url, f"no credentials were found ({reason}){_variables(url)}")
    if "without LOCATION" in text:
        if scheme_of(url) in S3:
            return stopped(url, "the bucket is in another region; set AWS_REGION to its own")
        return stopped(
            url, "the server redirects, but does not say where to; give the object's final address"
        )
    if (
        kind == "NotSupportedError"
        or "non-partial response" in text
        or isinstance(error, NotImplementedError)
    ):
        return _not_offered(url, reason)
    if any(name in text for name in _NO_LENGTH):
        return _without_length(url, reason)
    if status == 416:
        return changed(url)
    if kind == "InvalidPathError" or (
        isinstance(error, ValueError) and ("parse path" in text or isinstance(error, UnicodeError))
    ):
        return ValueError(f"{url!r} cannot be addressed: {reason}; rename the object")
    if 400 <= status < 500 and status not in _PASSING:
        return _refused(url, f"the server refuses the request ({reason})")
    if isinstance(error, (TypeError, AttributeError, ImportError)):
        return error
    return PassingError(errno.EREMOTEIO, reason, url)


def not_set_up(error: Exception, root: str) -> Exception:
    """What is to be raised if there can be no client for a bucket, container or host.

    Returns:
        ValueError: it is not a web address. StorageError: the environment's credentials or endpoint are not usable.
    """
    reason = _reason(str(error)) or type(error).__name__
    if scheme_of(root) in WEB and isinstance(error, ValueError):
        return ValueError(f"{root!r} is not the address of a web server: {reason}")
    return stopped(root, f"the client cannot be set up ({reason}){_variables(root)}")


def too_long(size: int, most: int, key: str) -> TooLongError:
    """The error for an object that is larger than an image may be."""
    return TooLongError(errno.EFBIG, f"{size} bytes, expected at most {most} for an image", key)


def changed(url: str) -> StorageError:
    """The error for an object that is no longer the one that was opened: no sample in it is to blame."""
    return stopped(
        url, "the object is shorter than when the data were opened: it has changed; open the data again"
    )


def stopped(url: str, reason: str) -> StorageError:
    """The error for data that cannot be read at present, with no file to blame."""
    return StorageError(errno.EREMOTEIO, reason, url)


def _refused(url: str, reason: str) -> RefusedError:
    return RefusedError(errno.EREMOTEIO, reason, url)


def _without_length(url: str, reason: str) -> NotOfferedError:
    message = (
        f"the server does not say how many bytes the object has ({reason}), as one that makes or compresses answers on "
        "the way. What is read must have a Content-Length, and parts of archives the size of the whole in their "
        "Content-Range: use a server that gives them, such as nginx for plain files, or copy the data to this machine"
    )
    return NotOfferedError(errno.EREMOTEIO, message, url)


def _not_offered(url: str, reason: str) -> NotOfferedError:
    advice = (
        ". Shards and other archives are read by requests for their size (HEAD) and for parts (ranges): use a server "
        "that answers both, such as nginx, or copy the data to this machine"
    )
    message = f"the server does not support the request, such as one for a part of a file ({reason})"
    return NotOfferedError(errno.EREMOTEIO, message + (advice if scheme_of(url) in WEB else ""), url)


def _variables(url: str) -> str:
    scheme = scheme_of(url)
    names = next((text for schemes, text in _CREDENTIALS.items() if scheme in schemes), None)
    return "" if names is None else f". Credentials come from the environment: {names}"


def _reason(text: str) -> str:
    """The essence of a client's message, which may quote the whole answer and its own data structures."""
    status = _STATUS.search(text)
    code = re.search(r"<Code>([^<]{1,100})</Code>", text)
    if status is not None:
        return f"{status[1]} {status[2].strip()}".strip() + (f", {code[1]}" if code else "")
    first, _, rest = text.partition("\n\nDebug source")
    short = " ".join(first.rpartition(" - ")[2].split())[:300]
    kind = re.search(r"kind: (Connect|Timeout|Decode|Interrupted)\b", rest)
    message = re.search(r'message: "([^"]{1,200})"', rest)
    details = [found[1] for found in (kind, message) if found]
    return short + (f" ({', '.join(details)})" if details else "")
