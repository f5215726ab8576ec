"""`realign serve`: the flow on a schedule, in one process, against a Prefect server."""

import os
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from realign.errors import UserError

DEPLOYMENT = "retrain"


def serve(root: Path, cron: str, timezone: str) -> None:
    """Serve the flow until interrupted; a run that is still going makes the next one wait.

    Raises:
        UserError: no Prefect server is configured, or the schedule is invalid.
    """
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType
    from pydantic import ValidationError

    from flows import server
    from flows.align import align

    try:
        ZoneInfo(timezone)  # Prefect would look at it when the first run is due
        schedule = Cron(cron, timezone=timezone)
    except (ZoneInfoNotFoundError, ValidationError, ValueError) as error:
        lines = str(error).splitlines()
        reason = lines[-2 if len(lines) > 2 else -1].strip()
        raise UserError(
            f"--cron {cron!r} with --timezone {timezone!r} is not a schedule: {reason}",
            code="serve.bad_schedule",
        ) from None
    address = server.address()
    if not address:
        raise UserError(
            "a schedule needs a Prefect server that outlives this process. Start one with: prefect server start, "
            "then: export PREFECT_API_URL=http://127.0.0.1:4200/api",
            code="serve.no_server",
        )
    server.check(address)
    os.chdir(root)
    align.serve(
        name=DEPLOYMENT,
        schedule=schedule,
        parameters={"root": str(root)},
        limit=1,
        pause_on_shutdown=False,
        entrypoint_type=EntrypointType.MODULE_PATH,
        print_starting_message=True,
    )
