"""Writes dist/sbom.cdx.json and THIRD_PARTY.md: `python -m tests.packaging` (`make sbom`)."""

import json

from tests.packaging.bill import ROOT, bill, notices

(ROOT / "dist").mkdir(exist_ok=True)
(ROOT / "dist/sbom.cdx.json").write_text(json.dumps(bill(), indent=2) + "\n", "utf-8")
(ROOT / "THIRD_PARTY.md").write_text(notices(), "utf-8")
