"""Hugging Face Trainer with an image classifier of transformers.

python examples/hf_trainer.py imagenet/train imagenet/val --output run
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import torch
from accelerate.utils import broadcast
from transformers import ResNetConfig, ResNetForImageClassification, Trainer, TrainingArguments
from transformers.trainer_utils import EvalLoopOutput

from dali_mixup import CutMix, MixPolicy, MixUp, SoftTargetCrossEntropy, open_source, train_loader, val_loader
from dali_mixup.integrations.transformers import NamedBatches
from dali_mixup.sources import Source


class MixTrainer(Trainer):
    """A Trainer that takes its batches from two folders."""

    def __init__(self, train: Source, val: str, image_size: int, **given: Any) -> None:
        self.train_data, self.val_data, self.image_size = train, val, image_size
        super().__init__(**given, train_dataset=[], eval_dataset=[])
        # compute_loss gives a batch's mean: to be divided by the accumulated batches, and not times the ranks.
        self.model_accepts_loss_kwargs = False

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The models' own loss would treat soft labels as independent binary ones."""
        outputs = model(pixel_values=inputs["pixel_values"])
        loss = SoftTargetCrossEntropy()(outputs.logits, inputs["labels"])
        return (loss, outputs) if return_outputs else loss

    def get_train_dataloader(self) -> NamedBatches:
        policy = MixPolicy([MixUp(0.2), CutMix(1.0)], label_smoothing=0.1)
        return NamedBatches(
            train_loader(
                self.train_data,
                policy=policy,
                batch_size=self.args.per_device_train_batch_size,
                image_size=self.image_size,
                device=self.args.device,
            )
        )

    def get_eval_dataloader(self, eval_dataset: Any = None) -> NamedBatches:
        return NamedBatches(
            val_loader(
                self.val_data,
                classes=self.train_data,
                batch_size=self.args.per_device_eval_batch_size,
                image_size=self.image_size,
                device=self.args.device,
            )
        )

    def evaluation_loop(
        self, dataloader: Any, *_: Any, metric_key_prefix: str = "eval", **__: Any
    ) -> EvalLoopOutput:
        """Exact on any number of ranks: every image counts once. The Trainer's own gathers batches, in which ranks may
        differ by a row, or a step."""
        model = self.model.eval()
        for buffer in model.buffers():  # every rank has BatchNorm statistics of its own; rank 0's are saved
            broadcast(buffer)
        counts = torch.zeros(2, dtype=torch.int64, device=self.args.device)
        with torch.no_grad(), self.accelerator.autocast():
            for batch in dataloader:
                right = model(pixel_values=batch["pixel_values"]).logits.argmax(1) == batch["labels"]
                counts += torch.stack([right.sum(), torch.tensor(len(right), device=counts.device)])
        right, images = self.accelerator.reduce(counts).tolist()
        measured = {f"{metric_key_prefix}_accuracy": right / images, f"{metric_key_prefix}_images": images}
        return EvalLoopOutput(predictions=None, label_ids=None, metrics=measured, num_samples=images)


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train")
    parser.add_argument("val")
    parser.add_argument("--output", default="run")
    parser.add_argument("--epochs", type=int, default=90)
    parser.add_argument("--batch-size", type=int, default=16, help="per rank")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--width", type=int, default=64, help="channels of the first stage")
    parser.add_argument("--resume", action="store_true", help="from the last whole epoch saved in --output")
    args = parser.parse_args(arguments)

    train = open_source(args.train)
    stages = [args.width * 2**i for i in range(4)]
    config = ResNetConfig(embedding_size=args.width, hidden_sizes=stages, num_labels=train.num_classes)
    trainer = MixTrainer(
        train,
        args.val,
        args.image_size,
        model=ResNetForImageClassification(config),
        args=TrainingArguments(
            output_dir=args.output,
            num_train_epochs=args.epochs,
            learning_rate=1e-3,
            weight_decay=0.05,
            per_device_train_batch_size=args.batch_size,
            per_device_eval_batch_size=args.batch_size,
            save_strategy="epoch",
            report_to="none",
            remove_unused_columns=False,
            use_cpu=not torch.cuda.is_available(),  # else ranks without a GPU would not find each other
        ),
    )
    trainer.train(resume_from_checkpoint=args.resume or None)
    measured = trainer.evaluate()
    if trainer.is_world_process_zero():
        print(f"{measured['eval_accuracy']:.1%} of {measured['eval_images']} validation images correct")
    return measured


if __name__ == "__main__":
    main()
