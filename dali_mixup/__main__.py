"""`python -m dali_mixup` is the `dali-mixup` command."""

from __future__ import annotations

from dali_mixup.cli import main

if __name__ == "__main__":
    main()
