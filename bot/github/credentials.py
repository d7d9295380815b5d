"""Who we are to GitHub: an App with its key, or a plain token."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.settings import Settings


@dataclass(frozen=True, slots=True)
class Credentials:
    """An App (`app_id` and `private_key`) or a `token`; the App wins where both are there."""

    app_id: int | None = None
    private_key: str | None = field(default=None, repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    @property
    def is_app(self) -> bool:
        """Whether we speak as an App."""
        return self.app_id is not None and self.private_key is not None

    @property
    def present(self) -> bool:
        """Whether there is anything to speak with."""
        return self.is_app or bool(self.token)

    @classmethod
    def of(cls, settings: Settings) -> Credentials:
        """What the environment says; raises SettingsError where the key file cannot be read."""
        secret = settings.github_webhook_secret
        return cls(
            app_id=settings.github_app_id,
            private_key=settings.private_key(),
            webhook_secrets=_both(secret.get_secret_value()) if secret else (),
            client_id=settings.github_client_id,
            client_secret=settings.github_client_secret.get_secret_value()
            if settings.github_client_secret
            else None,
            token=settings.github_token.get_secret_value() if settings.github_token else None,
        )


def _both(text: str) -> tuple[str, ...]:
    """Read one secret, or two during rotation."""
    return tuple(part for part in (piece.strip() for piece in text.split(",")) if part)
