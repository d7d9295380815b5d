"""GitHub's issue and pull request search language: read, checked, matched, explained, planned and described.

    query = filters.parse('is:open label:bug -label:wontfix updated:<7d')
    matches = filters.compile(query, now=now, me="octocat")
    matches(item)          # Verdict.YES, NO or UNKNOWN

It imports nothing of Roundsman and can be used alone.
"""

from filters.advice import names_state, warnings
from filters.complete import Completion, complete
from filters.describe import describe
from filters.errors import Diagnostic, QueryError, carets
from filters.explain import Explanation, Reason, explain
from filters.graphql import from_graphql
from filters.match import Matcher, compile, needs  # noqa: A004  (the word of `re.compile`)
from filters.nodes import And, Node, Not, Or, Query, Term, Text, Value, leaves
from filters.plan import Call, Known, Plan, StopRule, plan
from filters.syntax import check, parse
from filters.verdict import Facet, Verdict

__all__ = [
    "And",
    "Call",
    "Completion",
    "Diagnostic",
    "Explanation",
    "Facet",
    "Known",
    "Matcher",
    "Node",
    "Not",
    "Or",
    "Plan",
    "Query",
    "QueryError",
    "Reason",
    "StopRule",
    "Term",
    "Text",
    "Value",
    "Verdict",
    "carets",
    "check",
    "compile",
    "complete",
    "describe",
    "explain",
    "from_graphql",
    "leaves",
    "names_state",
    "needs",
    "parse",
    "plan",
    "warnings",
]
