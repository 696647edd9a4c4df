"""`make fuzz-api`: requests made up from docs/openapi.json, good and bad ones, at a running gateway. Exit code 1 for
an answer that the document does not have, a 5xx among them."""

import argparse
import os
import random
import sys
from contextlib import ExitStack

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

from tests.support.servers import start_servers

EXAMPLES = 200


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.openapi", description=__doc__)
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="for each operation")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    django.setup()
    # Only now: its models need the settings.
    from merchants.services import create_merchant
    from tests.console.world import start_world
    from tests.openapi.fuzzing import fuzz

    with ExitStack() as stack:
        world = start_world(stack, start_servers(stack), "fuzz_api")
        stack.enter_context(world.looked_at())
        key = create_merchant("A shop").keys["sk_test"]
        print(f"seed {options.seed}", flush=True)
        return fuzz(world.url, key, examples=options.examples, seed=options.seed)


if __name__ == "__main__":
    sys.exit(main())
