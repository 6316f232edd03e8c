"""What there is to be seen, in the order of the network's scores."""

LABELS = ("temple", "flower")
