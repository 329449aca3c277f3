"""What an archive holds beside its samples: counted, with an example of each kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass
class Notes:
    """Other contents of an archive: for each finding the count and an example.

    Attributes:
        found: count and example by finding.
    """

    found: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, finding: str, example: str, count: int = 1) -> None:
        before, first = self.found.get(finding, (0, example))
        self.found[finding] = (before + count, first)

    def texts(self, findings: Mapping[str, str]) -> list[str]:
        """One line per finding.

        Args:
            findings: the text of each, with {count} and {example}.

        Raises:
            KeyError: a finding without a text.
        """
        return [
            findings[key].format(count=count, example=example) for key, (count, example) in self.found.items()
        ]


def merged(notes: Iterator[Notes]) -> Notes:
    """The notes of all archives together."""
    total = Notes()
    for one in notes:
        for finding, (count, example) in one.found.items():
            total.add(finding, example, count)
    return total
