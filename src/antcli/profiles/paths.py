"""Where profiles and data are kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def config_dir(environ: Mapping[str, str]) -> Path:
    """ANT_CONFIG_DIR, else the user's configuration directory for `ant`. Not created."""
    given = environ.get("ANT_CONFIG_DIR")
    if given:
        return Path(given).expanduser().absolute()
    from platformdirs import user_config_path

    return user_config_path("ant", appauthor=False)


def data_dir(environ: Mapping[str, str]) -> Path:
    """ANT_DATA_DIR, else the user's data directory for `ant`. Not created."""
    given = environ.get("ANT_DATA_DIR")
    if given:
        return Path(given).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("ant", appauthor=False)


def cache_dir(environ: Mapping[str, str]) -> Path:
    """ANT_CACHE_DIR, else the user's cache directory for `ant`. Not created."""
    given = environ.get("ANT_CACHE_DIR")
    if given:
        return Path(given).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("ant", appauthor=False)


def official_dir(environ: Mapping[str, str]) -> Path:
    """Where the official command line and the SDKs keep their profiles: ANTHROPIC_CONFIG_DIR, else the XDG place."""
    given = environ.get("ANTHROPIC_CONFIG_DIR")
    if given:
        return Path(given).expanduser()
    base = environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path(environ.get("HOME") or Path.home()) / ".config") / "anthropic"
