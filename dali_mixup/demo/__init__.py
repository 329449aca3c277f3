"""What `dali-mixup demo` is made of: photographs to learn from, and a small network that learns from them."""
