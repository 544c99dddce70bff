"""What a scoring server says of itself: no data is sent, and only what MLflow's server has is asked."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit
from urllib.response import addinfourl

from mlflow_kerasguard.deployment.launch import SIGNATURE_HEADER, VERDICT_HEADER, VERSION_HEADER
from mlflow_kerasguard.errors import UsageError

_LARGEST_ANSWER = 1000
_UNTOLD = "not told; a server says it that `kerasguard serve` has started"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """A server's answers.

    Attributes:
        url: where it was asked.
        ready: whether it answers, which it does once the model is loaded.
        problem: why it isn't ready; None where it is.
        mlflow: version of its MLflow.
        kerasguard: version of the guard that let it start; None where the server doesn't tell.
        verdict: what that found; None likewise.
        signature: the digest of the model's compatibility signature; None likewise.
    """

    url: str
    ready: bool
    problem: str | None = None
    mlflow: str | None = None
    kerasguard: str | None = None
    verdict: str | None = None
    signature: str | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)

    def __str__(self) -> str:
        if not self.ready:
            return f"not ready   {self.url}: {self.problem}"
        lines = [f"ready       {self.url}", f"mlflow      {self.mlflow}", f"kerasguard  {self.kerasguard or _UNTOLD}"]
        if self.kerasguard:
            lines += [f"verdict     {self.verdict}", f"signature   {self.signature}"]
        return "\n".join(lines)


def read_status(url: str, *, time_limit: float = 5.0) -> ServerStatus:
    """Ask a server.

    Args:
        url: where it listens, such as ``http://127.0.0.1:5000``.
        time_limit: seconds to wait for each answer.

    Raises:
        UsageError: it is no address of an HTTP server.
    """
    base = _base(url)
    try:
        with _ask(f"{base}/ping", time_limit):
            pass
        with _ask(f"{base}/version", time_limit) as answer:
            version, headers = answer.read(_LARGEST_ANSWER).decode("utf-8", "replace").strip(), answer.headers
    except urllib.error.HTTPError as error:
        return ServerStatus(url=base, ready=False, problem=f"it answers {error.code} {error.reason}")
    except OSError as error:
        reason = getattr(error, "reason", error)
        return ServerStatus(url=base, ready=False, problem=f"no answer: {getattr(reason, 'strerror', None) or reason}")
    return ServerStatus(
        url=base,
        ready=True,
        mlflow=version,
        kerasguard=headers.get(VERSION_HEADER),
        verdict=headers.get(VERDICT_HEADER),
        signature=headers.get(SIGNATURE_HEADER),
    )


def _base(url: str) -> str:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"`{url}` is no address of a server; expected one such as `http://127.0.0.1:5000`")
    path = parts.path.rstrip("/").removesuffix("/invocations").removesuffix("/ping")
    return f"{parts.scheme}://{parts.netloc}{path}"


def _ask(url: str, time_limit: float) -> addinfourl:
    # The scheme is one of HTTP's.
    answer: addinfourl = urllib.request.urlopen(url, timeout=time_limit)  # noqa: S310 - the user gave the address
    return answer
