"""The plugin's exceptions. `PluginError` is what a user reads; `ApiError` is one answer of the API server."""

from typing import Any


class PluginError(Exception):
    """A request that the plugin cannot fulfil.

    Args:
        value: what was found.
        rule: the rule that it broke.
        remedy: the one next thing to do.
    """

    def __init__(self, value: str, rule: str = "", remedy: str = "") -> None:
        lines = [value] + [f"  {label}: {text}" for label, text in (("rule", rule), ("remedy", remedy)) if text]
        super().__init__("\n".join(lines))


class UnreachableError(PluginError):
    """The cluster did not answer, or no usable kubeconfig was given."""


class CancelledError(PluginError):
    """The engine asked the plugin to stop."""


class AwaitError(PluginError):
    """The object exists but did not become ready; `live` is its last known state."""

    def __init__(self, message: str, live: dict[str, Any], reasons: list[str]) -> None:
        super().__init__(message + "".join(f"\n  - {reason}" for reason in reasons))
        self.live, self.reasons = live, [message, *reasons]


class ApiError(Exception):
    """An answer of the API server with a status of 400 or above.

    Attributes:
        code: the HTTP status.
        reason: the Status object's reason, such as `NotFound` or `Invalid`; empty where the body was no Status.
        message: the Status object's message, or the body's first characters.
        causes: the Status object's `details.causes`.
    """

    def __init__(self, code: int, body: dict[str, Any], where: str) -> None:
        self.code, self.where = code, where
        self.reason = str(body.get("reason") or "")
        self.message = str(body.get("message") or f"HTTP {code}")
        details = body.get("details") or {}
        self.causes: list[dict[str, Any]] = details.get("causes") or []
        self.retry_after: float | None = details.get("retryAfterSeconds")
        super().__init__(f"{self.message} ({where}: {code} {self.reason})")

    @property
    def not_found(self) -> bool:
        """Whether the object, its namespace or its type does not exist."""
        return self.code == 404

    @property
    def apply_conflict(self) -> bool:
        """Whether another field manager owns a field that the apply wants to change."""
        return self.code == 409 and any(cause.get("reason") == "FieldManagerConflict" for cause in self.causes)

    @property
    def immutable(self) -> bool:
        """Whether the server refused to change an existing object's field, so that only a replacement helps."""
        words = ("immutable", "may not be changed", "may not change", "cannot change", "forbidden: updates to")
        text = self.message.lower()
        return self.code == 422 and any(word in text for word in words)
