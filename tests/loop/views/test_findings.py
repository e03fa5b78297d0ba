"""The campaign in a few lines."""

from __future__ import annotations

from loop.record.verification_facts import Audited
from loop.views.findings import findings
from tests.loop.views.nights import night


def test_the_summary_of_an_older_journal_claims_nothing_for_its_one_audit_pair() -> None:
    ledger = night()
    ledger.audits.append(Audited(5, 7919, 2.02, 1.88))
    assert findings(ledger).summary.splitlines() == [
        "not verified yet; 'autoresearch verify' measures the gain",
        "selected: #5 val_bpb 1.8500, −0.1400 ± 0.0141 against the baseline on the seeds and rows that chose it, "
        "−7.0 %",
        "6 experiments, 2 kept, 1 crashed",
        "1 TFLOP each · a CPU · sealed score · noise of a pair 0.0141, guessed from 3 baselines",
        "verification: #5 on a seed and rows that chose nothing: 2.0200 → 1.8800, −0.1400; "
        "one pair has no interval, 'autoresearch verify' measures three",
    ]
