"""Words that leave: notifications through Apprise, gathered a channel, and the signed outgoing webhook."""

from bot.notify.post import Post

__all__ = ["Post"]
