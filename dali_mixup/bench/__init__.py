"""The parts of `dali-mixup bench` and `dali-mixup tune`: contenders that do equal work, measured in turn. The commands
are the interface; the modules may change without notice."""

__all__: list[str] = []
