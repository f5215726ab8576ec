"""`python -m realign.pipeline NAME`: run one stage."""

import sys

from realign.pipeline.runner import main

if __name__ == "__main__":
    sys.exit(main())
