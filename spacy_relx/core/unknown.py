"""What stands in targets for what the annotation does not say; here, since networks and data both need it."""

#: Of a label in targets, beside 1 (it holds) and 0 (it does not): it is not known whether it holds.
UNKNOWN = -1
