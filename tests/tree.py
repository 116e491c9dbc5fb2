"""The live command tree, as `scripts/generate` walks it."""

import importlib.machinery
import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType

_SCRIPT = Path(__file__).parent.parent / "scripts" / "generate"


@cache
def generate() -> ModuleType:
    """The script as a module."""
    loader = importlib.machinery.SourceFileLoader("generate", str(_SCRIPT))
    spec = importlib.util.spec_from_loader("generate", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module
