"""A template can be wrong, huge or hostile; it cannot get out, run on or fill the memory."""

import time

import pytest

from commands.faults import CommandError
from commands.template import check, inline, render
from tests.commands.words import item

_DOUBLED = "{% set a = 'a' %}" + "{% set a = a ~ a %}" * 18
_HOSTILE = {
    "python's insides": "{{ ''.__class__.__mro__ }}",
    "insides by key": "{{ item['__class__'].x }}",
    "insides by filter": "{{ item | attr('__class__') }}",
    "insides by map": "{{ ['x'] | map(attribute='__class__') | join }}",
    "insides by format": "{{ '{0.__class__}'.format(1) }}",
    "insides of strangers' text": "{{ item.title.text }}",
    "insides of the template": "{{ self._TemplateReference__context }}",
    "globals": "{{ lipsum.__globals__ }}",
    "changes its input": "{{ item.labels.append('x') }}",
    "wide range": "{{ range(10000000000) | list | length }}",
    "long loops": "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
    "deep loops": "{% for i in range(2) %}" * 30 + "{% endfor %}" * 30,
    "deep conditions": "{% if 1 %}" * 2000 + "{% endif %}" * 2000,
    "deep brackets": "{{" + "(" * 5000 + "1" + ")" * 5000 + "}}",
    "recursion": "{% for a in item.labels recursive %}{{ loop(item.labels) }}{% endfor %}",
    "recursive macro": "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
    "repeated text": "{{ 'a' * 1000000000 }}",
    "repeated list": "{{ ([1] * 1000000000) | length }}",
    "power": "{{ 10 ** 10 ** 10 }}",
    "factorial": "{% set ns = 9 * 999999999999999 * 99999 %}",
    "formatted": "{{ '%1000000000d' % 1 }}",
    "centred": "{{ 'a' | center(1000000000) }}",
    "doubled by ~": "{% set a = 'xx' %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}",
    "doubled by +": "{% set a = 'xx' %}" + "{% set a = a + a %}" * 60 + "{{ a }}",
    "doubled by block": "{% set a %}xx{% endset %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 60 + "{{ a }}",
    "doubled by list": "{% set a = [1] %}" + "{% set a = [a, a] %}" * 60 + "{{ a == a }}",
    "doubled by replace": "{% set a = 'aa' %}" + "{% set a = a | replace('a', a) %}" * 9,
    "replaced nothing": "{{ 'aaaa' | replace('', 'a') }}",
    "joined wide": _DOUBLED + "{{ ['a', 'b', 'c'] | join(a) | length }}",
    "copied often": _DOUBLED + "{% for i in range(1000) %}{% for j in range(90) %}{% set b = a.upper() %}{% endfor %}{% endfor %}",
    "searched often": _DOUBLED
    + "{% for i in range(1000) %}{% for j in range(90) %}{% if 'zz' in a %}{% endif %}{% endfor %}{% endfor %}",
    "tested often": _DOUBLED
    + "{% for i in range(1000) %}{% for j in range(90) %}{% if 'zz' is in(a) %}{% endif %}{% endfor %}{% endfor %}",
    "sliced often": _DOUBLED + "{% for i in range(1000) %}{% for j in range(90) %}{% set b = a[1:] %}{% endfor %}{% endfor %}",
    "printed much": _DOUBLED + "{% for i in range(1000) %}{{ a }}{% endfor %}",
    "walks strangers' text": "{% for c in item.title %}{{ c }}{% endfor %}",
    "slices strangers' text": "{{ item.title[:3] }}",
    "adds strangers' text": "{{ item.title + '' }}",
}  # fmt: skip


@pytest.mark.parametrize("body", _HOSTILE.values(), ids=_HOSTILE.keys())
def test_a_hostile_template_is_stopped(body: str) -> None:
    """It ends as one clear error within a second, whatever it tries, and checking it is as safe."""
    started = time.monotonic()
    check(inline(body))
    with pytest.raises(CommandError) as caught:
        render(inline(body), {"item": item("issues")})
    assert time.monotonic() - started < 1.5
    assert "\n" not in str(caught.value)
    assert "No filter named" not in str(caught.value)  # stopped for what it does, not by a slip of ours


def test_a_large_honest_template_is_not_stopped() -> None:
    """A thousand labels and a full-size diff pass."""
    labels = [f"label-{n}" for n in range(1_000)]
    body = (
        "{% for label in item.labels %}{{ loop.index }}. {{ label | upper }}\n{% endfor %}{{ 'x' | string }}"
    )
    assert "1000. LABEL-999" in render(inline(body), {"item": {"labels": labels}})
