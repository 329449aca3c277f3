"""timm's model, optimizer, schedule, losses and moving average; its arguments for Mixup and CutMix keep their meaning.

python examples/timm_step.py imagenet/train imagenet/val --bce
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import timm
import torch
from timm.loss import BinaryCrossEntropy, SoftTargetCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler
from timm.utils import AverageMeter, ModelEmaV3, NativeScaler, accuracy

from dali_mixup import MixPolicy, Schedule, train_loader, val_loader


def main(arguments: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train")
    parser.add_argument("val")
    parser.add_argument("--model", default="vit_small_patch16_224", help="of timm")
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--mixup-off-epoch", type=int, default=280, help="0: mix to the end")
    parser.add_argument("--bce", action="store_true", help="binary cross-entropy")
    args = parser.parse_args(arguments)

    policy = MixPolicy.from_timm(
        mixup_alpha=0.8,
        cutmix_alpha=1.0,
        switch_prob=0.5,
        label_smoothing=0.1,
        schedule=Schedule(stop=args.mixup_off_epoch or None),
    )
    with (
        train_loader(
            args.train, policy=policy, batch_size=args.batch_size, image_size=args.image_size
        ) as batches,
        val_loader(
            args.val, classes=batches, batch_size=args.batch_size, image_size=args.image_size
        ) as validation,
    ):
        device = batches.device
        config = timm.models.get_pretrained_cfg(args.model)
        fixed = config is not None and config.fixed_input_size  # as a ViT's: it is built for one size
        size = {"img_size": args.image_size} if fixed else {}
        model = timm.create_model(args.model, num_classes=batches.num_classes, **size).to(device)
        optimizer = create_optimizer_v2(model, opt="adamw", lr=1e-3, weight_decay=0.05)
        schedule = CosineLRScheduler(optimizer, t_initial=args.epochs * len(batches), t_in_epochs=False)
        average, scaler = ModelEmaV3(model, decay=0.999, use_warmup=True), NativeScaler(device=device.type)
        # The targets are smoothed already: these losses must not do it again.
        loss_of = BinaryCrossEntropy(smoothing=0.0) if args.bce else SoftTargetCrossEntropy()

        top1 = AverageMeter()
        for epoch in range(args.epochs):
            model.train()
            for step, (images, targets) in enumerate(batches):
                with torch.autocast(device.type, torch.bfloat16):
                    logits = model(images)
                loss = loss_of(logits.float(), targets)
                optimizer.zero_grad()
                scaler(loss, optimizer, clip_grad=1.0, parameters=model.parameters())
                done = epoch * len(batches) + step + 1  # counted from 1, as in timm's own train.py
                average.update(model, step=done)
                schedule.step_update(done)
            top1.reset()
            average.module.eval()
            for images, labels in validation:
                with torch.no_grad():
                    (right,) = accuracy(average.module(images), labels, topk=(1,))
                top1.update(float(right), len(labels))
            print(f"{epoch + 1} epochs done, {top1.avg:.1f}% of {top1.count} validation images correct")
    return top1.avg


if __name__ == "__main__":
    main()
