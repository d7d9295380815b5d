"""The embedded GitHub: a server that behaves like GitHub for the demo and for the tests."""

from bot.demo.gitstore import Files
from bot.demo.handles import CommitSpec, DemoIssue, DemoRepo
from bot.demo.records import App, Comment, Delivery, Installation
from bot.demo.state import GitHub

__all__ = [
    "App",
    "Comment",
    "CommitSpec",
    "Delivery",
    "DemoIssue",
    "DemoRepo",
    "Files",
    "GitHub",
    "Installation",
]
