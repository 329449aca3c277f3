"""What `dali-mixup bench` and `dali-mixup tune` are made of: contenders that do equal work, measured in turn."""
