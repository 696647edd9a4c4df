"""When open operations are looked after. Long waits are rows with a due time, never sleeping processes."""

# Looking up before the call's own deadline would meet requests that are still on their way.
FIRST_LOOK_SECONDS = 5
# Then 30 s, 2 min and 10 min after the deadline, and every hour for as long as the outcome is open.
NEXT_LOOKS_SECONDS = (25, 90, 480, 3600)
# Four looks in the first ten minutes, then one an hour for a day: after that a person is asked for.
LOOKS_BEFORE_A_PERSON = len(NEXT_LOOKS_SECONDS) + 24
# A lookup is a read: a processor that needs longer is asked again later.
LOOK_TIMEOUT_SECONDS = 10.0
# Within this time the same reference is sent again when the processor does not know it: the customer still
# waits for the charge. Later it is voided by reference, so that nobody is charged out of the blue.
RESEND_CHARGE_SECONDS = 3600
