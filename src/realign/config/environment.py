"""The one environment block: threads, determinism, offline and telemetry switches.

Import it before any heavy library; `settle` sets it for this process and all its children.
"""

import ctypes
import os
import signal
import sys
import warnings

_BLOCK = {
    # Two torch threads beside any other busy process are 15 to 30 times slower (spin-wait).
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONHASHSEED": "0",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    # No connection that was not asked for.
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # A busy machine takes longer than Prefect's 20 seconds to start its server.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "GX_ANALYTICS_ENABLED": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "MPLBACKEND": "Agg",
}

FLOW = "REALIGN_FLOW"  # in the environment of a stage that a flow started


def settle(hub: bool = False) -> None:
    """Set every switch that the caller's environment does not set already.

    Args:
        hub: the run's parameters name something on a model hub, so the hub may be asked.
    """
    for key, value in _BLOCK.items():
        if not (hub and key == "HF_HUB_OFFLINE"):
            os.environ.setdefault(key, value)


def reported_by_flow() -> bool:
    """Whether a flow started this stage, which says its error once, from the status that the stage leaves."""
    return FLOW in os.environ


def hub_is_offline() -> bool:
    """Whether nothing may be downloaded from the hub."""
    return os.environ.get("HF_HUB_OFFLINE") == "1"


def quiet_libraries() -> None:
    """Silence notices of libraries that a user can do nothing about."""
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=UserWarning)


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies, so that no training outlives its flow.

    Linux only; elsewhere a stage that is cut loose ends at its own pace.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGTERM)
    if os.getppid() != parent:  # it died between the two calls
        os.kill(os.getpid(), signal.SIGTERM)
