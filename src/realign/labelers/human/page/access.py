"""Access: unguessable links, signed sessions, and forms that belong to a session."""

import contextlib
import hashlib
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from itsdangerous import BadSignature, Signer, URLSafeTimedSerializer

SESSION_DAYS = 30


@dataclass(frozen=True)
class Session:
    """A browser that signed in by a link: whose link, and the session's own random number."""

    name: str
    number: str


class Keys:
    """Signs links, cookies and forms with one secret; whoever has the secret can sign in as anybody.

    Args:
        secret: at least 32 random characters.
    """

    def __init__(self, secret: str) -> None:
        self._sessions = URLSafeTimedSerializer(
            secret, salt="session", signer_kwargs={"digest_method": hashlib.sha256}
        )
        self._links = Signer(secret, salt="link", digest_method=hashlib.sha256)
        self._forms = Signer(secret, salt="form", digest_method=hashlib.sha256)

    def token(self, name: str) -> str:
        """The unguessable part of a person's link: 256 bits, the same after a restart."""
        return self._links.get_signature(name).decode()

    def cookie(self, name: str) -> str:
        """The cookie of a new session."""
        return str(self._sessions.dumps([name, secrets.token_urlsafe(16)]))

    def session(self, cookie: str) -> Session | None:
        """The session of a cookie; None if it is not ours or too old."""
        try:
            return Session(*self._sessions.loads(cookie, max_age=SESSION_DAYS * 24 * 3600))
        except BadSignature:
            return None

    def form_token(self, session: Session) -> str:
        """The token that every form of this session must carry (against CSRF)."""
        return self._forms.get_signature(session.number).decode()

    def form_is_ours(self, session: Session, token: str) -> bool:
        """Whether a form's token belongs to this session; in constant time."""
        return self._forms.verify_signature(session.number, token)


def secret(path: Path) -> str:
    """The secret in a file that only its owner can read; created where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)  # mode 0600
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(secrets.token_urlsafe(32))
    with contextlib.suppress(FileExistsError):
        os.link(name, path)  # atomic, and never overwrites another process's secret
    Path(name).unlink()
    return path.read_text(encoding="ascii")
