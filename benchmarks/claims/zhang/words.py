"""Spoken words as wav files, from the speech synthesiser eSpeak NG."""

from __future__ import annotations

import ctypes
import wave
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import espeakng_loader

WORDS = ("down", "go", "left", "no", "right", "stop", "up", "yes")
SYNCHRONOUS, RATE, PITCH = 2, 1, 3  # espeak_AUDIO_OUTPUT and espeak_PARAMETER of speak_lib.h
HEARD = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@cache
def synthesiser() -> tuple[Any, int]:
    """The library, which can be initialised once in a process, and its samples per second."""
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, str(espeakng_loader.get_data_path()).encode(), 0)
    if rate <= 0:
        raise RuntimeError(
            f"eSpeak NG did not start: espeak_Initialize gave {rate}, expected samples per second"
        )
    return library, rate


def spoken(word: str, voice: str, words_per_minute: int, pitch: int) -> tuple[bytes, int]:
    """16-bit samples of one channel, and how many there are in a second.

    Raises:
        ValueError: a voice that eSpeak NG does not have.
    """
    library, rate = synthesiser()
    heard: list[bytes] = []

    @HEARD
    def hear(samples: Any, count: int, events: Any) -> int:
        if samples and count:
            heard.append(ctypes.string_at(samples, 2 * count))
        return 0

    library.espeak_SetSynthCallback(hear)
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise ValueError(f"spoken: voice={voice!r}, expected one of eSpeak NG's, such as 'en+f2'")
    library.espeak_SetParameter(RATE, words_per_minute, 0)
    library.espeak_SetParameter(PITCH, pitch, 0)
    text = word.encode()
    library.espeak_Synth(text, ctypes.c_size_t(len(text) + 1), 0, 0, 0, 1, None, None)
    library.espeak_Synchronize()
    return b"".join(heard), rate


def write_words(root: Path, voices: Sequence[str], words: Sequence[str] = WORDS) -> Path:
    """root/WORD/VOICE-SPEED-PITCH.wav, each word four times by each voice."""
    for word in words:
        (root / word).mkdir(parents=True, exist_ok=True)
        for voice in voices:
            for speed in (140, 180):
                for pitch in (35, 65):
                    samples, rate = spoken(word, voice, speed, pitch)
                    with wave.open(str(root / word / f"{voice}-{speed}-{pitch}.wav"), "wb") as file:
                        file.setnchannels(1)
                        file.setsampwidth(2)
                        file.setframerate(rate)
                        file.writeframes(samples)
    return root
