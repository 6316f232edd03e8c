"""Methods that tell what they know about a call."""

import salver


@salver.servable(device="oven")
class Calls:
    def about(self, key: str, context: salver.Context) -> salver.Json:
        print(f"asked for {key}")
        return {
            "metadata": context.metadata.get(key),
            "parameters": dict(context.parameters),
            "deadline": context.deadline,
            "cancelled": context.cancelled,
            "device": context.device,
        }

    @salver.function(max_wait_ms=50)
    def who(self, key: str, context: list[salver.Context]) -> str:
        return [each.metadata.get(name, "nobody") for name, each in zip(key, context, strict=True)]
