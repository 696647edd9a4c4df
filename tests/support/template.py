"""`python -m tests.support.template FOLDER`: leaves a cluster at rest there, with both databases migrated, which
runs of tests beside each other copy instead of making one each."""

import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.support.servers import start_servers


def main(folder: Path) -> None:
    with ExitStack() as stack:
        servers = start_servers(stack)
        servers.postgres.stop()
        shutil.copytree(servers.folder / "data", folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
