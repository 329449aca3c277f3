"""The parts of `dali-mixup bench` and `dali-mixup tune`: contenders that do equal work, measured in turn. The commands
are the interface; nothing here is promised to importers."""

__all__: list[str] = []
