"""The library's methods: fields of requests are inputs, documents are replies."""

from collections.abc import Iterator

import salver

library = salver.proto("library.proto")


@library.service("Library")
class Library:
    """Books that it makes up."""

    def get(self, name: str, pages: int, tags: salver.Json) -> salver.Json:
        if name == "nowhere":
            raise salver.InvalidInput("there is no such book")
        return {"book": {"name": name, "pages": pages}, "tags": tags, "hits": 1 << 60}

    def update(self, name: str, book: salver.Json) -> salver.Json:
        return {**book, "name": name}

    def watch(self, name: str, pages: int, tags: salver.Json) -> Iterator[salver.Json]:
        for page in range(pages):
            yield {"name": name, "pages": page}
        if tags == ["broken"]:
            raise salver.InvalidInput("it is torn")
