"""`python -m kapiserver` is the `kapiserver` command."""

import sys

from kapiserver.cli.main import main

sys.exit(main())
