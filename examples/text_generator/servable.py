"""Text that comes piece by piece: a Markov chain of words, trained on what Python tells about itself.

    salver serve examples/text_generator/servable.py
    curl -N -H 'accept: text/event-stream' -d '{"prompt": "the", "seed": 7}' \
        http://127.0.0.1:8500/servables/text_generator

Every sentence is sent as soon as it is there. When the caller leaves, the generator is closed.
"""

from collections import defaultdict
from collections.abc import Iterator
from pydoc_data.topics import topics
from random import Random

import salver

ORDER = 2


@salver.servable
class TextGenerator:
    def setup(self) -> None:
        """Note what follows each pair of words, each single word, and nothing at all."""
        self.following: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for text in topics.values():
            words = text.split()
            for index, word in enumerate(words):
                for length in range(min(index, ORDER) + 1):
                    self.following[tuple(words[index - length : index])].append(word)

    def generate(self, prompt: str, context: salver.Context, seed: int | None = None, length: int = 5) -> Iterator[str]:
        """Go on after `prompt` for `length` sentences; the same `seed` gives the same text."""
        if length < 1:
            raise salver.InvalidInput(f"length is {length}: ask for at least one sentence")
        random, words = Random(seed), prompt.split()
        try:
            for _ in range(length):
                begun = len(words)
                while len(words) == begun or not words[-1].endswith("."):
                    if context.cancelled:  # worth asking where a piece may take long
                        return
                    words.append(self._next_word(words[-ORDER:], random))
                yield " ".join(words[begun:])
        finally:
            print(f"{len(words)} words that begin with {prompt!r}")

    def _next_word(self, words: list[str], random: Random) -> str:
        while tuple(words) not in self.following:
            words = words[1:]
        return random.choice(self.following[tuple(words)])
